"""The real SDKs through the real Envoy, set up as its page says, with the real service as its processor."""

import contextlib
import copy
import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import anthropic
import httpx
import openai
import pytest
import servers
from ruamel.yaml import YAML
from streaming import (
    anthropic_events,
    assembled,
    bedrock_events,
    chat_chunks,
    gemini_chunks,
    responses_events,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/gateways/envoy.md"
ENVOY = ROOT / ".venv-envoy/lib"
KEY = "the end-to-end key"
MAIL = "grace.unmistakable@example.com"
POLICY = """\
version: 1
policy: e2e
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {type: pii, entities: [EMAIL_ADDRESS]}
    action: mask
    mask: {with: placeholder}
  - id: word
    title: A forbidden word
    severity: high
    detect: {type: words, words: [DENYME]}
    action: deny
  - id: route
    title: A word that is forbidden on one route
    severity: high
    detect: {type: words, words: [ROUTEDENY]}
    action: deny
    scope: {tenants: [acme], routes: [assistants], metadata: {xds.cluster_name: [provider]}}
"""
ASKED = json.dumps({"command": f"mail -s hi {MAIL} < /tmp/note"})
PATHS = {
    "chat": "/v1/chat/completions",
    "anthropic": "/v1/messages?beta=true",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse",
    "bedrock": "/model/m/converse-stream",
}
MAKERS = {
    "chat": chat_chunks,
    "anthropic": anthropic_events,
    "responses": responses_events,
    "gemini": gemini_chunks,
    "bedrock": bedrock_events,
}
DIALECTS = pytest.mark.parametrize("dialect", sorted(MAKERS))


def configuration(upstream, guard, duplex=False):
    """The page's configuration with the addresses of this run; its listener, and the filter that asks us."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    config, different, *_ = (YAML(typ="safe", pure=True).load(one) for one in blocks)
    provider, guardrails = config["static_resources"]["clusters"]
    del provider["transport_socket"]
    for cluster, port in ((provider, upstream), (guardrails, guard)):
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    processor = manager["http_filters"][0]["typed_config"]
    if duplex:
        processor |= different
    return config, listener, processor


@contextlib.contextmanager
def envoy(folder, made, key=KEY):
    """Envoy with a configuration; gives its URL."""
    binary = next(iter(ENVOY.glob("python*/site-packages/envoy/_bin/envoy")), None)
    if binary is None:
        reason = "Envoy is not installed: run `make .venv-envoy/.done`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    config, listener, _ = made
    port = servers.free_port()
    listener["address"]["socket_address"]["port_value"] = port
    file = folder / f"envoy-{port}.yaml"
    file.write_text(json.dumps(config))
    with (folder / f"envoy-{port}.log").open("wb") as output:
        process = subprocess.Popen(
            [binary, "-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"],
            env={**os.environ, "GUARDRAILS_KEY": key},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            servers.wait(f"http://127.0.0.1:{port}/v1/models", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            servers.stop(process)


@pytest.fixture(scope="module")
def guard(tmp_path_factory):
    """The service, and the port where it speaks gRPC."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "policies").mkdir()
    (folder / "policies/e2e.yaml").write_text(POLICY)
    port = servers.free_port()
    address = f"127.0.0.1:{port}"
    with servers.guard(folder, folder / "policies", KEY, ext_proc=address, workers=2) as running:
        yield running, port


@pytest.fixture(scope="module", params=["buffered", "duplex"])
def gateway(request, tmp_path_factory, guard, upstream):
    made = configuration(upstream.port, guard[1], duplex=request.param == "duplex")
    with envoy(tmp_path_factory.mktemp("envoy"), made) as url:
        yield url


@pytest.fixture
def url(gateway, upstream):
    upstream.reset()
    return gateway


@pytest.fixture
def chat(url):
    with openai.OpenAI(api_key="sk-provider", base_url=f"{url}/v1", max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def claude(url):
    with anthropic.Anthropic(api_key="sk-provider", base_url=url, max_retries=0, timeout=20) as client:
        yield client


def body(dialect, text="hello", stream=True):
    if dialect == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if dialect == "bedrock":
        return {"messages": [{"role": "user", "content": [{"text": text}]}]}
    said = {"input": text} if dialect == "responses" else {"messages": [{"role": "user", "content": text}]}
    return {"model": "m", "max_tokens": 9, "stream": stream, **said}


def post(url, dialect, text="hello"):
    """The answer's status and bytes, as they came."""
    answer = httpx.post(url + PATHS[dialect], json=body(dialect, text), timeout=20)
    return answer.status_code, answer.content


def test_requests_are_masked_and_denied_before_they_are_sent_on(chat, claude, upstream):
    """The upstream sees placeholders; a denial is an error of the provider's own kind that nobody retries."""
    chat.chat.completions.create(model="m", messages=[{"role": "user", "content": f"mail {MAIL}"}])
    claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": f"mail {MAIL}"}])
    chat.responses.create(model="m", input=f"mail {MAIL}")
    assert len(upstream.requests) == 3
    assert MAIL not in json.dumps(upstream.requests)
    assert json.dumps(upstream.requests).count("MASKED_EMAIL_ADDRESS_") == 3

    with pytest.raises(openai.BadRequestError) as caught:
        chat.chat.completions.create(model="m", messages=[{"role": "user", "content": "DENYME"}])
    assert caught.value.code == "content_filter"
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "DENYME"}])
    assert refused.value.body["error"]["type"] == "invalid_request_error"
    assert len(upstream.requests) == 3


def test_what_is_allowed_passes_as_it_is(url, upstream):
    """Both ways; the client's credentials reach the upstream, and a path that is not judged too."""
    upstream.answer = "all is well"
    asked = body("chat", "nobody", stream=False)
    headers = {"authorization": "Bearer sk-provider"}
    answer = httpx.post(url + PATHS["chat"], json=asked, headers=headers)
    assert answer.json()["choices"][0]["message"]["content"] == "all is well"
    assert upstream.requests == [(PATHS["chat"], asked)]
    (seen,) = upstream.seen
    assert httpx.Headers(seen)["authorization"] == "Bearer sk-provider"

    assert httpx.get(f"{url}/v1/models?limit=2").json() == {"object": "list", "data": []}
    anything = {"purpose": f"fine-tune {MAIL}", "messages": [{"content": "DENYME"}]}
    assert httpx.post(f"{url}/v1/files", json=anything).status_code == 200
    assert upstream.requests[1:] == [("/v1/models?limit=2", None), ("/v1/files", anything)]

    upstream.failure = (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert post(url, "anthropic") == upstream.failure


def test_whole_answers_are_masked_and_denied(chat, claude, upstream):
    """What only the model knows does not reach the client, tool calls included."""
    upstream.answer = MAIL
    ask = [{"role": "user", "content": "x"}]
    said = chat.chat.completions.create(model="m", messages=ask).choices[0].message.content
    assert said.startswith("MASKED_EMAIL_ADDRESS_")
    content = claude.messages.create(model="m", max_tokens=9, messages=ask).content
    assert content[1].input["command"].startswith("echo MASKED_EMAIL_ADDRESS_")

    upstream.answer = "DENYME"
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="m", messages=ask)
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(model="m", max_tokens=9, messages=ask)


@DIALECTS
def test_a_stream_without_findings_arrives_byte_for_byte(url, upstream, dialect):
    """Comments, pings, ids and spacing included."""
    comment = b"" if dialect == "bedrock" else b": hello\n\n"
    raw = comment + b"".join(MAKERS[dialect](["All ", "is ", "well, 3.14 🦜."], arguments=["{}"]))
    upstream.parts = [raw[at : at + 37] for at in range(0, len(raw), 37)]

    assert post(url, dialect) == (200, raw)


@DIALECTS
def test_values_in_a_stream_never_reach_the_client(url, upstream, dialect):
    """Split letter by letter, in what is said and in a tool's arguments, which stay JSON."""
    upstream.parts = list(MAKERS[dialect](list(f"to {MAIL}, yes"), arguments=list(ASKED)))
    status, got = post(url, dialect)
    text, call = assembled(dialect, got)

    assert status == 200
    assert b"unmistakable" not in got
    assert text.startswith("to MASKED_EMAIL_ADDRESS_")
    assert text.endswith(", yes")
    assert json.loads(call)["command"].startswith("mail -s hi MASKED_EMAIL_ADDRESS_")


@DIALECTS
def test_a_denied_stream_ends_with_the_providers_error(url, upstream, dialect):
    """Nothing of the match and nothing after it is sent."""
    upstream.parts = list(MAKERS[dialect](["so far so good. ", "DEN", "YME", *[" and more"] * 50]))
    status, got = post(url, dialect)

    assert status == 200
    assert assembled(dialect, got)[0] == "so far so good. "
    assert b"DENY" not in got
    assert b"more" not in got
    assert b"stopped by a guardrail" in got


def test_the_sdks_raise_what_a_denied_stream_ends_with(chat, claude, upstream):
    """What was said before arrives, then the SDK raises."""
    ask = [{"role": "user", "content": "x"}]
    said = []

    def listen_to_chat():
        for chunk in chat.chat.completions.create(model="m", stream=True, messages=ask):
            said.extend(one.delta.content or "" for one in chunk.choices)

    def listen_to_claude():
        with claude.messages.stream(model="m", max_tokens=9, messages=ask) as got:
            said.extend(got.text_stream)

    upstream.parts = list(chat_chunks(["fine ", "words ", "DENYME ", "x"]))
    with pytest.raises(openai.APIError, match="guardrail"):
        listen_to_chat()
    upstream.parts = list(anthropic_events(["fine ", "words ", "DENYME ", "x"]))
    with pytest.raises(anthropic.APIStatusError, match="guardrail"):
        listen_to_claude()
    assert "".join(said) == "fine words fine words "


def test_words_arrive_while_the_upstream_is_still_speaking(url, upstream):
    """Nothing is held back but the last word."""
    made = list(chat_chunks(["The first ", "words are ", "here, and ", "last."]))
    upstream.parts = [*made[:4], upstream.wait, *made[4:]]
    got = b""
    with httpx.stream("POST", url + PATHS["chat"], json=body("chat"), timeout=20) as answer:
        for chunk in answer.iter_bytes():
            got += chunk
            if not upstream.pause.is_set() and b"words are" in got:
                assert b"last." not in got
                upstream.pause.set()

    assert got == b"".join(made)


def test_a_long_conversation_passes(url, upstream):
    """Longer than what Envoy buffers by default, both ways."""
    text = "words and words, " * 90_000 + MAIL
    upstream.answer = text
    answer = httpx.post(url + PATHS["chat"], json=body("chat", text, stream=False), timeout=60)

    assert answer.status_code == 200
    ((_, asked),) = upstream.requests
    masked = asked["messages"][0]["content"]
    assert masked.startswith(text[: -len(MAIL)] + "MASKED_EMAIL_ADDRESS_")
    assert answer.json()["choices"][0]["message"]["content"] == masked


def test_what_cannot_be_read_is_refused_in_the_providers_shape(url, upstream):
    """No JSON, no object, compressed, no body: nothing of it is sent on."""
    target = url + PATHS["anthropic"]
    for content, more in ((b"{", {}), (b"[]", {}), (b"x", {"content-encoding": "gzip"}), (b"", {})):
        got = httpx.post(target, content=content, headers=more)
        assert got.status_code in {400, 415}
        assert got.json()["error"]["type"] == "invalid_request_error"
    assert upstream.requests == []


def test_an_answer_that_cannot_be_read_is_refused(url, upstream):
    """Compressed though it was not to be, or no object."""
    upstream.answer = "fine"
    upstream.headers = {"content-encoding": "gzip"}
    assert post(url, "chat", "x")[0] == 502
    upstream.headers = {}
    for unreadable in (b"[1]", b'{"a":'):
        upstream.failure = (200, unreadable)
        assert post(url, "chat", "x")[0] == 502


def test_no_spelling_of_a_path_leads_past_the_rules(url, upstream):
    """Percent escapes, doubled slashes, a slash at the end."""
    for path in ("/v1/ch%61t/completions", "/v1//chat//completions", "/v1/chat/completions/"):
        assert httpx.post(url + path, json=body("chat", "DENYME")).status_code == 400
    assert upstream.requests == []


def test_rules_apply_by_the_keys_tenant_and_envoys_attributes(url, upstream):
    """The route's name and the cluster are Envoy's to say; a client's headers change nothing."""
    assert post(url, "chat", "ROUTEDENY")[0] == 400
    headers = {"x-api-key": "another", "xds.route_name": "another", "x-guardrails-key": "another"}
    answer = httpx.post(url + PATHS["chat"], json=body("chat", "ROUTEDENY"), headers=headers)

    assert answer.status_code == 400
    assert upstream.requests == []


def test_nothing_that_was_said_is_written_to_the_log(url, upstream, guard):
    """Neither values nor credentials; one line for each half of an exchange."""
    running, _ = guard
    upstream.parts = list(chat_chunks([f"to {MAIL}"]))
    headers = {"authorization": "Bearer sk-very-secret"}
    asked = body("chat", f"from {MAIL}")
    answer = httpx.post(url + PATHS["chat"], json=asked, headers=headers, timeout=20)
    asked_as = answer.headers["x-guardrails-request-id"]
    for _ in range(100):  # the line is written once the answer has been sent
        lines = [json.loads(line) for line in running.written().splitlines() if asked_as in line]
        if len(lines) == 2:
            break
        time.sleep(0.05)

    assert [(one["hook"], one["verdict"], one["dialect"], one["tenant"]) for one in lines] == [
        ("request", "mask", "envoy", "acme"),
        ("response", "mask", "envoy", "acme"),
    ]
    assert "unmistakable" not in running.written()
    assert "sk-very-secret" not in running.written()
    metrics = urllib.request.urlopen(f"{running.url}/metrics").read().decode()
    assert 'dialect="envoy"' in metrics


@pytest.mark.parametrize("duplex", [False, True])
def test_when_the_service_is_down_nothing_passes(tmp_path, upstream, duplex):
    """Envoy answers 500 by itself."""
    upstream.reset()
    made = configuration(upstream.port, servers.free_port(), duplex=duplex)
    with envoy(tmp_path, made) as url:
        upstream.reset()
        assert post(url, "chat")[0] == 500
    assert upstream.requests == []


@pytest.mark.parametrize("duplex", [False, True])
def test_when_the_service_is_slow_nothing_passes(tmp_path, upstream, silent, duplex):
    """Envoy gives up after `message_timeout`, in full duplex after `stream_idle_timeout`, and answers 504."""
    made = configuration(upstream.port, int(silent.rpartition(":")[2]), duplex=duplex)
    _, listener, processor = made
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    holder, name = (manager, "stream_idle_timeout") if duplex else (processor, "message_timeout")
    assert holder[name].endswith("s")
    holder[name] = "0.5s"
    with envoy(tmp_path, made) as url:
        upstream.reset()
        assert post(url, "chat")[0] == 504
    assert upstream.requests == []


def test_with_a_wrong_key_nothing_passes(tmp_path, upstream, guard):
    """The service ends the call, which Envoy takes for a failure."""
    with envoy(tmp_path, configuration(upstream.port, guard[1]), key="wrong") as url:
        upstream.reset()
        assert post(url, "chat")[0] == 500
    assert upstream.requests == []


@pytest.mark.parametrize("mode", ["NONE", "STREAMED", "BUFFERED_PARTIAL"])
def test_a_mode_that_does_not_show_bodies_is_refused(tmp_path, upstream, guard, mode):
    """An operator's mistake is an error, not an open gate."""
    made = configuration(upstream.port, guard[1])
    made[2]["processing_mode"]["request_body_mode"] = mode
    with envoy(tmp_path, made) as url:
        upstream.reset()
        status, got = post(url, "chat")
    assert status == 500
    assert b"FULL_DUPLEX_STREAMED" in got
    assert upstream.requests == []


def test_new_policies_hold_for_the_next_exchange(tmp_path, upstream):
    """For requests, and for streams, without a restart."""
    policy = tmp_path / "e2e.yaml"
    policy.write_text(POLICY.replace("DENYME", "ANOTHER"))
    port = servers.free_port()
    with (
        servers.guard(tmp_path, policy, KEY, ext_proc=f"127.0.0.1:{port}", reload_seconds=0.1) as running,
        envoy(tmp_path, configuration(upstream.port, port)) as url,
    ):
        upstream.reset()
        upstream.parts = list(chat_chunks(["DENYME ", "x"]))
        assert b"guardrail" not in post(url, "chat", "DENYME")[1]
        policy.write_text(POLICY)
        for _ in range(100):
            if "policies reloaded" in running.written():
                break
            time.sleep(0.05)
        assert b"stopped by a guardrail" in post(url, "chat")[1]
        assert post(url, "chat", "DENYME")[0] == 400


def test_what_a_request_masked_comes_back_in_its_response(tmp_path, upstream):
    """Whole and streamed, where the rule says so; the upstream sees neither the value nor our header."""
    policy = tmp_path / "e2e.yaml"
    policy.write_text(POLICY.replace("{with: placeholder}", "{with: placeholder, restore: {kinds: [text]}}"))
    port = servers.free_port()
    headers = {"x-guardrails-conversation": "one"}
    for duplex in (False, True):
        with (
            servers.guard(tmp_path, policy, KEY, ext_proc=f"127.0.0.1:{port}"),
            envoy(tmp_path, configuration(upstream.port, port, duplex=duplex)) as url,
        ):
            upstream.reset()
            for stream in (False, True):
                asked = body("chat", f"say {MAIL} twice", stream=stream)
                got = httpx.post(url + PATHS["chat"], json=asked, headers=headers, timeout=20)
                said = (
                    assembled("chat", got.content)[0]
                    if stream
                    else got.json()["choices"][0]["message"]["content"]
                )
                assert said == f"say {MAIL} twice"
            assert MAIL not in json.dumps(upstream.requests)
            assert json.dumps(upstream.requests).count("MASKED_EMAIL_ADDRESS_") == 2
            assert not any("conversation" in name.lower() for seen in upstream.seen for name in seen)


NAMES = """\
  - id: name
    title: Name of a person
    severity: low
    detect: {type: pii, entities: [PERSON]}
    action: mask
    mask: {with: placeholder}
"""


def test_responses_that_cannot_be_judged_refuse_requests_where_the_policy_says_so(tmp_path, upstream):
    """`streams: deny`: for a rule that no stream can be held to, and where Envoy does not send responses."""
    (tmp_path / "e2e.yaml").write_text(POLICY.replace("rules:\n", f"streams: deny\nrules:\n{NAMES}"))
    port = servers.free_port()
    made = configuration(upstream.port, port)
    unseen = copy.deepcopy(configuration(upstream.port, port))
    unseen[2]["processing_mode"]["response_body_mode"] = "NONE"
    with (
        servers.guard(tmp_path, tmp_path / "e2e.yaml", KEY, ext_proc=f"127.0.0.1:{port}") as running,
        envoy(tmp_path, made) as seeing,
        envoy(tmp_path, unseen) as blind,
    ):
        upstream.reset()
        assert post(seeing, "chat")[0] == 400
        assert post(blind, "chat")[0] == 400
        assert upstream.requests == []
        assert httpx.post(seeing + PATHS["chat"], json=body("chat", stream=False)).status_code == 200
        assert "rule not enforced on a stream" in running.written()


@pytest.mark.parametrize("dialect", ["gemini", "bedrock"])
def test_requests_of_gemini_and_bedrock_are_judged_by_their_path(url, upstream, dialect):
    """Masked, and denied in the provider's own shape."""
    upstream.parts = list(MAKERS[dialect](["fine"]))
    assert post(url, dialect, f"mail {MAIL}")[0] == 200
    assert "MASKED_EMAIL_ADDRESS_" in json.dumps(upstream.requests)
    assert MAIL not in json.dumps(upstream.requests)

    denied = httpx.post(url + PATHS[dialect], json=body(dialect, "DENYME"))
    assert denied.status_code == 400
    expected = {
        "gemini": {"error": {"code": 400, "status": "INVALID_ARGUMENT"}},
        "bedrock": {"__type": "ValidationException"},
    }[dialect]
    told = denied.json()
    assert told.get("message") or told["error"].pop("message")
    told.pop("message", None)
    assert told == expected
    assert len(upstream.requests) == 1
