"""What holds of whatever judges an exchange on its way, the proxy as well as Envoy with our processor.

A module that runs these tests has a fixture `url`, where that listens.
"""

import json

import anthropic
import httpx
import openai
import pytest
from streaming import (
    anthropic_events,
    assembled,
    bedrock_events,
    chat_chunks,
    gemini_chunks,
    responses_events,
)

MAIL = "grace.unmistakable@example.com"
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
ASK = [{"role": "user", "content": "x"}]


def body(dialect, text="hello", stream=True):
    """A request, which asks for a stream where the path does not."""
    if dialect == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if dialect == "bedrock":
        return {"messages": [{"role": "user", "content": [{"text": text}]}]}
    said = {"input": text} if dialect == "responses" else {"messages": [{"role": "user", "content": text}]}
    return {"model": "m", "max_tokens": 9, "stream": stream, **said}


def post(url, dialect, text="hello", **more):
    """The answer's status and bytes, as they came."""
    answer = httpx.post(url + PATHS[dialect], json=body(dialect, text), timeout=20, **more)
    return answer.status_code, answer.content


class Inline:
    """The tests, for a class of the module to inherit."""

    @DIALECTS
    def test_a_stream_without_findings_arrives_byte_for_byte(self, url, upstream, dialect):
        """Comments, pings, ids and spacing included."""
        comment = b"" if dialect == "bedrock" else b": hello\n\n"
        raw = comment + b"".join(MAKERS[dialect](["All ", "is ", "well, 3.14 🦜."], arguments=["{}"]))
        upstream.parts = [raw[at : at + 37] for at in range(0, len(raw), 37)]

        assert post(url, dialect) == (200, raw)

    @DIALECTS
    def test_values_in_a_stream_never_reach_the_client(self, url, upstream, dialect):
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
    def test_a_denied_stream_ends_with_the_providers_error(self, url, upstream, dialect):
        """Nothing of the match and nothing after it is sent, however much there is."""
        upstream.parts = list(MAKERS[dialect](["so far so good. ", "DEN", "YME", *[" and more"] * 50]))
        status, got = post(url, dialect)

        assert status == 200
        assert assembled(dialect, got)[0] == "so far so good. "
        assert b"DENY" not in got
        assert b"more" not in got
        assert b"stopped by a guardrail" in got

    def test_openai_raises_what_a_denied_stream_ends_with(self, chat, upstream):
        """What was said before arrives, then the SDK raises."""
        upstream.parts = list(chat_chunks(["fine ", "words ", "DENYME ", "x"]))
        said = []

        def listen():
            for chunk in chat.chat.completions.create(model="m", stream=True, messages=ASK):
                said.extend(one.delta.content or "" for one in chunk.choices)

        with pytest.raises(openai.APIError, match="guardrail"):
            listen()
        assert "".join(said) == "fine words "

    def test_anthropic_raises_what_a_denied_stream_ends_with(self, claude, upstream):
        """What was said before arrives, then the SDK raises."""
        upstream.parts = list(anthropic_events(["fine ", "words ", "DENYME ", "x"]))
        said = []

        def listen():
            with claude.messages.stream(model="m", max_tokens=9, messages=ASK) as got:
                said.extend(got.text_stream)

        with pytest.raises(anthropic.APIStatusError, match="guardrail"):
            listen()
        assert "".join(said) == "fine words "

    def test_requests_are_masked_and_denied_before_they_are_sent_on(self, chat, claude, upstream):
        """The upstream sees placeholders; a denial is an error of the provider's own that nobody retries."""
        chat.chat.completions.create(model="m", messages=[{"role": "user", "content": f"mail {MAIL}"}])
        claude.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": f"mail {MAIL}"}]
        )
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

    def test_whole_answers_are_masked_and_denied(self, chat, claude, upstream):
        """What only the model knows does not reach the client, tool calls included."""
        upstream.answer = MAIL
        said = chat.chat.completions.create(model="m", messages=ASK).choices[0].message.content
        assert said.startswith("MASKED_EMAIL_ADDRESS_")
        content = claude.messages.create(model="m", max_tokens=9, messages=ASK).content
        assert content[1].input["command"].startswith("echo MASKED_EMAIL_ADDRESS_")

        upstream.answer = "DENYME"
        with pytest.raises(openai.BadRequestError):
            chat.chat.completions.create(model="m", messages=ASK)
        with pytest.raises(anthropic.BadRequestError):
            claude.messages.create(model="m", max_tokens=9, messages=ASK)

    def test_words_arrive_while_the_upstream_is_still_speaking(self, url, upstream):
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

    @pytest.mark.parametrize("dialect", ["gemini", "bedrock"])
    def test_requests_of_gemini_and_bedrock_are_judged_by_their_path(self, url, upstream, dialect):
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

    def test_what_cannot_be_read_is_refused_in_the_providers_shape(self, url, upstream):
        """No JSON, no object, compressed, no body: nothing of it is sent on."""
        target = url + PATHS["anthropic"]
        for content, more in ((b"{", {}), (b"[]", {}), (b"x", {"content-encoding": "gzip"}), (b"", {})):
            got = httpx.post(target, content=content, headers=more)
            assert got.status_code in {400, 415}
            assert got.json()["error"]["type"] == "invalid_request_error"
        assert upstream.requests == []
