"""Values come back at the hook endpoints: requests and responses come in calls of their own."""

import hashlib
import json
import re

import pytest
import servers
from litestar.testing import TestClient
from stores import valkey

from guardrails.model import Hook
from service.app import create_app
from service.settings import Settings, SettingsError

MAIL = "zelda.unmistakable@example.com"
OTHER = "linus.unmistakable@example.com"
TENANTS = {"acme": "the key of acme", "other": "the key of another"}
POLICY = """\
version: 1
policy: restoring
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {type: pii, entities: [EMAIL_ADDRESS]}
    action: mask
    mask:
      with: placeholder
      restore: {kinds: [text, tool_input], tools: [Write, "mcp__files__*"]}
  - id: pin
    title: A PIN, which only the word before it shows
    severity: high
    detect: {type: regex, pattern: 'pin: (?P<secret>[0-9]{6})', label: PIN}
    action: mask
    mask: {with: placeholder, restore: {kinds: [text, tool_input]}}
  - id: word
    title: A forbidden word
    severity: high
    detect: {type: words, words: [DENYME]}
    action: deny
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restoring")
    (folder / "policy.yaml").write_text(POLICY)
    records = [
        f"- tenant: {name}\n  sha256: {hashlib.sha256(key.encode()).hexdigest()}\n"
        for name, key in TENANTS.items()
    ]
    (folder / "keys").mkdir()
    (folder / "keys/keys.yaml").write_text("".join(records))
    made = {"policies": str(folder / "policy.yaml"), "keys_file": str(folder / "keys/keys.yaml")}
    made |= {"vault": str(folder / "vault.sqlite"), "secret": "s" * 40, "deadline_seconds": 30}
    return lambda **more: Settings(**{**made, **more})


@pytest.fixture(scope="module")
def service(settings):
    with TestClient(create_app(settings())) as client:
        yield client


def post(client, path, payload, tenant="acme"):
    answer = client.post(path, content=json.dumps(payload), headers={"x-api-key": TENANTS[tenant]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def chat(text, tool=None, asked=""):
    calls = [
        {"id": "c", "type": "function", "function": {"name": tool, "arguments": json.dumps({"a": asked})}}
    ]
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if tool else {})}
    return {"id": "1", "choices": [{"index": 0, "message": message}]}


def hook(client, hook, body, conversation=None, tenant="acme"):
    context = {} if conversation is None else {"conversation": conversation}
    path = {"request": "/v1/hooks/before-request", "response": "/v1/hooks/after-response"}[Hook(hook).value]
    return post(client, path, {"body": body, "context": context}, tenant)


def masked(client, conversation, text=f"mail {MAIL}", tenant="acme"):
    """The placeholder that a request's value got."""
    body = {"messages": [{"role": "user", "content": text}]}
    answer = hook(client, "request", body, conversation, tenant)
    assert "unmistakable" not in json.dumps(answer)
    return re.search(r"MASKED_EMAIL_ADDRESS_\w{16}", json.dumps(answer["body"]))[0]


def test_a_response_gets_the_values_of_its_conversation(service):
    """In texts and in the input of the tools that the policy names; elsewhere the placeholder stays."""
    name = masked(service, "c1")
    answer = hook(service, "response", chat(f"to {name.lower()}", "Write", name), "c1")
    message = answer["body"]["choices"][0]["message"]
    assert message["content"] == f"to {MAIL}"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": MAIL}
    assert answer["verdict"] == "allow"
    assert answer["restored"] == {"values": 1, "withheld": 0, "unknown": 0, "unavailable": 0}

    answer = hook(service, "response", chat("ok", "WebFetch", f"https://example.net/?q={name}"), "c1")
    assert "body" not in answer
    assert answer["restored"]["withheld"] == 1


@pytest.mark.parametrize(("tenant", "conversation"), [("other", "c1"), ("acme", "c2"), ("acme", None)])
def test_nobody_else_gets_a_value(service, tenant, conversation):
    """Not another tenant, not another conversation, not a call that names none."""
    name = masked(service, "c1")
    answer = hook(service, "response", chat(f"to {name}"), conversation, tenant)

    assert "body" not in answer
    assert "unmistakable" not in json.dumps(answer)


def test_a_response_is_judged_before_values_come_back(service):
    """A value of the model's own is masked beside one that comes back, and a denial gives nothing back."""
    name = masked(service, "c1")
    answer = hook(service, "response", chat(f"to {name} or {OTHER}"), "c1")
    text = answer["body"]["choices"][0]["message"]["content"]
    assert answer["verdict"] == "mask"
    assert re.fullmatch(rf"to {MAIL} or MASKED_EMAIL_ADDRESS_\w{{16}}", text)
    assert answer["restored"] == {"values": 1, "withheld": 0, "unknown": 0, "unavailable": 0}

    answer = hook(service, "response", chat(f"DENYME {name}"), "c1")
    assert answer["verdict"] == "deny"
    assert "body" not in answer


def test_a_later_request_masks_copies_of_what_the_conversation_sent(service):
    """What came back may stand where no rule finds it, in a request that no longer says what it is."""
    first = hook(service, "request", {"messages": [{"role": "user", "content": "pin: 481516"}]}, "pins")
    name = first["body"]["messages"][0]["content"].removeprefix("pin: ")
    later = {"messages": [{"role": "user", "content": "I wrote 481516"}]}

    assert hook(service, "request", later, "pins")["body"]["messages"][0]["content"] == f"I wrote {name}"
    assert hook(service, "request", later, "others")["verdict"] == "allow"
    assert (
        hook(service, "response", chat(name), "pins")["body"]["choices"][0]["message"]["content"] == "481516"
    )


def test_a_request_that_is_denied_keeps_nothing(service):
    """Its placeholders reached nobody."""
    name = masked(service, "c-other")
    hook(service, "request", {"messages": [{"role": "user", "content": f"DENYME {MAIL}"}]}, "denied")
    answer = hook(service, "response", chat(f"to {name}"), "denied")

    assert "body" not in answer
    assert answer["restored"]["unknown"] == 1


def portkey(side, body, metadata, request=None):
    other = "response" if side == "request" else "request"
    return {
        side: {"json": body, "text": "", "isStreamingRequest": False},
        other: {"json": request or {}, "text": ""},
        "provider": "openai",
        "requestType": "chatComplete",
        "metadata": metadata,
        "eventType": "beforeRequestHook" if side == "request" else "afterRequestHook",
    }


def test_portkey_names_the_conversation_in_its_metadata(service):
    """`x-portkey-metadata: {"conversation": ...}` reaches both of its hooks."""
    path, named = "/v1/gateways/portkey", {"conversation": "p1"}
    request = {"model": "m", "messages": [{"role": "user", "content": f"mail {MAIL}"}]}
    sent = post(service, path, portkey("request", request, named))["transformedData"]["request"]["json"]
    name = sent["messages"][0]["content"].removeprefix("mail ")
    answer = post(service, path, portkey("response", chat(f"to {name}"), named, sent))
    without = post(service, path, portkey("response", chat(f"to {name}"), {}, sent))

    assert answer["transformedData"]["response"]["json"]["choices"][0]["message"]["content"] == f"to {MAIL}"
    assert answer["data"]["restored"]["values"] == 1
    assert "unmistakable" not in json.dumps(answer["data"])
    assert "transformedData" not in without


def test_truefoundry_names_the_conversation_in_its_context(service):
    """`context.metadata.conversation`, the same in both of its calls."""
    context = {"metadata": {"conversation": "t1"}}
    request = {"model": "m", "messages": [{"role": "user", "content": f"mail {MAIL}"}]}
    sent = post(service, "/v1/gateways/truefoundry/input", {"requestBody": request, "context": context})
    name = sent["result"]["messages"][0]["content"].removeprefix("mail ")
    payload = {"requestBody": sent["result"], "responseBody": chat(f"to {name}"), "context": context}
    answer = post(service, "/v1/gateways/truefoundry/output", payload)

    assert answer == {"verdict": True, "transformed": True, "result": chat(f"to {MAIL}")}


def litellm(client, kind, texts, id="call-1", tools=None):
    payload = {"input_type": kind, "texts": texts, "tool_calls": tools, "litellm_call_id": id, "model": "m"}
    return post(client, "/v1/gateways/litellm/beta/litellm_basic_guardrail_api", payload)


def test_litellm_names_each_call_by_itself(service):
    """A response's texts get the values of their own call; its tool calls the contract cannot rewrite."""
    name = litellm(service, "request", [f"mail {MAIL}"])["texts"][0].removeprefix("mail ")
    calls = [
        {"id": "c", "type": "function", "function": {"name": "Write", "arguments": json.dumps({"a": name})}}
    ]
    answer = litellm(service, "response", ["one", f"to {name}"], tools=calls)
    other = litellm(service, "response", [f"to {name}"], id="call-2")

    assert answer["action"] == "GUARDRAIL_INTERVENED"
    assert answer["texts"] == ["one", f"to {MAIL}"]
    assert other["action"] == "NONE"


@pytest.mark.parametrize("step", [1, 7, 64])
def test_what_litellm_streams_stays_as_it_was_sent(service, step):
    """Call after call with more text: what was given out is a prefix of what is given out later."""
    name = litellm(service, "request", [f"mail {MAIL}"])["texts"][0].removeprefix("mail ")
    words = "Hello there, please write to "
    spelt = name.replace("_", " ").lower()
    whole = f"{words * 12}{spelt} and {OTHER}, or {name}. {words * 60}MASKED_"
    given, early = "", False
    for end in [*range(1, len(whole), step), len(whole)]:
        answer = litellm(service, "response", [whole[:end]])
        text = answer.get("texts", [whole[:end]])[0]
        shown = text[: max(len(given), len(text) - answer["stream_holdback_chars"][0])]
        assert shown.startswith(given)
        early |= MAIL in shown and end < len(whole)
        given = shown

    assert early
    assert given == text[: len(given)]
    assert re.sub(r"MASKED_EMAIL_ADDRESS_\w{16}", "[]", text) == (
        f"{words * 12}{MAIL} and [], or {MAIL}. {words * 60}MASKED_"
    )


def event(name, tool, session="s1", **members):
    return {"hook_event_name": name, "tool_name": tool, "session_id": session, **members}


@pytest.mark.parametrize("agent", ["claude-code", "codex"])
def test_an_agents_tool_gets_what_another_tool_said(service, agent):
    """What a file held was masked for the model; what the model writes to a file holds it again."""
    path = f"/v1/agents/{agent}/command"
    shown = post(service, path, event("PostToolUse", "Read", tool_input={}, tool_response=f"mail {MAIL}"))
    name = re.search(r"MASKED_EMAIL_ADDRESS_\w{16}", json.dumps(shown))[0]
    asked = {"file_path": "/x", "content": f"to: {name}"}

    def before(tool, session="s1"):
        return post(service, path, event("PreToolUse", tool, session, tool_input=asked))["reply"]

    for tool in ("Write", "mcp__files__put"):
        assert before(tool)["hookSpecificOutput"]["updatedInput"] == {**asked, "content": f"to: {MAIL}"}
    assert before("WebFetch") == before("Write", "s2") == {}


def test_an_agent_that_takes_no_rewritten_input_goes_on_with_the_placeholder(service):
    """Cursor's tool is called as the model asked for it: that is no denial."""
    path = "/v1/agents/cursor/command"
    name = masked(service, "c1")
    payload = {
        "conversation_id": "x",
        "hook_event_name": "preToolUse",
        "tool_name": "Write",
        "tool_input": {"a": name},
    }

    assert post(service, path, payload) == {"exit": 0, "reply": {}, "error": ""}


def test_without_its_vault_the_service_judges_on(settings, capfd):
    """Requests are masked, responses pass as they are and say how many values could not be looked up."""
    nobody = f"redis://127.0.0.1:{servers.free_port()}/0"
    with TestClient(create_app(settings(vault=nobody))) as client:
        name = masked(client, "c1")
        answer = hook(client, "response", chat(f"to {name}"), "c1")
        metrics = client.get("/metrics").text

    assert answer["verdict"] == "allow"
    assert "body" not in answer
    assert answer["restored"] == {"values": 0, "withheld": 0, "unknown": 0, "unavailable": 1}
    assert "guardrails_vault_failures_total 3.0" in metrics
    assert 'guardrails_placeholders_total{outcome="unavailable"} 1.0' in metrics
    written = capfd.readouterr().err
    assert "vault not used" in written
    assert '"not_restored":1' in written
    assert "unmistakable" not in written + metrics


def test_replicas_share_what_they_keep_through_redis(settings, tmp_path):
    """What one replica masked comes back at another; it is kept nowhere else."""
    with valkey(tmp_path) as port:
        shared = settings(vault=f"redis://127.0.0.1:{port}/0")
        with TestClient(create_app(shared)) as one, TestClient(create_app(shared)) as two:
            name = masked(one, "c1")
            answer = hook(two, "response", chat(f"to {name}"), "c1")

    assert answer["body"]["choices"][0]["message"]["content"] == f"to {MAIL}"


def test_a_vault_needs_a_secret_and_an_address(settings):
    """Without a secret there is none by default, and one that was asked for is an error."""
    with TestClient(create_app(settings(secret=None, vault="auto"))) as client:
        name = masked(client, "c1")
        assert "body" not in hook(client, "response", chat(f"to {name}"), "c1")
    with pytest.raises(SettingsError, match="vault"):
        create_app(settings(secret=None))
    with pytest.raises(SettingsError, match="vault"):
        create_app(settings(vault="nonsense://host"))
