"""JSON inside a string: where its literals are, so that an edit leaves every other character alone.

The scanner accepts exactly RFC 8259 (no NaN, no raw control characters) and needs no call stack.
"""

from __future__ import annotations

import json
import re

import msgspec

from guardrails.bodies.pointer import MAX_DEPTH, MAX_POINTER_CHARS, escape
from guardrails.model import Place, Reason


class Literal(msgspec.Struct, frozen=True, gc=False):
    """A string or number literal: `text[start:end]` is its source, quotes included."""

    pointer: str
    place: Place
    start: int
    end: int
    text: str
    is_number: bool = False


class JsonText(msgspec.Struct, frozen=True):
    """The literals of a JSON object or array in source order.

    `bound` says why they were not collected although the text is JSON.
    """

    literals: tuple[Literal, ...]
    bound: Reason | None = None
    pointer_chars: int = 0


_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_WS = r"[ \t\n\r]*+"
_VALUE = re.compile(rf"{_WS}(?:({_STRING})|({_NUMBER})|([\[{{])|(true|false|null))")
_KEY = re.compile(rf"{_WS}({_STRING}){_WS}:")
_AFTER = re.compile(rf"{_WS}([,\]}}])")
_CLOSE = {"]": re.compile(rf"{_WS}\]"), "}": re.compile(rf"{_WS}\}}")}
_REST = re.compile(_WS)
_OPENS = re.compile(rf"{_WS}[\[{{]")
_UNIT = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def scan(text: str, pointer_chars: int = MAX_POINTER_CHARS) -> JsonText | None:
    """Find the literals of a text that is a JSON object or array; None if it is neither.

    An object that repeats a key is None too: its members have no address of their own.
    `pointer_chars` is how many characters of pointers may be spent.
    """
    if _OPENS.match(text) is None or text.rstrip(" \t\n\r")[-1] not in "]}":
        return None
    return _Scanner(text, pointer_chars).run()


def encode(text: str) -> str:
    """A text as it stands between the quotes of a JSON string; lone surrogates are escaped."""
    encoded = json.dumps(text, ensure_ascii=False)[1:-1]
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)


def decode(source: str) -> str:
    """The text of a string literal, quotes included in `source`."""
    if "\\" not in source:
        return source[1:-1]
    decoded: str = json.loads(source)
    return decoded


def source_offsets(source: str) -> list[int] | range:
    """Offsets in a string literal's source of each code point of its text, and of the closing quote."""
    if "\\" not in source:
        return range(1, len(source))
    offsets = [found.start() for found in _UNIT.finditer(source, 1, len(source) - 1)]
    offsets.append(len(source) - 1)
    return offsets


class _Frame:
    """An open object or array."""

    __slots__ = ("close", "index", "keys", "pointer")

    def __init__(self, pointer: str, close: str) -> None:
        self.pointer = pointer
        self.close = close
        self.index = -1
        self.keys: set[str] = set()


class _NotJsonError(ValueError):
    """The text is no JSON, or repeats a key."""


class _Scanner:
    """One pass over a text with an explicit stack."""

    def __init__(self, text: str, pointer_chars: int) -> None:
        self._text = text
        self._budget = pointer_chars
        self._at = 0
        self._frames: list[_Frame] = []
        self._literals: list[Literal] = []
        self._bound: Reason | None = None
        self._spent = 0

    def run(self) -> JsonText | None:
        try:
            self._document()
        except _NotJsonError:
            return None
        return JsonText(() if self._bound else tuple(self._literals), self._bound, self._spent)

    def _document(self) -> None:
        pointer: str | None = ""
        while pointer is not None:
            pointer = self._value(pointer)
            if pointer is None:
                pointer = self._next_member()
        rest = _REST.match(self._text, self._at)
        if rest is None or rest.end() != len(self._text):
            raise _NotJsonError

    def _value(self, pointer: str) -> str | None:
        """Read a value; the pointer of its first member if it is a container that has one."""
        found = self._take(_VALUE)
        token = found.lastindex
        if token == 3:
            return self._open(pointer, "]" if found[3] == "[" else "}")
        if token == 1:
            self._literal(pointer, Place.VALUE, found.start(1), found.end(1), decode(found[1]))
        elif token == 2:
            self._literal(pointer, Place.VALUE, found.start(2), found.end(2), found[2], is_number=True)
        return None

    def _open(self, pointer: str, close: str) -> str | None:
        ended = _CLOSE[close].match(self._text, self._at)
        if ended is not None:
            self._at = ended.end()
            return None
        frame = _Frame(pointer, close)
        self._frames.append(frame)
        if len(self._frames) > MAX_DEPTH:
            self._bound = Reason.TOO_DEEP
        return self._member(frame)

    def _next_member(self) -> str | None:
        """Close what ends here; the pointer of the next member, or None at the end of the document."""
        while self._frames:
            frame = self._frames[-1]
            mark = self._take(_AFTER)[1]
            if mark == ",":
                return self._member(frame)
            if mark != frame.close:
                raise _NotJsonError
            self._frames.pop()
        return None

    def _member(self, frame: _Frame) -> str:
        if frame.close == "]":
            frame.index += 1
            return self._child(frame, str(frame.index))
        found = self._take(_KEY)
        key = decode(found[1])
        if key in frame.keys:
            raise _NotJsonError
        frame.keys.add(key)
        pointer = self._child(frame, escape(key))
        self._literal(pointer, Place.KEY, found.start(1), found.end(1), key)
        return pointer

    def _child(self, frame: _Frame, token: str) -> str:
        if self._bound:
            return ""
        self._spent += len(frame.pointer)
        if self._spent > self._budget:
            self._bound = Reason.TOO_MANY
            return ""
        return f"{frame.pointer}/{token}"

    def _literal(
        self, pointer: str, place: Place, start: int, end: int, text: str, *, is_number: bool = False
    ) -> None:
        if not self._bound:
            self._literals.append(Literal(pointer, place, start, end, text, is_number))

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _NotJsonError
        self._at = found.end()
        return found
