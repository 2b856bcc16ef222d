"""The real SDKs through `guardrails proxy`, straight to a small upstream and by way of the real Portkey."""

import json
import time
import urllib.request

import httpx
import openai
import pytest
import servers
from inline import ASK, ASKED, MAIL, MAKERS, PATHS, Inline, body, post
from streaming import assembled, chat_chunks, responses_events

from policies import NAMES, masking_mail

KEY = "the proxy's key"
POLICY = masking_mail(
    "e2e",
    """\
  - id: leak
    title: The system prompt is recited
    severity: high
    detect: {type: prompt_leak, min_words: 5}
    action: deny
    scope: {hooks: [response]}
""",
)


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
def url(proxy):
    return proxy.url


class TestInline(Inline):
    """What the proxy has in common with Envoy."""


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


def test_answers_that_are_compressed_unasked_are_judged(chat, claude, upstream):
    """Some upstreams compress whatever is asked for."""
    upstream.answer = MAIL
    upstream.headers = {"content-encoding": "gzip"}
    said = chat.chat.completions.create(model="m", messages=ASK).choices[0].message.content
    assert said.startswith("MASKED_")
    content = claude.messages.create(model="m", max_tokens=9, messages=ASK).content
    assert content[1].input["command"].startswith("echo MASKED_EMAIL_ADDRESS_")

    upstream.answer = "DENYME"
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="m", messages=ASK)


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
    assert post(proxy.url, "anthropic") == upstream.failure
    assert upstream.requests[-1][0] == "/v1/messages?beta=true"


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
    assert post(proxy.url, "chat")[0] == 200


def test_an_unreachable_upstream_is_a_502(tmp_path):
    """In the provider's shape, so that its SDK says what it is."""
    (tmp_path / "e2e.yaml").write_text(POLICY)
    dead = f"http://127.0.0.1:{servers.free_port()}"
    with servers.proxy(tmp_path, tmp_path / "e2e.yaml", dead) as made:
        status, got = post(made.url, "anthropic")

    assert status == 502
    assert json.loads(got)["error"]["type"] == "api_error"


def test_with_keys_the_proxy_has_a_header_of_its_own(tmp_path, upstream):
    """The provider's credentials are no key; the key is not sent on."""
    upstream.reset()
    (tmp_path / "e2e.yaml").write_text(POLICY)
    with servers.proxy(tmp_path, tmp_path / "e2e.yaml", f"http://127.0.0.1:{upstream.port}", KEY) as made:
        for name in ("authorization", "x-api-key"):
            assert post(made.url, "chat", headers={name: KEY})[0] == 401
        assert upstream.requests == []
        assert post(made.url, "chat", headers={"x-guardrails-key": KEY})[0] == 200
        assert '"tenant":"acme"' in made.written()


def test_nothing_that_was_said_is_written_to_the_log(proxy, upstream):
    """Neither values nor credentials; one line for each half of an exchange, the upstream's time apart."""
    upstream.parts = list(chat_chunks([f"to {MAIL}"]))
    post(proxy.url, "chat", headers={"authorization": "Bearer sk-very-secret"})
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


def test_a_rule_that_no_stream_can_be_held_to_refuses_streams_where_the_policy_says_so(tmp_path, upstream):
    """With `streams: deny` the request is refused; without, the stream passes and the log says so."""
    upstream.reset()
    for setting, expected in (("deny", 400), ("allow", 200)):
        policy = POLICY.replace("rules:\n", f"streams: {setting}\nrules:\n{NAMES}")
        (tmp_path / "e2e.yaml").write_text(policy)
        with servers.proxy(tmp_path, tmp_path / "e2e.yaml", f"http://127.0.0.1:{upstream.port}") as made:
            assert post(made.url, "chat")[0] == expected
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
