"""What each format's reader finds, as tables."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.bodies import Format, read
from guardrails.model import Address, Hook, Place, Reason

Row = tuple[str, str, str, str]

REQ, RES = Hook.REQUEST, Hook.RESPONSE

# One body of each format with every kind of part in it; the properties mutate the same ones.
BODIES: dict[str, Any] = json.loads(Path(__file__).with_name("bodies.json").read_text())


TABLE: list[tuple[str, Hook, Format, Any, list[Row], list[tuple[str, str]]]] = [
    (
        "chat request",
        REQ,
        Format.OPENAI_CHAT,
        BODIES["chat request"],
        [
            ("/messages/0/content", "system", "text", "be nice"),
            ("/messages/1/content/0/text", "developer", "text", "be brief"),
            ("/messages/2/content/0/text", "user", "text", "look"),
            ("/messages/2/content/1/text", "user", "text", "again"),
            ("/messages/2/content/4/file/filename", "user", "data", "plan.pdf"),
            ("/messages/3/refusal", "assistant", "text", "no"),
            ("/messages/3/tool_calls/0/function/arguments#/to", "assistant", "tool_input", "ada@x.org"),
            (
                "/messages/3/tool_calls/0/function/arguments#/n/0",
                "assistant",
                "tool_input",
                "4111111111111111",
            ),
            ("/messages/3/tool_calls/1/custom/input", "assistant", "tool_input", "ls -l"),
            ("/messages/3/function_call/arguments", "assistant", "tool_input", '{"cut": "of'),
            ("/messages/4/content", "tool", "tool_output", "sent"),
            ("/messages/5/content#/ok", "tool", "tool_output", "yes"),
            ("/messages/5/content#/ada@x.org (key)", "tool", "tool_output", "ada@x.org"),
            ("/prediction/content", "user", "text", "draft"),
        ],
        [
            ("/messages/2/content/2/image_url", "image"),
            ("/messages/2/content/3/input_audio", "audio"),
            ("/messages/2/content/4/file/file_data", "file"),
            ("/messages/3/reasoning_content", "thinking"),
        ],
    ),
    (
        "chat response",
        RES,
        Format.OPENAI_CHAT,
        BODIES["chat response"],
        [
            ("/choices/0/message/content", "assistant", "text", "hi"),
            ("/choices/0/message/annotations/0/url_citation/url", "assistant", "data", "https://x.org"),
            ("/choices/0/message/annotations/0/url_citation/title", "assistant", "data", "X"),
        ],
        [("/choices/0/logprobs", "logprobs")],
    ),
    (
        "completions request",
        REQ,
        Format.OPENAI_COMPLETIONS,
        {"model": "m", "prompt": ["a", [1, 2]], "suffix": "z", "max_tokens": 3},
        [("/prompt/0", "user", "input", "a"), ("/suffix", "user", "input", "z")],
        [("/prompt/1", "tokens")],
    ),
    (
        "completions response",
        RES,
        Format.OPENAI_COMPLETIONS,
        {"id": "c", "choices": [{"text": "hi", "index": 0, "logprobs": None, "finish_reason": "stop"}]},
        [("/choices/0/text", "assistant", "text", "hi")],
        [],
    ),
    (
        "embeddings request",
        REQ,
        Format.OPENAI_EMBEDDINGS,
        {"model": "text-embedding-3-small", "input": "hello", "dimensions": 8},
        [("/input", "user", "input", "hello")],
        [],
    ),
    (
        "embeddings tokens",
        REQ,
        Format.OPENAI_EMBEDDINGS,
        {"model": "m", "input": [1, 2, 3]},
        [],
        [("/input", "tokens")],
    ),
    (
        "embeddings response",
        RES,
        Format.OPENAI_EMBEDDINGS,
        {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.123456789]}]},
        [],
        [],
    ),
    (
        "responses request",
        REQ,
        Format.OPENAI_RESPONSES,
        BODIES["responses request"],
        [
            ("/instructions", "system", "text", "be nice"),
            ("/input/0/content", "user", "text", "hello"),
            ("/input/1/content/0/text", "user", "text", "look"),
            ("/input/1/content/2/filename", "user", "data", "a.pdf"),
            ("/input/3/arguments#/a", "assistant", "tool_input", "b"),
            ("/input/4/output", "tool", "tool_output", "out"),
            ("/input/5/output/0/text", "tool", "tool_output", "part"),
            ("/input/6/input", "assistant", "tool_input", "free"),
            ("/input/7/output", "tool", "tool_output", "mcp"),
            ("/input/8/action/command/0", "assistant", "tool_input", "ls"),
            ("/input/10/queries/0", "assistant", "tool_input", "q"),
            ("/input/10/results/0/filename", "tool", "data", "n.txt"),
            ("/input/10/results/0/text", "tool", "data", "hit"),
            ("/prompt/variables/city", "user", "text", "Rome"),
            ("/prompt/variables/who/text", "user", "text", "Ada"),
        ],
        [
            ("/input/1/content/1/image_url", "image"),
            ("/input/1/content/2/file_data", "file"),
            ("/input/2/summary", "thinking"),
            ("/input/2/encrypted_content", "thinking"),
            ("/input/9/output/image_url", "image"),
        ],
    ),
    (
        "responses response",
        RES,
        Format.OPENAI_RESPONSES,
        BODIES["responses response"],
        [
            ("/output/1/content/0/text", "assistant", "text", "hi"),
            ("/output/1/content/1/refusal", "assistant", "text", "no"),
            ("/output/2/arguments#/a", "assistant", "tool_input", "b"),
        ],
        [("/output/0/summary", "thinking"), ("/output/1/content/0/logprobs", "logprobs")],
    ),
    (
        "anthropic request",
        REQ,
        Format.ANTHROPIC_MESSAGES,
        BODIES["anthropic request"],
        [
            ("/system/0/text", "system", "text", "be nice"),
            ("/messages/0/content", "user", "text", "hello"),
            ("/messages/1/content/2/text", "assistant", "text", "see"),
            ("/messages/1/content/2/citations/0/cited_text", "assistant", "text", "quoted"),
            ("/messages/1/content/2/citations/0/document_title", "assistant", "data", "Plan"),
            ("/messages/1/content/3/input/file", "assistant", "tool_input", "a.py"),
            ("/messages/1/content/3/input/deep/0/x", "assistant", "tool_input", "y"),
            ("/messages/1/content/3/input/call me (key)", "assistant", "tool_input", "call me"),
            ("/messages/1/content/3/input/call me", "assistant", "tool_input", "z"),
            ("/messages/1/content/3/input/phone", "assistant", "tool_input", "15551234567"),
            ("/messages/1/content/4/input/query", "assistant", "tool_input", "weather"),
            ("/messages/2/content/0/content", "tool", "tool_output", "done"),
            ("/messages/2/content/1/content/0/text#/a", "tool", "tool_output", "b"),
            ("/messages/2/content/2/source/data", "user", "document", "page"),
            ("/messages/2/content/2/title", "user", "document", "Plan"),
            ("/messages/2/content/2/context", "user", "document", "draft"),
            ("/messages/2/content/3/source/content/0/text", "user", "document", "chunk"),
            ("/messages/2/content/5/source", "user", "document", "https://x.org"),
            ("/messages/2/content/5/title", "user", "document", "T"),
            ("/messages/2/content/5/content/0/text", "user", "document", "found"),
        ],
        [
            ("/messages/1/content/0/thinking", "thinking"),
            ("/messages/1/content/0/signature", "signature"),
            ("/messages/1/content/1/data", "thinking"),
            ("/messages/2/content/1/content/1/source", "image"),
            ("/messages/2/content/4/source/data", "document"),
        ],
    ),
    (
        "anthropic response",
        RES,
        Format.ANTHROPIC_MESSAGES,
        BODIES["anthropic response"],
        [
            ("/content/0/text", "assistant", "text", "hi"),
            ("/content/1/input/q", "assistant", "tool_input", "r"),
        ],
        [],
    ),
    (
        "gemini request",
        REQ,
        Format.GEMINI,
        BODIES["gemini request"],
        [
            ("/system_instruction/parts/0/text", "system", "text", "be nice"),
            ("/contents/0/parts/0/text", "user", "text", "hello"),
            ("/contents/1/parts/1/functionCall/args/a", "assistant", "tool_input", "b"),
            ("/contents/1/parts/2/executableCode/code", "assistant", "tool_input", "print()"),
            ("/contents/1/parts/3/codeExecutionResult/output", "tool", "tool_output", "42"),
            ("/contents/2/parts/0/function_response/response/r", "tool", "tool_output", "s"),
        ],
        [
            ("/contents/0/parts/1/inlineData", "media"),
            ("/contents/1/parts/0/text", "thinking"),
            ("/contents/1/parts/1/thoughtSignature", "signature"),
        ],
    ),
    (
        "gemini response",
        RES,
        Format.GEMINI,
        BODIES["gemini response"],
        [("/candidates/0/content/parts/0/text", "assistant", "text", "hi")],
        [],
    ),
    (
        "bedrock request",
        REQ,
        Format.BEDROCK_CONVERSE,
        BODIES["bedrock request"],
        [
            ("/system/0/text", "system", "text", "be nice"),
            ("/messages/0/content/0/text", "user", "text", "hello"),
            ("/messages/0/content/2/document/name", "user", "document", "doc"),
            ("/messages/0/content/2/document/source/text", "user", "document", "page"),
            ("/messages/0/content/3/document/name", "user", "document", "pdf"),
            ("/messages/0/content/4/guardContent/text/text", "user", "text", "guarded"),
            ("/messages/1/content/1/toolUse/input/a", "assistant", "tool_input", "b"),
            ("/messages/2/content/0/toolResult/content/0/text", "tool", "tool_output", "out"),
            ("/messages/2/content/0/toolResult/content/1/json/k", "tool", "tool_output", "v"),
        ],
        [
            ("/messages/0/content/1/image/source", "image"),
            ("/messages/0/content/3/document/source/bytes", "document"),
            ("/messages/1/content/0/reasoningContent", "thinking"),
        ],
    ),
    (
        "bedrock response",
        RES,
        Format.BEDROCK_CONVERSE,
        BODIES["bedrock response"],
        [("/output/message/content/0/text", "assistant", "text", "hi")],
        [],
    ),
]


def _where(address: Address) -> str:
    """The whole address as text: `str(address)` hides keys that could be values."""
    text = address.pointer if address.inner is None else f"{address.pointer}#{address.inner}"
    return text if address.place is Place.VALUE else f"{text} (key)"


@pytest.mark.parametrize(
    ("hook", "format", "body", "rows", "opaque"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_a_format_is_detected_and_read_in_full(
    hook: Hook, format: Format, body: Any, rows: list[Row], opaque: list[tuple[str, str]]
) -> None:
    """Every text of a format's body is found in order, and nothing in it is unknown."""
    before = copy.deepcopy(body)

    reading = read(body, hook)

    assert reading.format is format
    assert rows == [(_where(s.address), s.role.value, s.kind.value, s.text) for s in reading.segments]
    assert opaque == [(part.pointer, part.what) for part in reading.opaque]
    assert reading.unknown == ()
    assert reading.unjudged == ()
    assert before == body


UNKNOWN: list[tuple[str, Any, list[str], list[Row]]] = [
    (
        "a field nobody knows",
        {"messages": [], "extra": {"a": "b"}},
        ["/extra"],
        [("/extra/a", "user", "data", "b")],
    ),
    (
        "a part type nobody knows",
        {"messages": [{"role": "assistant", "content": [{"type": "poem", "line": "x"}]}]},
        ["/messages/0/content/0"],
        [
            ("/messages/0/content/0/type", "assistant", "data", "poem"),
            ("/messages/0/content/0/line", "assistant", "data", "x"),
        ],
    ),
    (
        "a role nobody knows",
        {"messages": [{"role": "critic", "content": "x"}]},
        ["/messages/0/role"],
        [("/messages/0/role", "user", "data", "critic"), ("/messages/0/content", "user", "text", "x")],
    ),
    ("messages that are a string", {"messages": "x"}, ["/messages"], [("/messages", "user", "data", "x")]),
    (
        "a message that is a string",
        {"messages": ["x"]},
        ["/messages/0"],
        [("/messages/0", "user", "data", "x")],
    ),
    (
        "a text that is an object",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": {"a": "x"}}]}]},
        ["/messages/0/content/0/text"],
        [("/messages/0/content/0/text/a", "user", "data", "x")],
    ),
    (
        "a model name that is an object",
        {"messages": [], "model": {"a": "x"}},
        ["/model"],
        [("/model/a", "user", "data", "x")],
    ),
    (
        "an extra member of an image",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}, "note": "x"}]}]},
        ["/messages/0/content/0/note"],
        [("/messages/0/content/0/note", "user", "data", "x")],
    ),
    (
        "a field whose name is an address",
        {"messages": [], "ada@x.org": None},
        ["/ada@x.org"],
        [("/ada@x.org (key)", "user", "data", "ada@x.org")],
    ),
    (
        "arguments that are an object already",
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {"a": "x"}}}]}]},
        ["/messages/0/tool_calls/0/function/arguments"],
        [("/messages/0/tool_calls/0/function/arguments/a", "assistant", "tool_input", "x")],
    ),
    ("a list", ["x"], [""], [("/0", "user", "data", "x")]),
    ("a string", "x", [""], [("", "user", "data", "x")]),
    ("a number", 4111111111111111, [""], [("", "user", "data", "4111111111111111")]),
    ("a short number", 5, [""], []),
    ("an empty object", {}, [""], []),
    ("escaped names", {"a/b": {"c~d": "x"}}, [""], [("/a~1b/c~0d", "user", "data", "x")]),
]


@pytest.mark.parametrize(("body", "unknown", "rows"), [r[1:] for r in UNKNOWN], ids=[r[0] for r in UNKNOWN])
def test_what_no_format_describes_is_read_as_data_and_reported(
    body: Any, unknown: list[str], rows: list[Row]
) -> None:
    """A shape that no format describes is walked, and its pointer is reported."""
    reading = read(body, REQ)

    assert unknown == list(reading.unknown)
    assert rows == [(_where(s.address), s.role.value, s.kind.value, s.text) for s in reading.segments]


def test_no_body_is_unjudged() -> None:
    """A null body is reported as not judged, in every format."""
    for format in (None, *Format):
        assert [u.reason for u in read(None, RES, format).unjudged] == [Reason.NO_BODY]


DETECTED: list[tuple[str, Any, Format]] = [
    ("plain messages", {"messages": [{"role": "user", "content": "x"}]}, Format.OPENAI_CHAT),
    ("a system field", {"messages": [], "system": "x"}, Format.ANTHROPIC_MESSAGES),
    (
        "tool blocks",
        {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        Format.ANTHROPIC_MESSAGES,
    ),
    ("input schemas", {"messages": [], "tools": [{"input_schema": {}}]}, Format.ANTHROPIC_MESSAGES),
    (
        "an anthropic block among chat messages",
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "tool_result"}]},
            ]
        },
        Format.OPENAI_CHAT,
    ),
    ("untyped parts", {"messages": [{"role": "user", "content": [{"text": "x"}]}]}, Format.BEDROCK_CONVERSE),
    (
        "one untyped part among typed ones",
        {"messages": [{"role": "user", "content": [{"text": "x"}, {"type": "text", "text": "y"}]}]},
        Format.OPENAI_CHAT,
    ),
    ("input text", {"model": "gpt-5", "input": "x"}, Format.OPENAI_RESPONSES),
    ("input strings", {"model": "m", "input": ["x"]}, Format.OPENAI_EMBEDDINGS),
    ("input items", {"model": "m", "input": [{"role": "user", "content": "x"}]}, Format.OPENAI_RESPONSES),
    ("a stored prompt", {"prompt": {"id": "p"}}, Format.OPENAI_RESPONSES),
    ("nothing known", {"a": 1}, Format.GENERIC),
]


@pytest.mark.parametrize(("body", "format"), [r[1:] for r in DETECTED], ids=[r[0] for r in DETECTED])
def test_a_request_is_known_by_its_shape(body: Any, format: Format) -> None:
    """The shape of a request names its format."""
    assert format is read(body, REQ).format


def test_chat_and_anthropic_readers_agree_on_a_shared_body() -> None:
    """A body that both readers can read gives the same segments in both."""
    for body in (BODIES["chat request"], BODIES["anthropic request"]):
        chat = read(body, REQ, Format.OPENAI_CHAT)
        anthropic = read(body, REQ, Format.ANTHROPIC_MESSAGES)

        assert chat.segments == anthropic.segments
        assert chat.unknown == anthropic.unknown == ()


def test_deep_nesting_is_reported_and_the_rest_is_read() -> None:
    """What lies below the depth limit is unjudged at the point where reading stopped."""
    deep: Any = "low"
    for _ in range(5000):
        deep = [deep]
    reading = read({"messages": [{"role": "user", "content": "x"}], "extra": deep}, REQ)

    assert [s.text for s in reading.segments] == ["x"]
    assert [(u.reason, u.address.pointer.count("/")) for u in reading.unjudged if u.address] == [
        (Reason.TOO_DEEP, 200)
    ]


def test_nested_blocks_need_no_call_stack() -> None:
    """Tool results nested in tool results are read without recursion errors, and none is lost unreported."""
    block: Any = {"type": "text", "text": "low"}
    for _ in range(2000):
        block = {"type": "tool_result", "content": [block]}
    reading = read({"messages": [{"role": "user", "content": [block]}]}, REQ)

    assert [u.reason for u in reading.unjudged] == [Reason.TOO_DEEP]


@pytest.mark.parametrize("open_", ["[", '{"a":', '["x",'])
def test_deep_json_text_is_one_text_and_unjudged(open_: str) -> None:
    """JSON text nested too deep is read as it stands, and reported if it is JSON."""
    closed = open_ * 100_000 + "1" + ("}" if open_[0] == "{" else "]") * 100_000
    for text, reasons in ((closed, [Reason.TOO_DEEP]), (open_ * 100_000, [])):
        body = {"messages": [{"role": "tool", "content": text}]}
        reading = read(body, REQ)

        assert [text] == [s.text for s in reading.segments]
        assert reasons == [u.reason for u in reading.unjudged]


def test_long_keys_over_many_leaves_do_not_exhaust_memory() -> None:
    """Pointers that would cost more memory than the body by far are cut off and reported."""
    members = ["x"] * 20_000
    key = "k" * 20_000
    plain = read({key: members}, REQ)
    text = read({"messages": [{"role": "tool", "content": json.dumps({key: members})}]}, REQ)

    assert [u.reason for u in plain.unjudged] == [Reason.TOO_MANY]
    assert [u.reason for u in text.unjudged] == [Reason.TOO_MANY]
    assert len(text.segments) == 1


def test_a_number_too_long_to_spell_is_unjudged() -> None:
    """An integer beyond Python's digit limit is reported instead of raising."""
    assert [u.reason for u in read([10**5000], REQ).unjudged] == [Reason.TOO_LONG]
