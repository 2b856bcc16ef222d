"""Events of Anthropic messages."""

from __future__ import annotations

import msgspec

from guardrails.bodies import Format
from guardrails.streams.events import Reading, ServerSent, Text, Whole

_LEFT = frozenset({"ping", "message_stop", "message_delta"})
# Thinking is signed: it is left alone, as in a whole body.
_LEFT_DELTAS = frozenset({"thinking_delta", "signature_delta"})
_TEXTS = {"text_delta": "text", "input_json_delta": "partial_json"}


class AnthropicStream(ServerSent):
    """Each content block is a text, or the input of a tool."""

    def __init__(self) -> None:
        self._tools: dict[object, str] = {}  # by content block

    def read(self, _name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        kind = body.get("type")
        if kind in _LEFT:
            return Reading(ends=None if kind == "message_stop" else ())
        if kind == "content_block_delta":
            return _delta(body, self._tools.get(_index(body)))
        if kind == "content_block_stop":
            return Reading(ends=(_index(body),))
        if kind == "content_block_start" and isinstance(body.get("content_block"), dict):
            block = body["content_block"]
            assert isinstance(block, dict)
            if isinstance(block.get("name"), str):
                self._tools[_index(body)] = block["name"]
            return Reading(wholes=() if _is_bare(block) else (_block(("content_block",), block),))
        if kind == "message_start" and isinstance(body.get("message"), dict):
            message = body["message"]
            return Reading(wholes=(Whole(("message",), message, (), Format.ANTHROPIC_MESSAGES),))
        return Reading(wholes=(Whole((), body, (), Format.GENERIC),))

    def denied(self, message: str) -> bytes:
        """The error event, which the SDKs raise and no client retries."""
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"


def _delta(body: dict[str, object], tool: str | None) -> Reading:
    delta = body.get("delta")
    if not isinstance(delta, dict):
        return Reading(wholes=(Whole((), body, (), Format.GENERIC),))
    kind = delta.get("type")
    if kind in _LEFT_DELTAS:
        return Reading()
    name = _TEXTS.get(str(kind))
    if name is not None and isinstance(delta.get(name), str) and delta.keys() <= {"type", name}:
        channel = (_index(body), name)
        text = str(delta[name])
        piece = Text(channel, ("delta", name), text, name == "partial_json", tool)
        return Reading((piece,) if text else ())
    if kind == "citations_delta":
        wrapped = {"type": "text", "text": "", "citations": [delta.get("citation")]}
        whole = _block(("delta", "citation"), wrapped, "citations", 0)
        return Reading(wholes=(whole,))
    return Reading(wholes=(Whole((), body, (), Format.GENERIC),))


def _index(body: dict[str, object]) -> object:
    index = body.get("index")
    return index if isinstance(index, int) else None


def _is_bare(block: object) -> bool:
    """Whether a block has nothing to judge yet: what most begin as."""
    assert isinstance(block, dict)
    kind = block.get("type")
    bare = (kind == "text" and not block.get("text") and not block.get("citations")) or (
        kind in {"tool_use", "server_tool_use", "mcp_tool_use"} and not block.get("input")
    )
    return bare or kind in {"thinking", "redacted_thinking"}


def _block(path: tuple[str | int, ...], block: object, *inside: str | int) -> Whole:
    """A block as the only one of a message."""
    message = {"type": "message", "role": "assistant", "content": [block]}
    return Whole(path, message, ("content", 0, *inside), Format.ANTHROPIC_MESSAGES)
