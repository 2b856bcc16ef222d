"""Events of Amazon Bedrock's ConverseStream."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Set

import msgspec

from guardrails.bodies import Format
from guardrails.streams import aws
from guardrails.streams.events import Framing, Reading, Text, Whole, is_known, scalar, with_rest

# What each event may hold: plain members, among them padding of random length so that lengths tell nothing,
# and those that are judged or left alone.
_BESIDE = frozenset({"contentBlockIndex", "p"})
_EVENTS: Mapping[str, tuple[Set[str], Set[str]]] = {
    "messageStart": (_BESIDE | {"role"}, frozenset()),
    "messageStop": (_BESIDE | {"stopReason"}, frozenset()),
    "metadata": (_BESIDE, frozenset({"usage", "metrics", "performanceConfig", "serviceTier"})),
    "contentBlockStart": (_BESIDE, frozenset({"start"})),
    "contentBlockDelta": (_BESIDE, frozenset({"delta"})),
    "contentBlockStop": (_BESIDE, frozenset()),
}
_AROUND = frozenset({"messageStart", "messageStop", "metadata"})


class BedrockStream:
    """Each content block is a text, or the input of a tool."""

    content_type = "application/vnd.amazon.eventstream"
    framing: Callable[[], Framing] = aws.Reader

    def __init__(self) -> None:
        self._tools: dict[object, str] = {}  # by content block

    def read(self, name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        reading = self._read(name, body)
        if reading is not None and name in _EVENTS and is_known(body, *_EVENTS[name]):
            return reading
        # The rest of a response: what is left alone in a whole one is here.
        format = Format.BEDROCK_CONVERSE if name in _AROUND else Format.GENERIC
        return with_rest(reading or Reading(), body, format)

    def _read(self, name: str, body: dict[str, object]) -> Reading | None:
        """What an event holds in the place that it has for it; None where that is strange."""
        index = scalar(body.get("contentBlockIndex"))
        if name == "contentBlockStop":
            return Reading(ends=(index,))
        if name == "contentBlockDelta":
            return self._delta(index, body)
        if name == "contentBlockStart":
            start = body.get("start")
            if not isinstance(start, dict):
                return None
            self._named(index, start.get("toolUse"))
            message = {"output": {"message": {"role": "assistant", "content": [start]}}}
            place = ("output", "message", "content", 0)
            return Reading(wholes=(Whole(("start",), message, place, Format.BEDROCK_CONVERSE),))
        return Reading(ends=None if name == "messageStop" else ())

    def _delta(self, index: Hashable, body: dict[str, object]) -> Reading | None:
        delta = body.get("delta")
        if not isinstance(delta, dict):
            return None
        if delta.keys() == {"reasoningContent"}:
            return Reading()  # reasoning is left alone, as in a whole body
        tool = delta.get("toolUse")
        texts: list[Text] = []
        known = is_known(delta, {"text"}, {"toolUse"})
        if isinstance(delta.get("text"), str):
            texts.append(Text((index, "text"), ("delta", "text"), delta["text"]))
        if isinstance(tool, dict) and isinstance(tool.get("input"), str):
            place = ("delta", "toolUse", "input")
            asked = self._tools.get(index)
            texts.append(Text((index, "input"), place, tool["input"], arguments=True, tool=asked))
            known = known and is_known(tool, {"input"})
        elif tool is not None:
            known = False
        reading = Reading(tuple(texts))
        return reading if texts and known else with_rest(reading, body, Format.GENERIC)

    def _named(self, index: Hashable, tool: object) -> None:
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
