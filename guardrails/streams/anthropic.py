"""Events of Anthropic messages."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from guardrails.bodies import Format
from guardrails.streams.events import Reading, ServerSent, Text, Whole, is_known, with_rest

_TYPE = frozenset({"type"})
_PLACE = frozenset({"type", "index"})
_EVENTS: Mapping[str, tuple[Set[str], Set[str]]] = {
    "ping": (_TYPE, frozenset()),
    "message_start": (_TYPE, frozenset({"message"})),
    "message_delta": (_TYPE, frozenset({"delta", "usage", "context_management"})),
    "message_stop": (_TYPE, frozenset({"amazon-bedrock-invocationMetrics"})),
    "content_block_start": (_PLACE, frozenset({"content_block"})),
    "content_block_delta": (_PLACE, frozenset({"delta"})),
    "content_block_stop": (_PLACE, frozenset()),
}
"""What an event holds: plain members, and those that are judged or left alone."""

_STOP = frozenset({"stop_reason", "stop_sequence"})
# Thinking is signed: it is left alone, as in a whole body.
_LEFT_DELTAS = frozenset({"thinking_delta", "signature_delta"})
_TEXTS = {"text_delta": "text", "input_json_delta": "partial_json"}


class AnthropicStream(ServerSent):
    """Each content block is a text, or the input of a tool."""

    def __init__(self) -> None:
        self._tools: dict[object, str] = {}  # by content block

    def read(self, _name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        kind = str(body.get("type"))
        reading = self._read(kind, body)
        known = reading is not None and kind in _EVENTS and is_known(body, *_EVENTS[kind])
        return reading if reading and known else with_rest(reading or Reading(), body, Format.GENERIC)

    def _read(self, kind: str, body: dict[str, object]) -> Reading | None:
        """What an event of a known kind holds in the place that it has for it; None where that is strange."""
        if kind == "content_block_delta":
            return _delta(body, self._tools.get(_index(body)))
        if kind == "content_block_stop":
            return Reading(ends=(_index(body),))
        if kind == "content_block_start":
            block = body.get("content_block")
            if not isinstance(block, dict):
                return None
            if isinstance(block.get("name"), str):
                self._tools[_index(body)] = block["name"]
            return Reading(wholes=() if _is_bare(block) else (_block(("content_block",), block),))
        if kind == "message_start":
            message = body.get("message")
            if not isinstance(message, dict):
                return None
            return Reading(wholes=(Whole(("message",), message, (), Format.ANTHROPIC_MESSAGES),))
        if kind == "message_delta":
            delta = body.get("delta")
            plain = isinstance(delta, dict) and is_known(
                delta, _STOP, frozenset({"container", "stop_details"})
            )
            return Reading() if plain else None
        return Reading(ends=None if kind == "message_stop" else ())

    def denied(self, message: str) -> bytes:
        """The error event, which the SDKs raise and no client retries."""
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"


def _delta(body: dict[str, object], tool: str | None) -> Reading | None:
    delta = body.get("delta")
    if not isinstance(delta, dict):
        return None
    kind = str(delta.get("type"))
    if kind in _LEFT_DELTAS:
        return Reading()
    name = _TEXTS.get(kind)
    if name is not None and isinstance(delta.get(name), str):
        channel = (_index(body), name)
        text = str(delta[name])
        piece = Text(channel, ("delta", name), text, name == "partial_json", tool)
        reading = Reading((piece,) if text else ())
        known = is_known(delta, {"type", name})
        return reading if known else with_rest(reading, body, Format.GENERIC)
    if kind == "citations_delta" and "citation" in delta:
        wrapped = {"type": "text", "text": "", "citations": [delta.get("citation")]}
        return Reading(wholes=(_block(("delta", "citation"), wrapped, "citations", 0),))
    return None


def _index(body: dict[str, object]) -> object:
    index = body.get("index")
    return index if isinstance(index, int) else None


def _is_bare(block: object) -> bool:
    """Whether a block has nothing to judge yet: what most begin as."""
    assert isinstance(block, dict)
    kind = str(block.get("type"))
    bare = (kind == "text" and not block.get("text") and not block.get("citations")) or (
        kind in {"tool_use", "server_tool_use", "mcp_tool_use"} and not block.get("input")
    )
    return bare or kind in {"thinking", "redacted_thinking"}


def _block(path: tuple[str | int, ...], block: object, *inside: str | int) -> Whole:
    """A block as the only one of a message."""
    message = {"type": "message", "role": "assistant", "content": [block]}
    return Whole(path, message, ("content", 0, *inside), Format.ANTHROPIC_MESSAGES)
