"""Server-sent events (WHATWG HTML, section 9.2): from bytes to events and back, byte for byte."""

from __future__ import annotations

import re

import msgspec

MAX_EVENT_BYTES = 16_000_000

_END = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class TooLargeError(ValueError):
    """An event larger than `MAX_EVENT_BYTES`."""


class Event(msgspec.Struct, frozen=True):
    """One event as it was sent; `data` are its data lines, joined by line feeds, None where it has none."""

    raw: bytes
    name: str
    data: bytes | None

    def with_data(self, data: bytes) -> bytes:
        """The event with other data, which is one line; its other lines stay as they are."""
        out: list[bytes] = []
        placed = False
        for line in _LINE.findall(self.raw):
            if _field(line)[0] != b"data":
                out.append(line)
            elif not placed:
                ending = line[len(line.rstrip(b"\r\n")) :]
                out.append(b"data: " + data + ending)
                placed = True
        return b"".join(out)


class Reader:
    """Takes bytes as they come and gives whole events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole now. Raises `TooLargeError`."""
        # What was looked through before need not be looked through again, but for a cut line end.
        searched = max(0, len(self._rest) - 3)
        self._rest += data
        events: list[Event] = []
        start = 0
        for end in _END.finditer(self._rest, searched):
            events.append(_event(self._rest[start : end.end()]))
            start = end.end()
        self._rest = self._rest[start:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise TooLargeError
        return events

    def close(self) -> list[Event]:
        """What is left at the end, which a client would not take for an event."""
        rest, self._rest = self._rest, b""
        return [_event(rest)] if rest else []


def _event(raw: bytes) -> Event:
    name = b""
    data: list[bytes] = []
    for line in _LINE.findall(raw):
        field, value = _field(line)
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return Event(raw, name.decode("utf-8", "replace"), b"\n".join(data) if data else None)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf").partition(b":")
    return name, value.removeprefix(b" ")
