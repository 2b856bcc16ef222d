"""Streams of events: masked across events, denied in the provider's own way, else byte for byte."""

import json
import zlib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming import (
    TODAY,
    Deadline,
    anthropic_events,
    assembled,
    bedrock_events,
    chat_chunks,
    gemini_chunks,
    responses_events,
    streams,
)

from guardrails.bodies import Format
from guardrails.model import Context, Hook, Verdict
from guardrails.streams.anthropic import AnthropicStream
from guardrails.streams.aws import Reader, message
from guardrails.streams.bedrock import BedrockStream
from guardrails.streams.chat import ChatStream
from guardrails.streams.events import EventStream
from guardrails.streams.gemini import GeminiStream
from guardrails.streams.judge import Stream
from guardrails.streams.responses import ResponsesStream

MAIL = "zelda.unmistakable@example.com"
RULES = {
    "mail": "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, mask: {with: placeholder}",
    "card": "detect: {type: pii, entities: [CREDIT_CARD]}, action: mask, mask: {with: redact}",
    "deny": "detect: {type: words, words: [DENYME]}, action: deny",
}
ON = streams(RULES)
DIALECTS = {
    "chat": (ChatStream, chat_chunks, Format.OPENAI_CHAT),
    "anthropic": (AnthropicStream, anthropic_events, Format.ANTHROPIC_MESSAGES),
    "responses": (ResponsesStream, responses_events, Format.OPENAI_RESPONSES),
    "gemini": (GeminiStream, gemini_chunks, Format.GEMINI),
    "bedrock": (BedrockStream, bedrock_events, Format.BEDROCK_CONVERSE),
}
ALL = pytest.mark.parametrize("dialect", sorted(DIALECTS))


def run(dialect, raw, cuts=(), on=ON):
    """What a client receives of a stream of bytes, cut up at `cuts`, and the stream."""
    made = EventStream(Stream(on, Context(), TODAY), DIALECTS[dialect][0]())
    places = [0, *sorted(cuts), len(raw)]
    out = [made.feed(raw[a:b], Deadline.after(60)) for a, b in pairwise(places)]
    out.append(made.close(Deadline.after(60)))
    return b"".join(out), made


def events(dialect, texts, **more):
    return b"".join(DIALECTS[dialect][1](texts, **more))


@ALL
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_stream_without_findings_is_the_same_bytes(dialect, size):
    """Ids, comments, pings, odd line ends and spacing included."""
    text = "The quick brown fox, 3.14 and ünïcode 🦜. " * 5
    raw = events(
        dialect, [text[at : at + 5] for at in range(0, len(text), 5)], arguments=['{"a"', ': "b c"}']
    )
    if dialect != "bedrock":
        raw = b": a comment\r\n\r\nid: 7\nretry: 10\n\n" + raw
    got, made = run(dialect, raw, range(size, len(raw), size))

    assert got == raw
    assert made.stream.decision().verdict is Verdict.ALLOW


@ALL
def test_a_value_split_across_events_is_masked_and_never_seen(dialect):
    """In a text and in a tool's arguments, letter by letter; the arguments stay JSON."""
    arguments = json.dumps({"command": f'echo "{MAIL}"', "card": 4111111111111111})
    raw = events(dialect, list(f"write to {MAIL} now"), arguments=list(arguments))
    got, _ = run(dialect, raw)
    text, call = assembled(dialect, got)

    assert MAIL not in text + call
    assert "MASKED_EMAIL_ADDRESS_" in text
    assert text.startswith("write to ")
    assert text.endswith(" now")
    assert json.loads(call)["command"].startswith('echo "MASKED_EMAIL_ADDRESS_')
    assert json.loads(call)["card"] == ""


@ALL
def test_the_first_event_is_not_delayed_by_more_than_what_is_held(dialect):
    """Words are given out as soon as the next one begins."""
    made = EventStream(Stream(ON, Context(), TODAY), DIALECTS[dialect][0]())
    got = b""
    for event in DIALECTS[dialect][1](["Hello ", "my dear ", "friend, how"]):
        got += made.feed(event, Deadline.after(60))
        if b"friend" in event:
            break

    assert assembled(dialect, got)[0] == "Hello my dear "


@ALL
def test_a_denied_stream_ends_with_the_providers_error_and_nothing_of_the_match(dialect):
    """What was said before may have passed; after the error nothing does."""
    raw = events(dialect, ["all well. ", "DEN", "YME", " and more"])
    got, made = run(dialect, raw)

    assert assembled(dialect, got)[0] == "all well. "
    assert b"DEN" not in got
    assert b"more" not in got
    last = got.splitlines()[-1 if dialect == "bedrock" else -2]
    assert b"the response was stopped by a guardrail" in last
    assert made.denied.decision.rules() == ("deny",)
    assert made.feed(raw, Deadline.after(60)) == b""


@ALL
def test_an_event_that_is_no_json_is_unjudged(dialect):
    """It denies, unless the policy lets pass what could not be judged."""

    def event(data):
        return message({":event-type": "x"}, data) if dialect == "bedrock" else b"data: %s\n\n" % data

    got, made = run(dialect, event(b'{"choices": ['))
    assert made.denied is not None
    assert b"choices" not in got

    lenient = streams(RULES, "on_error: allow\n")
    got, made = run(dialect, event(b"what?"), on=lenient)
    assert got == event(b"what?")
    assert [one.reason.value for one in made.stream.unjudged] == ["unknown_format"]


TEXT = st.lists(
    st.sampled_from([MAIL, "4111 1111 1111 1111", " ", "plain words ", "\n", '"', "\\", "ü🦜", "zelda", "@"]),
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(DIALECTS)), TEXT, TEXT, st.randoms(use_true_random=False))
def test_a_stream_put_together_is_the_masked_body(dialect, said, asked, source):
    """However texts and bytes are cut up, the client has what the engine makes of the whole response."""

    def cut(text):
        places = sorted(source.sample(range(len(text) + 1), min(len(text), 6)))
        return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]

    arguments = json.dumps({"command": asked, "n": [1, True]}, ensure_ascii=source.random() < 0.5)
    raw = events(dialect, cut(said), arguments=cut(arguments))
    got, _ = run(dialect, raw, source.sample(range(len(raw)), min(len(raw), 9)))
    block = {"type": "tool_use", "id": "t", "name": "f", "input": json.loads(arguments)}
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": arguments}}
    function = {"functionCall": {"name": "f", "args": json.loads(arguments)}}
    tool = {"toolUse": {"toolUseId": "t", "name": "f", "input": json.loads(arguments)}}
    body = {
        "anthropic": {"role": "assistant", "content": [{"type": "text", "text": said}, block]},
        "chat": {"choices": [{"message": {"role": "assistant", "content": said, "tool_calls": [call]}}]},
        "responses": {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}]},
                {"type": "function_call", "arguments": arguments},
            ]
        },
        "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": said}, function]}}]},
        "bedrock": {"output": {"message": {"role": "assistant", "content": [{"text": said}, tool]}}},
    }[dialect]
    judged = ON.whole.judge_body(
        body,
        Hook.RESPONSE,
        Context(),
        deadline=Deadline.after(60),
        today=TODAY,
        format=DIALECTS[dialect][2],
    )
    whole = judged.body or body
    text, made = assembled(dialect, got)
    if dialect == "anthropic":
        assert (text, json.loads(made)) == (whole["content"][0]["text"], whole["content"][1]["input"])
    elif dialect == "gemini":
        first, second = whole["candidates"][0]["content"]["parts"]
        assert (text, json.loads(made)) == (first["text"], second["functionCall"]["args"])
    elif dialect == "bedrock":
        first, second = whole["output"]["message"]["content"]
        assert (text, json.loads(made)) == (first["text"], second["toolUse"]["input"])
    elif dialect == "responses":
        said, call = whole["output"]
        assert (text, made) == (said["content"][0]["text"], call["arguments"])
    else:
        message = whole["choices"][0]["message"]
        assert (text, made) == (message["content"], message["tool_calls"][0]["function"]["arguments"])


def test_choices_and_blocks_are_judged_apart():
    """Half of a value in one choice and half in the next is no value."""
    half, rest = MAIL[:12], MAIL[12:]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": half}}, {"index": 1, "delta": {"content": rest}}]},
        {"choices": [{"index": 0, "delta": {"content": rest}}, {"index": 1, "delta": {"content": " !"}}]},
    ]
    raw = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks) + b"data: [DONE]\n\n"
    got, _ = run("chat", raw)
    sent = [json.loads(line[6:]) for line in got.splitlines() if line.startswith(b"data: {")]

    said = ["".join(one["choices"][index]["delta"]["content"] for one in sent) for index in (0, 1)]
    assert said[0].startswith("MASKED_EMAIL_ADDRESS_")
    assert MAIL not in said[0]
    assert said[1].endswith(" !")


def test_what_repeats_a_masked_text_goes_with_it():
    """Log probabilities spell the tokens; unknown members of a chunk are judged as well."""
    chunk = {
        "choices": [
            {
                "index": 0,
                "delta": {"content": MAIL, "note": f"to {MAIL}"},
                "logprobs": {"content": [{"token": MAIL, "logprob": -0.1, "bytes": list(MAIL.encode())}]},
                "finish_reason": "stop",
            }
        ]
    }
    got, _ = run("chat", b"data: " + json.dumps(chunk).encode() + b"\n\n")

    assert b"unmistakable" not in got
    sent = json.loads(got[6:])["choices"][0]
    assert sent["logprobs"] is None
    assert sent["delta"]["note"].startswith("to MASKED_EMAIL_ADDRESS_")
    assert sent["delta"]["content"].startswith("MASKED_EMAIL_ADDRESS_")


def test_thinking_is_left_alone_and_a_result_in_one_event_is_judged():
    """Thinking is signed; a server tool's result arrives whole in one event."""
    thinking = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": MAIL},
    }
    block = {
        "type": "web_search_tool_result",
        "tool_use_id": "t",
        "content": [{"type": "web_search_result", "url": "u", "title": MAIL, "encrypted_content": "e"}],
    }
    result = {"type": "content_block_start", "index": 1, "content_block": block}
    raw = b"".join(
        f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in (thinking, result)
    )
    got, _ = run("anthropic", raw)
    first, second = [json.loads(line[6:]) for line in got.splitlines() if line.startswith(b"data: ")]

    assert first == thinking
    assert second["content_block"]["content"][0]["title"].startswith("MASKED_EMAIL_ADDRESS_")
    assert second["content_block"]["content"][0]["encrypted_content"] == "e"


def test_a_value_that_goes_on_after_a_tool_call_ends_the_stream():
    """What was given out before the call cannot be taken back, so the rest is not given out."""
    chunks = [
        {"content": f"to {MAIL[:-4]}"},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"content": ".com now"},
    ]
    raw = b"".join(
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": one}]}).encode() + b"\n\n" for one in chunks
    )
    got, made = run("chat", raw)

    assert made.denied is not None
    assert b".com now" not in got


def test_a_message_of_an_aws_stream_that_was_tampered_with_is_unjudged():
    """Its checksums are wrong: a client would not read it, and neither is it judged for what it is not."""
    raw = bytearray(b"".join(bedrock_events(["hello"])))
    raw[60] ^= 1
    _, made = run("bedrock", bytes(raw))

    assert made.denied is not None
    assert [one.reason.value for one in made.denied.decision.unjudged] == ["unknown_format"]


def test_headers_of_an_aws_message_of_every_type_are_stepped_over():
    """Those that are no strings before the name of the event."""
    sizes = {0: b"", 1: b"", 2: b"1", 3: b"12", 4: b"1234", 5: b"12345678", 6: b"\x00\x02ab", 8: b"12345678"}
    sizes[9] = b"0123456789abcdef"
    others = b"".join(b"\x01" + b"h" + bytes([kind]) + value for kind, value in sizes.items())
    plain = message({":event-type": "x"}, b"{}")
    named = plain[12 : 12 + int.from_bytes(plain[4:8], "big")]
    size = 12 + len(others) + len(named) + 2 + 4
    prelude = size.to_bytes(4, "big") + (len(others) + len(named)).to_bytes(4, "big")
    head = prelude + zlib.crc32(prelude).to_bytes(4, "big") + others + named + b"{}"
    raw = head + zlib.crc32(head).to_bytes(4, "big")

    (read,) = Reader().feed(raw)
    assert (read.name, read.data) == ("x", b"{}")
    assert read.with_data(b"{}") == raw


@pytest.mark.parametrize(
    ("dialect", "strange"),
    [
        ("gemini", {"candidates": [{"content": {"parts": [{"executableCode": {"code": MAIL}}]}}]}),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishMessage": MAIL}]}),
        ("gemini", {"candidates": [MAIL]}),
        ("gemini", {"new": {"member": MAIL}}),
        ("bedrock", {"contentBlockIndex": 0, "delta": {"text": "a"}, "new": MAIL}),
        ("bedrock", {"contentBlockIndex": 0, "delta": {"new": {"member": MAIL}}}),
    ],
)
def test_what_a_dialect_does_not_know_is_judged_event_by_event(dialect, strange):
    """A member that is new, or of another type."""
    data = json.dumps(strange).encode()
    raw = b"data: %s\n\n" % data
    if dialect == "bedrock":
        raw = message({":event-type": "contentBlockDelta"}, data)
    got, made = run(dialect, raw)

    assert made.denied is None
    assert b"unmistakable" not in got
    assert b"MASKED_EMAIL_ADDRESS_" in got


def token(text):
    return [{"token": text, "logprob": -0.1, "bytes": list(text.encode())}]


@pytest.mark.parametrize(
    ("dialect", "bodies"),
    [
        (
            "chat",
            [
                {"choices": [{"index": 0, "delta": {"content": MAIL[:9]}}]},
                {
                    "choices": [
                        {"index": 0, "delta": {"content": ""}, "logprobs": {"content": token(MAIL[9:])}}
                    ]
                },
                {"choices": [{"index": 0, "delta": {"content": MAIL[9:]}, "finish_reason": "stop"}]},
            ],
        ),
        (
            "chat",
            [
                {
                    "choices": [
                        {
                            "index": 0,
                            "delta": {
                                "tool_calls": [{"index": 0, "function": {"arguments": f'{{"a": "{MAIL}"}}'}}]
                            },
                            "logprobs": {"content": token(MAIL)},
                        }
                    ]
                }
            ],
        ),
        (
            "gemini",
            [
                {"candidates": [{"content": {"parts": [{"text": MAIL[:9]}]}}]},
                {
                    "candidates": [
                        {"content": {"parts": [{"text": ""}]}, "logprobsResult": {"a": token(MAIL[9:])}}
                    ]
                },
                {"candidates": [{"content": {"parts": [{"text": MAIL[9:]}]}, "finishReason": "STOP"}]},
            ],
        ),
        (
            "responses",
            [{"type": "response.output_text.done", "item_id": "m", "text": MAIL, "logprobs": token(MAIL)}],
        ),
        # Those of all that was said, at its end and beside no text.
        (
            "gemini",
            [
                {"candidates": [{"content": {"parts": [{"text": f"to {MAIL} now"}]}}]},
                {"candidates": [{"finishReason": "STOP", "logprobsResult": {"a": token(MAIL)}}]},
            ],
        ),
        (
            "gemini",
            [
                {"candidates": [{"content": {"parts": [{"text": MAIL}]}}]},
                {
                    "candidates": [
                        {"content": {"parts": [{"text": "!"}]}, "logprobs_result": {"a": token(MAIL)}}
                    ]
                },
            ],
        ),
        (
            "chat",
            [
                {"choices": [{"index": 0, "delta": {"content": f"to {MAIL} now"}}]},
                {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": token(MAIL)}}]},
            ],
        ),
    ],
)
def test_log_probabilities_of_a_masked_text_go_in_whatever_event_they_come(dialect, bodies):
    """With an empty piece within the value, with a tool's arguments, and beside the text as a whole."""
    raw = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in bodies)
    got, _ = run(dialect, raw)

    assert b"MASKED_EMAIL_ADDRESS_" in got
    assert b"example.com" not in got
    assert b'"token"' not in got


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("messageStop", {"stopReason": "end_turn", "additionalModelResponseFields": {"said": MAIL}}),
        ("metadata", {"metrics": {"latencyMs": 1}, "trace": {"guardrail": {"modelOutput": [MAIL]}}}),
        ("messageStart", {"role": "assistant", "new": MAIL}),
    ],
)
def test_what_a_converse_stream_says_around_its_blocks_is_judged(name, body):
    """As in a whole response, where these members are data."""
    got, made = run("bedrock", message({":event-type": name}, json.dumps(body).encode()))

    assert made.denied is None
    assert b"unmistakable" not in got
    assert b"MASKED_EMAIL_ADDRESS_" in got


def test_code_that_a_provider_runs_is_a_tools_input_in_pieces_too():
    """A rule for what tools are asked sees it as it comes, not at its end only."""
    rule = (
        "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, mask: {with: placeholder}, "
        "scope: {kinds: [tool_input]}"
    )
    place = {"item_id": "ci", "output_index": 0}
    kinds = {
        "response.code_interpreter_call_code.delta": "delta",
        "response.code_interpreter_call_code.done": "code",
    }
    raw = b"".join(
        b"data: " + json.dumps({"type": kind, **place, member: f"send('{MAIL}')"}).encode() + b"\n\n"
        for kind, member in kinds.items()
    )
    got, _ = run("responses", raw, on=streams({"mail": rule}))

    assert b"unmistakable" not in got
    assert got.count(b"MASKED_EMAIL_ADDRESS_") == 2


def sse(*bodies):
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in bodies)


def test_log_probabilities_stay_where_nothing_was_masked():
    """In another choice, or before anything is."""
    raw = sse(
        {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": token("well")}}]},
        {"choices": [{"index": 1, "delta": {"content": f"to {MAIL} now"}}]},
        {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": token("so")}}]},
    )
    got, _ = run("chat", raw)

    assert b"well" in got
    assert b'"so"' in got
    assert b"unmistakable" not in got


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "spell", [json.dumps, lambda text: '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"']
)
def test_escapes_in_arguments_may_be_cut_anywhere(size, spell):
    """A value in wide letters, between characters of several code units; the arguments stay JSON."""
    wide = "".join(chr(ord(char) + 0xFEE0) for char in MAIL)
    said = f"é🦜 {wide} 🦜é"
    written = spell(said) if said.isascii() else json.dumps(said)
    arguments = f'{{"a": {written}, "b": "{MAIL[:9]}\\u{ord(MAIL[9]):04x}{MAIL[10:]}"}}'
    raw = events("chat", [], arguments=[arguments[at : at + size] for at in range(0, len(arguments), size)])
    got, made = run("chat", raw)
    call = json.loads(assembled("chat", got)[1])

    assert made.denied is None
    assert call["a"].startswith("é🦜 MASKED_EMAIL_ADDRESS_")
    assert call["a"].endswith(" 🦜é")
    assert call["b"].startswith("MASKED_EMAIL_ADDRESS_")


def test_many_choices_may_take_turns_with_empty_pieces_between():
    """Each is masked by itself, however they are mixed."""
    text = f"to {MAIL} now"
    raw = sse(
        *(
            {"choices": [{"index": choice, "delta": {"content": piece}} for choice in order]}
            for at in range(len(text))
            for piece in ("", text[at])
            for order in ((at % 3, (at + 1) % 3), ((at + 2) % 3,))
        )
    )
    got, made = run("chat", raw)
    said = {0: "", 1: "", 2: ""}
    for line in got.splitlines():
        for choice in json.loads(line[6:])["choices"] if line else ():
            said[choice["index"]] += choice["delta"]["content"]

    assert made.denied is None
    assert {one[:25] for one in said.values()} == {"to MASKED_EMAIL_ADDRESS_" + said[0][24]}
    assert all(one.endswith(" now") for one in said.values())


@ALL
@pytest.mark.parametrize("left_out", range(1, 5))
def test_a_stream_may_break_off_without_its_end(dialect, left_out):
    """What was held back is given out as far as it came, masked, and the value in it is not seen."""
    parts = list(DIALECTS[dialect][1](["well, ", MAIL[:9], MAIL[9:], " and"]))
    got, made = run(dialect, b"".join(parts[: len(parts) - left_out]))
    said, _ = assembled(dialect, got)

    assert made.denied is None
    assert "unmistakable" not in said
    assert said.startswith("well, ")


@ALL
def test_a_stream_that_breaks_off_within_an_event_gives_out_nothing_of_it(dialect):
    """A client would not read it."""
    parts = list(DIALECTS[dialect][1](["well, ", "all ", MAIL]))
    whole = b"".join(parts[:-3])
    got, _ = run(dialect, whole + parts[-3][: len(parts[-3]) // 2])

    assert b"unmistakable" not in got


@pytest.mark.parametrize(
    "data", [b'{"choices": [{"delta": {"content": "\xff\xfe"}}]}', b"\xff", b'"\\ud800"']
)
def test_bytes_that_are_no_text_are_unjudged(data):
    """They deny, and are not given out."""
    got, made = run("chat", b"data: " + data + b"\n\n" + sse({"choices": []}))

    assert made.denied is not None
    assert data not in got


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        ("chat", {"error": {"message": f"cannot say {MAIL}", "code": 500}}),
        ("anthropic", {"type": "error", "error": {"type": "api_error", "message": f"cannot say {MAIL}"}}),
        ("responses", {"type": "error", "code": "server_error", "message": f"cannot say {MAIL}"}),
        ("gemini", {"error": {"code": 503, "message": f"cannot say {MAIL}", "status": "UNAVAILABLE"}}),
    ],
)
def test_an_error_within_a_stream_passes_and_is_judged(dialect, error):
    """It comes behind what was said before it."""
    parts = list(DIALECTS[dialect][1](["well, ", "the man"]))
    ended = 1 if dialect == "gemini" else 3
    got, made = run(dialect, b"".join(parts[:-ended]) + sse(error))

    assert made.denied is None
    assert b"cannot say MASKED_EMAIL_ADDRESS_" in got
    assert b"unmistakable" not in got
    assert b"the man" in got
    assert got.index(b"the man") < got.index(b"cannot say")


PIECES = {
    "anthropic": lambda text: (
        "",
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        ("delta",),
    ),
    "responses": lambda text: (
        "",
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": text},
        (),
    ),
    "chat": lambda text: ("", {"choices": [{"index": 0, "delta": {"content": text}}]}, ("choices", 0)),
    "gemini": lambda text: (
        "",
        {"candidates": [{"content": {"parts": [{"text": text}]}}]},
        ("candidates", 0, "content", "parts", 0),
    ),
    "bedrock": lambda text: (
        "contentBlockDelta",
        {"contentBlockIndex": 0, "delta": {"text": text}},
        ("delta",),
    ),
}


@ALL
@pytest.mark.parametrize("inside", [True, False])
def test_pieces_are_put_together_whatever_else_their_events_hold(dialect, inside):
    """A member that nobody knows is judged by itself; the text beside it goes on from event to event."""
    raw = b""
    for at in range(0, len(MAIL), 3):
        name, body, path = PIECES[dialect](MAIL[at : at + 3])
        holder = body
        for step in path if inside else ():
            holder = holder[step]
        holder["new"] = {"note": "nothing" if at else f"to {MAIL}"}
        data = json.dumps(body).encode()
        raw += message({":event-type": name}, data) if name else b"data: %s\n\n" % data
    got, made = run(dialect, raw)

    assert made.denied is None
    assert b"to MASKED_EMAIL_ADDRESS_" in got
    assert not any(MAIL[at : at + 3].encode() in got for at in range(3, 18, 3))


@ALL
def test_no_shape_of_an_event_breaks_the_reader_or_slips_past_it(dialect):
    """Wherever an object or a list stands instead of what a member is, it is judged."""
    name, body, _ = PIECES[dialect]("well")
    for odd in ({"said": MAIL}, [MAIL], [[{"said": MAIL}]], {MAIL: 1}):
        for path in [()] + [path for path, _ in _places(body)]:
            changed = _replaced(body, path, odd) if path else {**body, "new": odd}
            data = json.dumps(changed).encode()
            got, _ = run(dialect, message({":event-type": name}, data) if name else b"data: %s\n\n" % data)
            assert b"unmistakable" not in got, (path, odd)


def _places(value, path=()):
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key), item
            yield from _places(item, (*path, key))


def _replaced(value, path, new):
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copied
