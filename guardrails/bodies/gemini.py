"""Gemini generateContent, in the camel case of its JSON and the snake case of its clients."""

from __future__ import annotations

import re
from collections.abc import Mapping

from guardrails.bodies.walk import (
    Reader,
    Voice,
    Walk,
    by_role,
    each,
    json_value,
    left,
    lefts,
    logprobs,
    names,
    numbers,
    opaque,
    record,
    spoken,
    text,
)
from guardrails.model import Kind, Role

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def _both_cases(table: Mapping[str, Reader]) -> dict[str, Reader]:
    snake = {_HUMP.sub(lambda hump: "_" + hump[1].lower(), key): reader for key, reader in table.items()}
    return {**snake, **table}


def _record(table: Mapping[str, Reader]) -> Reader:
    return record(_both_cases(table))


_answered = spoken(json_value, Role.TOOL, Kind.TOOL_OUTPUT)
_asked = spoken(json_value, kind=Kind.TOOL_INPUT)

_media = opaque("media")
_MEMBERS: Mapping[str, Reader] = _both_cases(
    {
        "text": text,
        "inlineData": _media,
        "fileData": _media,
        "functionCall": _record({**names("id", "name"), "args": _asked, **numbers("willContinue")}),
        "functionResponse": _record(
            {
                **names("id", "name", "scheduling"),
                **numbers("willContinue"),
                "response": _answered,
                "parts": _media,
            }
        ),
        "executableCode": _record({**names("id", "language"), "code": spoken(text, kind=Kind.TOOL_INPUT)}),
        "codeExecutionResult": _record(
            {**names("id", "outcome"), "output": spoken(text, Role.TOOL, Kind.TOOL_OUTPUT)}
        ),
        "thought": left,
        "thoughtSignature": opaque("signature"),
        **lefts("videoMetadata", "mediaResolution", "partMetadata"),
    }
)
_members = record(_MEMBERS)
_thought = record({**_MEMBERS, "text": opaque("thinking")})


def _part(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    if isinstance(value, dict) and value.get("thought") is True:
        _thought(walk, pointer, value, voice)
    elif isinstance(value, str):
        walk.text(pointer, value, voice)
    else:
        _members(walk, pointer, value, voice)


_parts = each(_part)


def _one_or_more(reader: Reader) -> Reader:
    """The API takes a single object where it lists, and a string where it takes an object."""
    listed = each(reader)

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        if isinstance(value, str):
            walk.text(pointer, value, voice)
        else:
            (reader if isinstance(value, dict) else listed)(walk, pointer, value, voice)

    return read


def _content_parts(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    (_part if isinstance(value, dict) else _parts)(walk, pointer, value, voice)


_content = by_role({"parts": _content_parts})
_instruction = _one_or_more(record({**names("role"), "parts": _content_parts}))

request: Mapping[str, Reader] = _both_cases(
    {
        "contents": _one_or_more(_content),
        "systemInstruction": spoken(_instruction, Role.SYSTEM, Kind.TEXT),
        **names("model", "cachedContent", "serviceTier"),
        **numbers("stream", "store"),
        **lefts("generationConfig", "safetySettings", "tools", "toolConfig", "labels"),
    }
)

_candidate = _record(
    {
        "content": _content,
        **names("finishReason"),
        **numbers("index", "tokenCount", "avgLogprobs"),
        **lefts("safetyRatings"),
        "logprobsResult": logprobs,
        "finishMessage": text,
        **dict.fromkeys(
            ("citationMetadata", "groundingMetadata", "groundingAttributions", "urlContextMetadata"),
            spoken(json_value, kind=Kind.DATA),
        ),
    }
)

response: Mapping[str, Reader] = _both_cases(
    {
        "candidates": each(_candidate),
        **names("modelVersion", "responseId", "createTime"),
        **lefts("promptFeedback", "usageMetadata", "modelStatus"),
    }
)
