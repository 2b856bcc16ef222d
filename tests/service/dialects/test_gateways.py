"""agentgateway, TrueFoundry and Kong, by pairs of what they send and what they take."""

import json

import pytest

MAIL = "ada@example.com"
DENIED = "guardrails: denied by word"
LATE = "guardrails: not judged: deadline"
AGENTGATEWAY = "/v1/gateways/agentgateway"


def rejection(why):
    """The one shape that agentgateway reads as a rejection, as it is on the wire."""
    body = '{"type":"error","error":{"type":"guardrail_denied","message":"%s"}}' % why
    return '{"action":{"body":%s,"status_code":403,"reason":"%s"}}' % (json.dumps(body), why)


def messages(*contents):
    return {"body": {"messages": [{"role": "user", "content": one} for one in contents]}}


def choices(*contents):
    return {"body": {"choices": [{"message": {"role": "assistant", "content": one}} for one in contents]}}


@pytest.mark.parametrize(("side", "make"), [("request", messages), ("response", choices)])
def test_agentgateway_byte_for_byte(ask, late, side, make):
    """Pass, mask and reject have one shape each: any other is a pass there."""
    for path in (f"{AGENTGATEWAY}/{side}", f"/{side}"):
        assert ask.raw(path, json.dumps(make("hello"))).text == '{"action":{"reason":"ok"}}'
        masked = ask(path, make("one", f"to {MAIL}"))
        assert masked == {"action": {"body": make("one", "to [MAIL]")["body"], "reason": "mail"}}
        assert ask.raw(path, json.dumps(make("DENYME"))).text == rejection(DENIED)
        assert late.raw(path, json.dumps(make("hello"))).text == rejection(LATE)


@pytest.mark.parametrize(("side", "make"), [("request", messages), ("response", choices)])
@pytest.mark.parametrize("hidden", ["", None])
def test_agentgateway_rejects_where_a_mask_would_destroy(ask, side, make, hidden):
    """An empty text stands for a tool call, a tool result or an image, which a mask would not bring back."""
    path = f"{AGENTGATEWAY}/{side}"
    assert ask.raw(path, json.dumps(make(hidden, MAIL))).text == rejection("guardrails: denied by mail")
    assert ask(path, make(hidden, "hello")) == {"action": {"reason": "ok"}}


def test_agentgateway_rejects_where_masks_are_dropped(ask):
    """Windows of a stream: the operator's header turns masks into rejections."""
    answer = ask.raw(
        f"{AGENTGATEWAY}/response", json.dumps(choices(MAIL)), **{"x-guardrails-on-mask": "block"}
    )

    assert answer.text == rejection("guardrails: denied by mail")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not json"),
        (b'{"body": {}}', "missing member"),
        (b'{"body": {"messages": ["x"]}}', "bad member"),
        (b'{"body": {"messages": [{"role": "user", "content": "' + b"x" * 100_001 + b'"}]}}', "too large"),
    ],
)
def test_agentgateway_rejects_what_it_cannot_read(ask, content, why):
    """With `failureMode: failOpen` an error would pass."""
    answer = ask.raw(f"{AGENTGATEWAY}/request", content)

    assert (answer.status_code, answer.text) == (200, rejection(f"guardrails: not judged: {why}"))


def chat(text, **more):
    return {"model": "m", "temperature": 0.5, "messages": [{"role": "user", "content": text}], **more}


def completion(text):
    return {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


def rail(side, text):
    """A call of TrueFoundry's gateway: input, or output with the request beside it."""
    payload = {"requestBody": chat("hello"), "context": {"user": {"subjectId": "u"}}, "config": {}}
    return payload | ({"requestBody": chat(text)} if side == "input" else {"responseBody": completion(text)})


@pytest.mark.parametrize("side", ["input", "output"])
def test_truefoundry(ask, late, side):
    """A verdict in a 200; a mask carries the whole body."""
    path = f"/v1/gateways/truefoundry/{side}"
    body = chat if side == "input" else completion

    assert ask(path, rail(side, "hello")) == {"verdict": True}
    assert ask(path, rail(side, MAIL)) == {"verdict": True, "transformed": True, "result": body("[MAIL]")}
    assert ask(path, rail(side, "DENYME")) == {"verdict": False, "message": DENIED}
    assert late(path, rail(side, "hello")) == {"verdict": False, "message": LATE}


def test_truefoundry_is_never_told_by_status(ask):
    """Any other status is a failure there, which by default passes: a wrong key is a denial too."""
    path = "/v1/gateways/truefoundry/input"
    denied = '{"verdict":false,"message":"guardrails: not judged: %s"}'

    for content, why in ((b"{", "not json"), (b"{}", "missing member")):
        assert (ask.raw(path, content).status_code, ask.raw(path, content).text) == (200, denied % why)
    answer = ask.client.post(path, json=rail("input", "x"))
    assert (answer.status_code, answer.text) == (200, denied % "unauthorized")


@pytest.mark.parametrize("path", ["/llm/v1/sanitize", "/llm/v1/sanitize_credentials"])
def test_kong_sanitizer(ask, late, path):
    """A masked text with categories and no values; a denial is an error."""
    allowed, masked = ask(path, {"text": "hello"}), ask(path, {"text": f"to {MAIL}", "anonymize": ["phone"]})
    assert (allowed["text"], allowed["identified_pii"]) == ("hello", [])
    assert (masked["text"], masked["anonymized_pii"]) == ("to [MAIL]", ["email"])
    for answer, why in (
        (ask.raw(path, b'{"text": "DENYME"}'), DENIED),
        (late.raw(path, b'{"text": "hello"}'), LATE),
        (ask.raw(path, b"{}"), "guardrails: not judged: bad member"),
        (
            ask.raw(path, b'{"text": "x", "options": {"redact_type": "synthetic"}}'),
            "guardrails: not judged: bad option",
        ),
        (ask.raw(path, b'{"text": "x", "custom_patterns": [{}]}'), "guardrails: not judged: bad option"),
    ):
        assert (answer.status_code, answer.json()) == (400, {"error": why})
    assert ask.client.get("/llm/v1/status").json() == {"status": "ok"}


@pytest.mark.parametrize("source", ["INPUT", "OUTPUT"])
def test_kong_custom_guardrail(ask, late, source):
    """`block` or not: what would be masked is blocked."""
    path = "/v1/gateways/kong"

    assert ask(path, {"text": "hello", "source": source}) == {"block": False, "message": ""}
    assert ask(path, {"text": MAIL, "source": source})["block"] is True
    assert ask(path, {"text": "DENYME", "source": source}) == {"block": True, "message": DENIED}
    assert late(path, {"text": "hello", "source": source}) == {"block": True, "message": LATE}
    assert ask(path, {"text": "hello", "source": "?"})["block"] is True
