"""Masked on the way out, restored on the way back: real SDKs, the proxy, the real Portkey, a fake model."""

import json
import re
from itertools import pairwise

import anthropic
import httpx
import pytest
import servers
from streaming import anthropic_events, assembled, chat_chunks, responses_events

TURNS = 50
POLICY = """\
version: 1
policy: restore
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {type: pii, entities: [EMAIL_ADDRESS]}
    action: mask
    mask:
      with: placeholder
      restore: {roles: [assistant], kinds: [text, tool_input], tools: [Write]}
  - id: secret
    title: A credential
    severity: high
    detect: {type: secret, kinds: ["*"]}
    action: mask
    mask:
      with: placeholder
      restore: {roles: [assistant], kinds: [tool_input], tools: [Write]}
  - id: pin
    title: A PIN, which only the word before it shows
    severity: high
    detect: {type: regex, pattern: 'pin: (?P<secret>[0-9]{6})', label: PIN}
    action: mask
    mask: {with: placeholder, restore: {kinds: [text, tool_input], tools: [Write]}}
  - id: never
    title: A number that never comes back
    severity: high
    detect: {type: regex, pattern: 'PRJ-\\d{6}', label: PROJECT}
    action: mask
    mask: {with: placeholder}
"""
PLACEHOLDER = re.compile(r"MASKED_[A-Z0-9_]+_[0-9A-Z]{16}")
MAIL = "grace.unmistakable@example.com"
OTHER = "linus.unmistakable@example.com"
TOOLS = [
    {"name": name, "description": "t", "input_schema": {"type": "object", "properties": {}}}
    for name in ("Write", "Log")
]
SPELLINGS = [
    str,
    str.lower,
    lambda one: one.replace("_", "\\_"),
    lambda one: one.replace("_", " ").title(),
    lambda one: f"**{one}**",
    lambda one: f"`{one}`",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restore")
    (folder / "policies").mkdir()
    (folder / "policies/restore.yaml").write_text(POLICY)
    return folder


@pytest.fixture(scope="module")
def running(folder, upstream):
    vault = folder / "vault.sqlite"
    address = f"http://127.0.0.1:{upstream.port}"
    with servers.proxy(folder, folder / "policies", address, vault=vault) as made:
        yield made


@pytest.fixture
def proxy(running, upstream):
    upstream.reset()
    return running


@pytest.fixture
def url(proxy):
    return proxy.url


def message(text="", **calls):
    """A message of the fake model: what it says, and the tools that it calls."""
    content = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": given}
        for name, given in calls.items()
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def streamed(whole):
    """The same message as a stream, cut into pieces of three characters."""

    def event(body):
        return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode()

    yield event({"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}})
    for index, block in enumerate(whole["content"]):
        kind = block["type"]
        text = block["text"] if kind == "text" else json.dumps(block["input"])
        begun = {**block, **({"text": ""} if kind == "text" else {"input": {}})}
        yield event({"type": "content_block_start", "index": index, "content_block": begun})
        for at in range(0, len(text), 3):
            piece = text[at : at + 3]
            delta = (
                {"type": "text_delta", "text": piece}
                if kind == "text"
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield event({"type": "content_block_delta", "index": index, "delta": delta})
        yield event({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}})
    yield event({"type": "message_stop"})


def model(body):
    """Writes down whatever placeholders the last turn brought, in a spelling of its own, and logs them."""
    turn = sum(one["role"] == "user" for one in body["messages"])
    last = json.dumps(body["messages"][-1])
    if "tool_result" in last:
        made = message(f"done: {' '.join(PLACEHOLDER.findall(last))}")
    else:
        spell = SPELLINGS[turn % len(SPELLINGS)]
        named = [spell(one) for one in PLACEHOLDER.findall(last)]
        said = "\n".join(f'line "{one}"' for one in named)
        made = message("I write.", Write={"path": "notes.txt", "content": said}, Log={"text": said})
    return list(streamed(made)) if body.get("stream") else made


def test_fifty_turns_with_tools(tmp_path, folder, portkey, upstream):
    """No value goes out, files and calls hold the originals, and each turn repeats the last one's bytes."""
    upstream.reset()
    upstream.script = model
    config = {
        "provider": "anthropic",
        "api_key": "sk-test",
        "custom_host": f"http://127.0.0.1:{upstream.port}/v1",
    }
    headers = {"x-portkey-config": json.dumps(config)}
    values, conversation, logged = [], [], []

    def ask(client, turn):
        settings = {"model": "m", "max_tokens": 99, "messages": conversation, "tools": TOOLS}
        if turn % 2:
            return client.messages.create(**settings)
        with client.messages.stream(**settings) as stream:
            return stream.get_final_message()

    with (
        servers.proxy(folder, folder / "policies", portkey) as proxy,
        anthropic.Anthropic(
            api_key="sk", base_url=proxy.url, default_headers=headers, max_retries=0, timeout=20
        ) as client,
    ):
        for turn in range(TURNS):
            mail, key, pin = f"user{turn}.unmistakable@example.com", f"PRJ-{turn:06d}", f"9{turn:05d}"
            values += [mail, key, pin]
            conversation.append({"role": "user", "content": f"note {mail} for {key}, pin: {pin}"})
            got = ask(client, turn)
            calls = {one.name: one for one in got.content if one.type == "tool_use"}
            written = calls["Write"].input["content"]
            (tmp_path / calls["Write"].input["path"]).write_text(written)
            logged.append(calls["Log"].input["text"])
            assert mail in written
            assert pin in written
            assert key not in written
            conversation.append({"role": "assistant", "content": [one.model_dump() for one in got.content]})
            read = (tmp_path / "notes.txt").read_text()
            answers = [
                {"type": "tool_result", "tool_use_id": one.id, "content": read if name == "Write" else "ok"}
                for name, one in calls.items()
            ]
            conversation.append({"role": "user", "content": answers})
            got = ask(client, turn)
            assert got.content[0].text.startswith("done: ")
            assert mail in got.content[0].text
            conversation.append({"role": "assistant", "content": [one.model_dump() for one in got.content]})

    assert len(upstream.raw) == 2 * TURNS
    sent = b"\n".join(upstream.raw).decode()
    assert not [value for value in values if value in sent]
    assert not [value for value in values if value in "".join(logged)]
    for before, after in pairwise(upstream.raw):
        end = messages_end(before.decode())
        assert after.decode()[:end] == before.decode()[:end]


def messages_end(body):
    """Where the last message of a request's JSON ends."""
    start = body.index('"messages":') + len('"messages":')
    _, end = json.JSONDecoder().raw_decode(body, start)
    return end - 1


MAKERS = {"chat": chat_chunks, "anthropic": anthropic_events, "responses": responses_events}
PATHS = {"chat": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}


def body(dialect, text, **more):
    said = {"input": text} if dialect == "responses" else {"messages": [{"role": "user", "content": text}]}
    return {"model": "m", "max_tokens": 9, **said, **more}


def found(request):
    """The placeholder in a request as the upstream sees it."""
    return PLACEHOLDER.search(json.dumps(request))[0]


@pytest.mark.parametrize("dialect", sorted(MAKERS))
def test_a_stream_is_judged_and_then_restored(proxy, upstream, dialect):
    """The sender's value comes back where the policy says, letter by letter; the model's own is masked."""

    def script(request):
        arguments = json.dumps({"command": f'say "{found(request)}" or {OTHER}'})
        # These helpers call the tool `f`, which is none that gets a value.
        return list(MAKERS[dialect](list(f"to {found(request).lower()}, {OTHER}."), list(arguments)))

    upstream.script = script
    answer = httpx.post(
        proxy.url + PATHS[dialect], json=body(dialect, f"mail {MAIL}", stream=True), timeout=20
    )
    text, call = assembled(dialect, answer.content)

    assert text.startswith(f"to {MAIL}, MASKED_EMAIL_ADDRESS_")
    assert OTHER not in answer.text
    assert json.loads(call)["command"].count("MASKED_EMAIL_ADDRESS_") == 2
    assert MAIL not in json.dumps(upstream.requests)


def responses_answer(id, text):
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "i", "role": "assistant", "status": "completed", "content": [part]}
    base = {"id": id, "object": "response", "created_at": 1, "model": "m", "error": None, "tools": []}
    return {**base, "parallel_tool_calls": True, "tool_choice": "auto", "output": [item]}


def test_what_follows_a_response_by_its_id_gets_its_values(chat, upstream):
    """A request names the response before it, and so on; what is not stored or is named otherwise is gone."""
    seen = []

    def script(request):
        seen.extend(PLACEHOLDER.findall(json.dumps(request)))
        return responses_answer(f"resp_{len(upstream.raw)}", f"to {seen[0]}")

    upstream.script = script
    first = chat.responses.create(model="m", input=f"mail {MAIL}")
    second = chat.responses.create(model="m", input="again", previous_response_id=first.id)
    third = chat.responses.create(model="m", input="again", previous_response_id=second.id)
    lost = chat.responses.create(model="m", input="again", previous_response_id="resp_unknown")
    unkept = chat.responses.create(model="m", input=f"mail {MAIL}", store=False)
    after = chat.responses.create(model="m", input="again", previous_response_id=unkept.id)

    for one in (first, second, third, unkept):
        assert one.output_text == f"to {MAIL}"
    assert lost.output_text == after.output_text == f"to {seen[0]}"


def test_a_conversation_that_is_named_gets_its_values(proxy, upstream):
    """Those sent earlier under the same name, and no other's; the name is not sent on."""
    upstream.script = lambda request: message(f"to {names[0]}") if names else message("ok")
    names = []

    def ask(text, conversation):
        headers = {"x-guardrails-conversation": conversation}
        return httpx.post(proxy.url + "/v1/messages", json=body("anthropic", text), headers=headers)

    ask(f"mail {MAIL}", "c1")
    names.append(found(upstream.requests[0]))
    same, other = ask("who?", "c1"), ask("who?", "c2")

    assert same.json()["content"][0]["text"] == f"to {MAIL}"
    assert same.headers["x-guardrails-restored"] == "1"
    assert other.json()["content"][0]["text"] == f"to {names[0]}"
    assert other.headers["x-guardrails-not-restored"] == "1"
    assert "x-guardrails-conversation" not in {name.lower() for name in upstream.seen[0]}
    metrics = httpx.get(f"{proxy.url}/guardrails/metrics").text
    assert 'guardrails_placeholders_total{outcome="unknown"}' in metrics


def test_without_its_vault_the_proxy_masks_and_gives_back_what_the_request_holds(folder, upstream):
    """What was sent before cannot be looked up: that is counted, and said."""
    upstream.reset()
    names = []
    upstream.script = lambda request: message(f"to {' '.join(names)}")
    address, nobody = f"http://127.0.0.1:{upstream.port}", f"redis://127.0.0.1:{servers.free_port()}/0"
    headers = {"x-guardrails-conversation": "c1"}
    with servers.proxy(folder, folder / "policies", address, vault=nobody) as proxy:

        def ask(text):
            return httpx.post(proxy.url + "/v1/messages", json=body("anthropic", text), headers=headers)

        ask(f"mail {MAIL}")
        names.append(found(upstream.requests[0]))
        got = ask(f"mail {OTHER}")
        names.append(found(upstream.requests[1]))
        again = ask(f"mail {OTHER}")
        metrics = httpx.get(f"{proxy.url}/guardrails/metrics").text

    assert "unmistakable" not in json.dumps(upstream.requests)
    assert got.json()["content"][0]["text"] == f"to {names[0]}"
    assert again.json()["content"][0]["text"] == f"to {names[0]} {OTHER}"
    assert again.headers["x-guardrails-restored"] == again.headers["x-guardrails-not-restored"] == "1"
    assert 'guardrails_placeholders_total{outcome="unavailable"} 2.0' in metrics
    assert "unmistakable" not in proxy.written()
    assert "vault not used" in proxy.written()


def test_portkeys_own_hooks_give_values_back(folder, portkey, upstream):
    """By the conversation in its metadata; without one the placeholder stays."""
    upstream.reset()
    key = "the key of the hooks"
    with servers.guard(folder, folder / "policies", key, vault=folder / "hooks.sqlite") as guard:
        webhook = {
            "webhookURL": f"{guard.url}/v1/gateways/portkey",
            "headers": {"x-api-key": key},
            "failOnError": True,
        }
        checks = [{"default.webhook": webhook, "deny": True}]
        config = {
            "provider": "openai",
            "api_key": "sk-test",
            "custom_host": f"http://127.0.0.1:{upstream.port}/v1",
            "input_guardrails": checks,
            "output_guardrails": checks,
        }
        said = []
        for metadata in ({"conversation": "7c1f"}, {}):
            headers = {
                "x-portkey-config": json.dumps(config),
                "x-portkey-metadata": json.dumps(metadata),
            }
            answer = httpx.post(
                portkey + PATHS["chat"], json=body("chat", f"mail {MAIL}"), headers=headers, timeout=20
            )
            said.append(answer.json()["choices"][0]["message"]["content"])

    assert MAIL not in json.dumps(upstream.requests)
    assert said == [f"mail {MAIL}", f"mail {found(upstream.requests)}"]
