"""The real SDKs through `guardrails proxy`, straight to a small upstream and by way of the real Portkey."""

import json
import time
import urllib.request

import anthropic
import httpx
import openai
import pytest
import servers
from streaming import (
    anthropic_events,
    assembled,
    bedrock_events,
    chat_chunks,
    gemini_chunks,
    responses_events,
)

KEY = "the proxy's key"
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
  - id: leak
    title: The system prompt is recited
    severity: high
    detect: {type: prompt_leak, min_words: 5}
    action: deny
    scope: {hooks: [response]}
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


@pytest.fixture(scope="module")
def running(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "policies").mkdir()
    (folder / "policies/e2e.yaml").write_text(POLICY)
    with servers.proxy(folder, folder / "policies", f"http://127.0.0.1:{upstream.port}") as made:
        yield made


@pytest.fixture
def proxy(running, upstream):
    upstream.reset()
    return running


@pytest.fixture
def chat(proxy):
    with openai.OpenAI(
        api_key="sk-provider", base_url=f"{proxy.url}/v1", max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture
def claude(proxy):
    with anthropic.Anthropic(api_key="sk-provider", base_url=proxy.url, max_retries=0, timeout=20) as client:
        yield client


def body(dialect, text="hello"):
    if dialect == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if dialect == "bedrock":
        return {"messages": [{"role": "user", "content": [{"text": text}]}]}
    said = {"input": text} if dialect == "responses" else {"messages": [{"role": "user", "content": text}]}
    return {"model": "m", "max_tokens": 9, "stream": True, **said}


def post(proxy, dialect, **more):
    """The answer's status and bytes, as they came."""
    answer = httpx.post(proxy.url + PATHS[dialect], json=body(dialect), timeout=20, **more)
    return answer.status_code, answer.content


@DIALECTS
def test_a_stream_without_findings_arrives_byte_for_byte(proxy, upstream, dialect):
    """Comments, pings, ids and spacing included."""
    comment = b"" if dialect == "bedrock" else b": hello\n\n"
    raw = comment + b"".join(MAKERS[dialect](["All ", "is ", "well, 3.14 🦜."], arguments=["{}"]))
    upstream.parts = [raw[at : at + 37] for at in range(0, len(raw), 37)]

    assert post(proxy, dialect) == (200, raw)


@DIALECTS
def test_values_in_a_stream_never_reach_the_client(proxy, upstream, dialect):
    """Split letter by letter, in what is said and in a tool's arguments, which stay JSON."""
    upstream.parts = list(MAKERS[dialect](list(f"to {MAIL}, yes"), arguments=list(ASKED)))
    status, got = post(proxy, dialect)
    text, call = assembled(dialect, got)

    assert status == 200
    assert b"unmistakable" not in got
    assert text.startswith("to MASKED_EMAIL_ADDRESS_")
    assert text.endswith(", yes")
    assert json.loads(call)["command"].startswith("mail -s hi MASKED_EMAIL_ADDRESS_")


@DIALECTS
def test_a_denied_stream_ends_with_the_providers_error(proxy, upstream, dialect):
    """Nothing of the match and nothing after it is sent."""
    upstream.parts = list(MAKERS[dialect](["so far so good. ", "DEN", "YME", " and more"]))
    status, got = post(proxy, dialect)

    assert status == 200
    assert assembled(dialect, got)[0] == "so far so good. "
    assert b"DENY" not in got
    assert b"more" not in got
    assert b"stopped by a guardrail" in got


def test_openai_raises_what_a_denied_stream_ends_with(chat, upstream):
    """What was said before arrives, then the SDK raises."""
    upstream.parts = list(chat_chunks(["fine ", "words ", "DENYME ", "x"]))
    said = []
    ask = [{"role": "user", "content": "x"}]

    def listen():
        for chunk in chat.chat.completions.create(model="m", stream=True, messages=ask):
            said.extend(one.delta.content or "" for one in chunk.choices)

    with pytest.raises(openai.APIError, match="guardrail"):
        listen()
    assert "".join(said) == "fine words "


def test_anthropic_raises_what_a_denied_stream_ends_with(claude, upstream):
    """What was said before arrives, then the SDK raises."""
    upstream.parts = list(anthropic_events(["fine ", "words ", "DENYME ", "x"]))
    said = []
    ask = [{"role": "user", "content": "x"}]

    def listen():
        with claude.messages.stream(model="m", max_tokens=9, messages=ask) as got:
            said.extend(got.text_stream)

    with pytest.raises(anthropic.APIStatusError, match="guardrail"):
        listen()
    assert "".join(said) == "fine words "


def test_responses_is_consistent_to_the_last_event(chat, upstream):
    """The pieces, the parts, the items and the whole response show the same masked text."""
    upstream.parts = list(responses_events(list(f"to {MAIL} now"), arguments=list(ASKED)))
    pieces, done, response = [], [], None
    for event in chat.responses.create(model="m", input="x", stream=True):
        if event.type == "response.output_text.delta":
            pieces.append(event.delta)
        elif event.type == "response.output_text.done":
            done.append(event.text)
        elif event.type == "response.completed":
            response = event.response

    assert "".join(pieces) == done[0] == response.output_text
    assert response.output_text.startswith("to MASKED_EMAIL_ADDRESS_")
    assert "MASKED_EMAIL_ADDRESS_" in response.output[1].arguments


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


def test_whole_answers_are_masked_and_denied(chat, claude, upstream):
    """Also those that an upstream compresses without being asked to."""
    upstream.answer = MAIL
    upstream.headers = {"content-encoding": "gzip"}
    ask = [{"role": "user", "content": "x"}]
    assert (
        chat.chat.completions.create(model="m", messages=ask).choices[0].message.content.startswith("MASKED_")
    )
    content = claude.messages.create(model="m", max_tokens=9, messages=ask).content
    assert content[1].input["command"].startswith("echo MASKED_EMAIL_ADDRESS_")

    upstream.answer = "DENYME"
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="m", messages=ask)


def test_a_recital_of_the_requests_own_system_prompt_is_denied(chat, upstream):
    """The answer is compared with the request that it answers."""
    upstream.answer = "I was told: never speak of the blue garden."
    said = {"role": "user", "content": "x"}
    chat.chat.completions.create(model="m", messages=[said])
    secret = {"role": "system", "content": "Never speak of the blue garden."}
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="m", messages=[secret, said])


def test_whatever_is_not_known_passes_as_it_is(proxy, upstream):
    """Paths, queries, headers, credentials, the upstream's errors; only our key is kept back."""
    headers = {"authorization": "Bearer sk-provider", "x-portkey-config": "{}", "anthropic-beta": "a,b"}
    got = httpx.get(f"{proxy.url}/v1/models?limit=2", headers=headers | {"x-guardrails-key": "k"})
    assert got.json() == {"object": "list", "data": []}
    assert upstream.requests == [("/v1/models?limit=2", None)]
    seen = {name.lower(): value for name, value in upstream.seen[0].items()}
    assert headers.items() <= seen.items()
    assert "x-guardrails-key" not in seen

    upstream.failure = (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert post(proxy, "anthropic") == upstream.failure
    assert upstream.requests[-1][0] == "/v1/messages?beta=true"


def test_what_cannot_be_read_is_refused_in_the_providers_shape(proxy, upstream):
    """No JSON, no object, compressed: nothing of it is sent on."""
    url = proxy.url + PATHS["anthropic"]
    for content, more in ((b"{", {}), (b"[]", {}), (b"x", {"content-encoding": "gzip"})):
        got = httpx.post(url, content=content, headers=more)
        assert got.status_code in {400, 415}
        assert got.json()["error"]["type"] == "invalid_request_error"
    assert upstream.requests == []


def test_words_arrive_while_the_upstream_is_still_speaking(proxy, upstream):
    """Nothing is held back but the last word."""
    made = list(chat_chunks(["The first ", "words are ", "here, and ", "last."]))
    upstream.parts = [*made[:4], upstream.wait, *made[4:]]
    got = b""
    with httpx.stream("POST", proxy.url + PATHS["chat"], json=body("chat"), timeout=20) as answer:
        for chunk in answer.iter_bytes():
            got += chunk
            if not upstream.pause.is_set() and b"words are" in got:
                assert b"last." not in got
                upstream.pause.set()

    assert got == b"".join(made)


def test_a_client_that_hangs_up_ends_the_upstreams_answer(proxy, upstream):
    """The proxy lets go of the upstream, and serves on."""
    upstream.parts = [*list(chat_chunks(["a "] * 3)), *[upstream.wait] * 2, b"data: {}\n\n"]
    with httpx.stream("POST", proxy.url + PATHS["chat"], json=body("chat"), timeout=20) as answer:
        next(answer.iter_bytes())
    for _ in range(100):
        if "client hung up" in proxy.written():
            break
        time.sleep(0.05)
    upstream.pause.set()

    assert "client hung up" in proxy.written()
    upstream.reset()
    assert post(proxy, "chat")[0] == 200


def test_an_unreachable_upstream_is_a_502(tmp_path):
    """In the provider's shape, so that its SDK says what it is."""
    (tmp_path / "e2e.yaml").write_text(POLICY)
    dead = f"http://127.0.0.1:{servers.free_port()}"
    with servers.proxy(tmp_path, tmp_path / "e2e.yaml", dead) as made:
        status, got = post(made, "anthropic")

    assert status == 502
    assert json.loads(got)["error"]["type"] == "api_error"


def test_with_keys_the_proxy_has_a_header_of_its_own(tmp_path, upstream):
    """The provider's credentials are no key; the key is not sent on."""
    upstream.reset()
    (tmp_path / "e2e.yaml").write_text(POLICY)
    with servers.proxy(tmp_path, tmp_path / "e2e.yaml", f"http://127.0.0.1:{upstream.port}", KEY) as made:
        for name in ("authorization", "x-api-key"):
            assert post(made, "chat", headers={name: KEY})[0] == 401
        assert upstream.requests == []
        assert post(made, "chat", headers={"x-guardrails-key": KEY})[0] == 200
        assert '"tenant":"acme"' in made.written()


def test_nothing_that_was_said_is_written_to_the_log(proxy, upstream):
    """Neither values nor credentials; one line for each half of an exchange, the upstream's time apart."""
    upstream.parts = list(chat_chunks([f"to {MAIL}"]))
    post(proxy, "chat", headers={"authorization": "Bearer sk-very-secret"})
    for _ in range(100):  # the line is written once the answer has been sent
        written = proxy.written()
        if '"streamed":true' in written:
            break
        time.sleep(0.05)

    assert '"streamed":true' in written
    assert "upstream_ms" in written
    assert "unmistakable" not in written
    assert "sk-very-secret" not in written
    metrics = urllib.request.urlopen(f"{proxy.url}/guardrails/metrics").read().decode()
    assert 'guardrails_upstream_seconds_count{until="last_byte"}' in metrics


NAMES = """\
  - id: name
    title: Name of a person
    severity: low
    detect: {type: pii, entities: [PERSON]}
    action: mask
    mask: {with: placeholder}
"""


def test_a_rule_that_no_stream_can_be_held_to_refuses_streams_where_the_policy_says_so(tmp_path, upstream):
    """With `streams: deny` the request is refused; without, the stream passes and the log says so."""
    upstream.reset()
    for setting, expected in (("deny", 400), ("allow", 200)):
        policy = POLICY.replace("rules:\n", f"streams: {setting}\nrules:\n{NAMES}")
        (tmp_path / "e2e.yaml").write_text(policy)
        with servers.proxy(tmp_path, tmp_path / "e2e.yaml", f"http://127.0.0.1:{upstream.port}") as made:
            assert post(made, "chat")[0] == expected
            assert "rule not enforced on a stream" in made.written()


@pytest.mark.parametrize("dialect", ["chat", "anthropic"])
def test_by_way_of_the_real_portkey(tmp_path_factory, portkey, upstream, dialect):
    """Client, proxy, gateway, upstream: streams are enforced, which that gateway's own hook cannot."""
    upstream.reset()
    folder = tmp_path_factory.mktemp("before-portkey")
    (folder / "e2e.yaml").write_text(POLICY)
    provider = "openai" if dialect == "chat" else "anthropic"
    config = {
        "provider": provider,
        "api_key": "sk-test",
        "custom_host": f"http://127.0.0.1:{upstream.port}/v1",
    }
    upstream.parts = list(MAKERS[dialect](list(f"to {MAIL} now"), arguments=list(ASKED)))
    with servers.proxy(folder, folder / "e2e.yaml", portkey) as made:
        answer = httpx.post(
            made.url + PATHS[dialect],
            json=body(dialect, f"mail {MAIL}"),
            headers={"x-portkey-config": json.dumps(config)},
            timeout=20,
        )

    text, call = assembled(dialect, answer.content)
    assert MAIL not in json.dumps(upstream.requests)
    assert "MASKED_EMAIL_ADDRESS_" in json.dumps(upstream.requests)
    assert "unmistakable" not in answer.text
    assert text.startswith("to MASKED_EMAIL_ADDRESS_")
    assert "MASKED_EMAIL_ADDRESS_" in json.loads(call)["command"]


@pytest.mark.parametrize("dialect", ["gemini", "bedrock"])
def test_requests_of_gemini_and_bedrock_are_judged_by_their_path(proxy, upstream, dialect):
    """Masked, and denied in the provider's own shape."""
    upstream.parts = list(MAKERS[dialect](["fine"]))
    assert httpx.post(proxy.url + PATHS[dialect], json=body(dialect, f"mail {MAIL}")).status_code == 200
    assert "MASKED_EMAIL_ADDRESS_" in json.dumps(upstream.requests)
    assert MAIL not in json.dumps(upstream.requests)

    denied = httpx.post(proxy.url + PATHS[dialect], json=body(dialect, "DENYME"))
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
