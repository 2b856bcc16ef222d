"""Events of the OpenAI Responses API.

A text comes in pieces first, then whole, as `done`, as an item and at last in the whole response: the
pieces are judged as they come, and what comes whole is judged as the part of a response that it is. So
both are masked the same way.
"""

from __future__ import annotations

import copy

import msgspec

from guardrails.bodies import Format
from guardrails.model import Kind
from guardrails.streams.events import Path, Reading, ServerSent, Text, Whole, is_known, put, scalar, with_rest

_PIECES = {
    "response.output_text.delta": False,
    "response.refusal.delta": False,
    "response.function_call_arguments.delta": True,
    "response.mcp_call_arguments.delta": True,
    "response.custom_tool_call_input.delta": True,
    "response.code_interpreter_call_code.delta": False,
}
_CODE = frozenset({"response.code_interpreter_call_code.delta"})
# What comes whole at the end of the pieces: the member, and a response's item that it is a part of.
_DONE: dict[str, tuple[str, dict[str, object], Path]] = {
    "response.output_text.done": (
        "text",
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": None}]},
        ("content", 0, "text"),
    ),
    "response.refusal.done": (
        "refusal",
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": None}]},
        ("content", 0, "refusal"),
    ),
    "response.function_call_arguments.done": (
        "arguments",
        {"type": "function_call", "arguments": None},
        ("arguments",),
    ),
    "response.mcp_call_arguments.done": (
        "arguments",
        {"type": "mcp_call", "arguments": None},
        ("arguments",),
    ),
    "response.custom_tool_call_input.done": (
        "input",
        {"type": "custom_tool_call", "input": None},
        ("input",),
    ),
    "response.code_interpreter_call_code.done": (
        "code",
        {"type": "code_interpreter_call", "code": None},
        ("code",),
    ),
}
_PLAIN = frozenset({"type", "item_id", "output_index", "content_index", "sequence_number", "obfuscation"})
_LEFT = ("response.reasoning",)
_PROGRESS = (".in_progress", ".searching", ".generating", ".interpreting", ".completed", ".queued", ".failed")


class ResponsesStream(ServerSent):
    """Each part of an item is a text; a tool call's arguments are one."""

    def __init__(self) -> None:
        self._response: dict[str, object] = {}
        self._number = 0
        self._tools: dict[object, str] = {}  # by item

    @property
    def response_id(self) -> str | None:
        """What the response is called, once that is known."""
        known = self._response.get("id")
        return known if isinstance(known, str) else None

    def read(self, name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        kind = str(body.get("type") or name)
        number = body.get("sequence_number")
        self._number = number + 1 if isinstance(number, int) else self._number
        if kind.startswith(_LEFT):
            return Reading()
        reading, member = self._read(kind, body)
        plain = _PLAIN | {"name"} if kind in _DONE else _PLAIN
        if reading is not None and is_known(body, plain, {member, "logprobs"}):
            return reading
        return with_rest(reading or Reading(), body, Format.GENERIC)

    def _read(self, kind: str, body: dict[str, object]) -> tuple[Reading | None, str]:
        """What an event holds, None where that is not known, and the member that it is in."""
        if kind in _PIECES and isinstance(body.get("delta"), str):
            forget: tuple[Path, ...] = (("logprobs",),) if body.get("logprobs") else ()
            text = str(body["delta"])
            tool = self._tools.get(_channel(body)[0])
            says = Kind.TOOL_INPUT if kind in _CODE else Kind.TEXT
            piece = Text(_channel(body), ("delta",), text, _PIECES[kind], tool, forget, says)
            return Reading((piece,) if text or forget else ()), "delta"
        if isinstance(body.get("response"), dict):
            return self._whole_response(body), "response"
        ends = (_channel(body)[0],)
        if kind in _DONE and isinstance(body.get(_DONE[kind][0]), str):
            member, item, place = _DONE[kind]
            item = {**item, "name": self._tools.get(ends[0])}
            whole = _item((member,), _filled(item, place, body[member]), *place)
            if body.get("logprobs"):
                whole = msgspec.structs.replace(whole, forget=(("logprobs",),))
            return Reading(wholes=(whole,), ends=ends), member
        if kind.startswith("response.output_item.") and isinstance(body.get("item"), dict):
            self._named(body)
            whole = _item(("item",), body["item"])
            return Reading(wholes=(whole,), ends=ends if kind.endswith("done") else ()), "item"
        if kind.startswith("response.content_part.") and isinstance(body.get("part"), dict):
            message = {"type": "message", "role": "assistant", "content": [body["part"]]}
            return Reading(wholes=(_item(("part",), message, "content", 0),), ends=()), "part"
        return (Reading() if kind.endswith(_PROGRESS) else None), ""

    def denied(self, message: str) -> bytes:
        """The response failed, and an error that the SDKs raise."""
        error = {"code": "content_filter", "message": message}
        failed = {**self._response, "status": "failed", "error": error, "output": []}
        events: list[dict[str, object]] = [
            {"type": "response.failed", "sequence_number": self._number, "response": failed},
            {"type": "error", "sequence_number": self._number + 1, **error, "param": None},
        ]
        return b"".join(
            b"event: " + str(one["type"]).encode() + b"\ndata: " + msgspec.json.encode(one) + b"\n\n"
            for one in (events if self._response else events[1:])
        )

    def _named(self, body: dict[str, object]) -> None:
        item = body["item"]
        assert isinstance(item, dict)
        name = item.get("name", item.get("type"))
        if isinstance(name, str):
            self._tools[scalar(body.get("output_index")), scalar(item.get("id"))] = name

    def _whole_response(self, body: dict[str, object]) -> Reading:
        response = body["response"]
        assert isinstance(response, dict)
        if not self._response:
            named = ("id", "object", "created_at", "model", "parallel_tool_calls", "tool_choice", "tools")
            self._response = {name: response[name] for name in named if name in response}
        last = str(body.get("type")) in {"response.completed", "response.incomplete", "response.failed"}
        return Reading(
            wholes=(Whole(("response",), response, (), Format.OPENAI_RESPONSES),), ends=None if last else ()
        )


def _channel(body: dict[str, object]) -> tuple[object, str]:
    item = (scalar(body.get("output_index")), scalar(body.get("item_id")))
    return item, str(body.get("content_index"))


def _item(path: Path, item: object, *inside: str | int) -> Whole:
    """An item as the only one of a response."""
    return Whole(
        path, {"object": "response", "output": [item]}, ("output", 0, *inside), Format.OPENAI_RESPONSES
    )


def _filled(item: dict[str, object], path: Path, text: object) -> object:
    filled = copy.deepcopy(item)
    put(filled, path, text)
    return filled
