"""Events of Amazon Bedrock's ConverseStream."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guardrails.bodies import Format
from guardrails.streams import aws
from guardrails.streams.events import Framing, Reading, Text, Whole

# What each event may hold besides what is judged: padding of random length, so that lengths tell nothing.
_BESIDE = frozenset({"contentBlockIndex", "p"})
_LEFT = {
    "messageStart": _BESIDE | {"role"},
    "messageStop": _BESIDE | {"stopReason"},
    "metadata": _BESIDE | {"usage", "metrics", "performanceConfig", "serviceTier"},
}
_DELTA = _BESIDE | {"delta"}
_START = _BESIDE | {"start"}


class BedrockStream:
    """Each content block is a text, or the input of a tool."""

    content_type = "application/vnd.amazon.eventstream"
    framing: Callable[[], Framing] = aws.Reader

    def __init__(self) -> None:
        self._tools: dict[object, str] = {}  # by content block

    def read(self, name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        index = body.get("contentBlockIndex")
        if name in _LEFT:
            # The rest of a response: what is left alone in a whole one is here.
            rest = Whole((), body, (), Format.BEDROCK_CONVERSE)
            return Reading(
                wholes=() if body.keys() <= _LEFT[name] else (rest,),
                ends=None if name == "messageStop" else (),
            )
        if name == "contentBlockStop":
            return Reading(ends=(index,))
        delta = body.get("delta")
        if name == "contentBlockDelta" and isinstance(delta, dict) and body.keys() <= _DELTA:
            if delta.keys() == {"reasoningContent"}:
                return Reading()  # reasoning is left alone, as in a whole body
            if delta.keys() == {"text"} and isinstance(delta["text"], str):
                return Reading((Text((index, "text"), ("delta", "text"), delta["text"]),))
            tool = delta.get("toolUse")
            if len(delta) == 1 and isinstance(tool, dict) and isinstance(tool.get("input"), str):
                place = ("delta", "toolUse", "input")
                asked = self._tools.get(index)
                return Reading((Text((index, "input"), place, tool["input"], arguments=True, tool=asked),))
        start = body.get("start")
        if name == "contentBlockStart" and isinstance(start, dict) and body.keys() <= _START:
            self._named(index, start.get("toolUse"))
            message = {"output": {"message": {"role": "assistant", "content": [start]}}}
            whole = Whole(("start",), message, ("output", "message", "content", 0), Format.BEDROCK_CONVERSE)
            return Reading(wholes=(whole,))
        return Reading(wholes=(Whole((), body, (), Format.GENERIC),))

    def _named(self, index: object, tool: object) -> None:
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            self._tools[index] = tool["name"]

    def denied(self, message: str) -> bytes:
        """The exception that the SDKs raise."""
        headers = {
            ":exception-type": "validationException",
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return aws.message(headers, msgspec.json.encode({"message": message}))
