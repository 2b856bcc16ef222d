"""The walker that every format's tables drive.

A format is described by readers put together from `record`, `each`, `typed` and the leaf readers below.
`record` is what keeps the promise that nothing is skipped in silence: a member that its table does not
name is walked as plain JSON and reported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec

from guardrails.bodies import jsontext
from guardrails.bodies.pointer import MAX_DEPTH, MAX_POINTER_CHARS, depth, escape
from guardrails.model import Address, Hook, Kind, Opaque, Place, Reason, Role, Segment, Unjudged


class Voice(msgspec.Struct, frozen=True):
    """Whose text is being read, and what it is."""

    role: Role
    kind: Kind


Reader: TypeAlias = "Callable[[Walk, str, object, Voice], None]"

TOOL_OUTPUT = Voice(Role.TOOL, Kind.TOOL_OUTPUT)

ROLES: Mapping[str, Voice] = {
    "system": Voice(Role.SYSTEM, Kind.TEXT),
    "developer": Voice(Role.DEVELOPER, Kind.TEXT),
    "user": Voice(Role.USER, Kind.TEXT),
    "assistant": Voice(Role.ASSISTANT, Kind.TEXT),
    "model": Voice(Role.ASSISTANT, Kind.TEXT),
    "tool": TOOL_OUTPUT,
    "function": TOOL_OUTPUT,
}

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_MIN_KEY = 6
_MIN_TOKEN = 16
_MIN_DIGITS = 7
# No format nests its own blocks this deep; below, the walk that needs no call stack takes over.
_MAX_BLOCK_DEPTH = 24


class ToolCall(msgspec.Struct, frozen=True):
    """What a model asks a tool to do, as a whole; the arguments at `pointer` are decoded or JSON text."""

    pointer: str
    name: str
    arguments: object

    @property
    def text(self) -> str:
        """The arguments as JSON text; empty where they are nested too deeply to be written."""
        if isinstance(self.arguments, str):
            return self.arguments
        try:
            return json.dumps(self.arguments, ensure_ascii=False)
        except RecursionError:
            return ""


_ARGUMENTS = ("arguments", "input", "args")
"""What formats call the arguments of a tool."""


class Walk:
    """What one reading has gathered so far."""

    def __init__(self, hook: Hook) -> None:
        self.segments: list[Segment] = []
        self.calls: list[ToolCall] = []
        self.unknown: list[str] = []
        self.opaque: list[Opaque] = []
        self.unjudged: list[Unjudged] = []
        self.default = ROLES["user" if hook is Hook.REQUEST else "assistant"]
        self._pointer_chars = 0

    def called(self, pointer: str, name: str, value: Mapping[str, object]) -> None:
        """Add the call of a tool, if an object with a name is one."""
        for key in _ARGUMENTS:
            if key in value:
                self.calls.append(ToolCall(f"{pointer}/{key}", name, value[key]))

    def text(self, pointer: str, text: str, voice: Voice) -> None:
        """Add a text; a tool's answer that is JSON is walked inside."""
        if not text:
            return
        if voice.kind is Kind.TOOL_OUTPUT:
            self.json_text(pointer, text, voice)
        else:
            self.segments.append(Segment(Address(pointer), voice.role, voice.kind, text))

    def json_text(self, pointer: str, text: str, voice: Voice) -> None:
        """Add the literals of a text that is a JSON object or array, or else the text as it is."""
        if not text:
            return
        document = jsontext.scan(text, MAX_POINTER_CHARS - self._pointer_chars)
        if document is None or document.bound:
            self.segments.append(Segment(Address(pointer), voice.role, voice.kind, text))
        if document is None:
            return
        self._pointer_chars += document.pointer_chars
        if document.bound:
            self.unjudged.append(Unjudged(document.bound, address=Address(pointer), detail="JSON text"))
        for literal in document.literals:
            if _is_read(literal):
                address = Address(pointer, literal.pointer, literal.place)
                self.segments.append(Segment(address, voice.role, voice.kind, literal.text))

    def unknown_shape(self, pointer: str, value: object, voice: Voice) -> None:
        """Walk what no format describes as plain data, and say so."""
        self.unknown.append(pointer)
        self.json(pointer, value, Voice(voice.role, Kind.DATA))

    def json(self, pointer: str, value: object, voice: Voice) -> None:
        """Add every string, telling key and long number of a JSON value, in document order."""
        stack: list[tuple[str, str | None, object]] = [(pointer, None, value)]
        while stack:
            at, key, item = stack.pop()
            if key is not None:
                address = Address(at, place=Place.KEY)
                self.segments.append(Segment(address, voice.role, voice.kind, key))
            if isinstance(item, str):
                self.text(at, item, voice)
            elif isinstance(item, dict | list):
                if item and depth(at) >= MAX_DEPTH:
                    self.unjudged.append(Unjudged(Reason.TOO_DEEP, address=Address(at)))
                elif item and not self._push_members(stack, at, item):
                    self.unjudged.append(Unjudged(Reason.TOO_MANY, address=Address(at), detail="pointers"))
                    return
            else:
                self._number(at, item, voice)

    def _push_members(
        self,
        stack: list[tuple[str, str | None, object]],
        pointer: str,
        value: dict[str, object] | list[object],
    ) -> bool:
        first = len(stack)
        if isinstance(value, list):
            members: Iterable[tuple[str, str | None, object]] = (
                (str(index), None, item) for index, item in enumerate(value) if _may_carry_text(item)
            )
        else:
            members = (
                (escape(name), name if is_telling_key(name) else None, item)
                for name, item in value.items()
                if _may_carry_text(item) or is_telling_key(name)
            )
        for token, key, item in members:
            self._pointer_chars += len(pointer)
            if self._pointer_chars > MAX_POINTER_CHARS:
                del stack[first:]
                return False
            stack.append((f"{pointer}/{token}", key, item))
        stack[first:] = reversed(stack[first:])
        return True

    def _number(self, pointer: str, value: object, voice: Voice) -> None:
        try:
            digits = spelling(value)
        except ValueError:
            self.unjudged.append(Unjudged(Reason.TOO_LONG, address=Address(pointer), detail="number"))
            return
        if digits is not None and has_many_digits(digits):
            self.segments.append(Segment(Address(pointer), voice.role, voice.kind, digits))


def spelling(value: object) -> str | None:
    """A number as JSON spells it, None for anything else.

    Raises:
        ValueError: if it has more digits than Python converts.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    return None


def has_many_digits(text: str) -> bool:
    """Whether a number is long enough to be a phone, card or account number."""
    return len(text) >= _MIN_DIGITS and sum(map(str.isdigit, text)) >= _MIN_DIGITS


def is_telling_key(name: str) -> bool:
    """Whether a member name says more than a field's name does: an address, a date, a token."""
    if len(name) < _MIN_KEY:
        return False
    return _IDENTIFIER.fullmatch(name) is None or (
        len(name) >= _MIN_TOKEN and sum(map(str.isdigit, name)) >= 2
    )


def _is_read(literal: jsontext.Literal) -> bool:
    if literal.place is Place.KEY:
        return is_telling_key(literal.text)
    return has_many_digits(literal.text) if literal.is_number else bool(literal.text)


def _may_carry_text(value: object) -> bool:
    if isinstance(value, int):
        return not -1_000_000 < value < 1_000_000
    return value is not None and value != ""


def left(_walk: Walk, _pointer: str, _value: object, _voice: Voice) -> None:
    """Left alone by contract, whatever it is: tool definitions, settings, markers, usage."""


def name(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """An id or a word of the format: left alone, as long as it is a scalar."""
    if isinstance(value, dict | list):
        walk.unknown_shape(pointer, value, voice)


def number(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A setting that is a number or a boolean: left alone, as long as it is one."""
    if isinstance(value, dict | list | str):
        walk.unknown_shape(pointer, value, voice)


def text(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A text in the voice of what it stands in."""
    if isinstance(value, str):
        walk.text(pointer, value, voice)
    elif value is not None:
        walk.unknown_shape(pointer, value, voice)


def json_value(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """Any JSON, all of whose leaves are read."""
    walk.json(pointer, value, voice)


def json_text(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A string that ought to be JSON; where a client sends the object itself, it keeps its voice."""
    if isinstance(value, str):
        walk.json_text(pointer, value, voice)
    elif value is not None:
        walk.unknown.append(pointer)
        walk.json(pointer, value, voice)


def opaque(what: str) -> Reader:
    """A part that is not read, and reported as such."""

    def read(walk: Walk, pointer: str, value: object, _: Voice) -> None:
        if value is not None:
            walk.opaque.append(Opaque(pointer, what))

    return read


LOGPROBS = "logprobs"
"""How it is reported that the tokens of the text beside are spelt, with their log probabilities."""

logprobs = opaque(LOGPROBS)


def spoken(reader: Reader, role: Role | None = None, kind: Kind | None = None) -> Reader:
    """A reader with the voice changed."""

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        reader(walk, pointer, value, Voice(role or voice.role, kind or voice.kind))

    return read


def each(reader: Reader) -> Reader:
    """A list of what `reader` reads."""

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                reader(walk, f"{pointer}/{index}", item, voice)
        elif value is not None:
            walk.unknown_shape(pointer, value, voice)

    return read


def mapping(reader: Reader) -> Reader:
    """An object with names of the caller's choice."""

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                at = f"{pointer}/{escape(key)}"
                if is_telling_key(key):
                    address = Address(at, place=Place.KEY)
                    walk.segments.append(Segment(address, voice.role, Kind.DATA, key))
                reader(walk, at, item, voice)
        elif value is not None:
            walk.unknown_shape(pointer, value, voice)

    return read


def record(table: Mapping[str, Reader]) -> Reader:
    """An object with known members; the others are walked as plain JSON and reported."""

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        if isinstance(value, dict):
            read_members(walk, pointer, value, voice, table)
        elif value is not None:
            walk.unknown_shape(pointer, value, voice)

    return read


def read_members(
    walk: Walk, pointer: str, value: Mapping[str, object], voice: Voice, table: Mapping[str, Reader]
) -> None:
    """Read an object's members by a table."""
    name = value.get("name")
    if isinstance(name, str) and not table.keys().isdisjoint(_ARGUMENTS):
        walk.called(pointer, name, value)
    for key, item in value.items():
        reader = table.get(key)
        if reader is None:
            at = f"{pointer}/{escape(key)}"
            if is_telling_key(key):
                address = Address(at, place=Place.KEY)
                walk.segments.append(Segment(address, voice.role, Kind.DATA, key))
            walk.unknown_shape(at, item, voice)
        elif reader is not left:
            reader(walk, f"{pointer}/{key}", item, voice)


def typed(table: Mapping[str, Reader], untyped: Reader | None = None) -> Reader:
    """An object whose `type` member says which reader reads it; `untyped` reads one without."""

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        reader: Reader | None = None
        if isinstance(value, dict) and depth(pointer) <= _MAX_BLOCK_DEPTH:
            tag = value.get("type")
            reader = table.get(tag) if isinstance(tag, str) else untyped if tag is None else None
        if reader is None:
            walk.unknown_shape(pointer, value, voice)
        else:
            reader(walk, pointer, value, voice)

    return read


def by_role(table: Mapping[str, Reader]) -> Reader:
    """A message: its `role` gives the voice. A role nobody knows is reported, and the default speaks."""
    body = record({"role": left, **table})

    def read(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
        if isinstance(value, dict):
            role = value.get("role")
            known = ROLES.get(role) if isinstance(role, str) else None
            if known is None and role is not None:
                walk.unknown_shape(f"{pointer}/role", role, walk.default)
            voice = known or walk.default
        body(walk, pointer, value, voice)

    return read


def names(*fields: str) -> dict[str, Reader]:
    """Table rows of ids and words."""
    return dict.fromkeys(fields, name)


def numbers(*fields: str) -> dict[str, Reader]:
    """Table rows of numbers and switches."""
    return dict.fromkeys(fields, number)


def lefts(*fields: str) -> dict[str, Reader]:
    """Table rows of what is left alone whatever it is."""
    return dict.fromkeys(fields, left)


def texts(*fields: str) -> dict[str, Reader]:
    """Table rows of texts."""
    return dict.fromkeys(fields, text)
