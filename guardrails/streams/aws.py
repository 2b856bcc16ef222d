"""Amazon's binary event streams (`application/vnd.amazon.eventstream`): from bytes to events and back.

A message is: its length and that of its headers (four bytes each, big-endian), a CRC-32 of these, the
headers, the payload, and a CRC-32 of all before. A header is its name and value, each with its length, and
the value's type between them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from guardrails.streams.sse import MAX_EVENT_BYTES, TooLargeError

_PRELUDE = 12
_CRC = 4
_STRING = 7
# By type: how many bytes a value takes; -1 for those that say so in two bytes before it.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: -1, 7: -1, 8: 8, 9: 16}


class Message(msgspec.Struct, frozen=True):
    """One message as it was sent: `name` is its event type, `data` its payload, all of it if unreadable."""

    raw: bytes
    name: str
    data: bytes

    def with_data(self, data: bytes) -> bytes:
        """The message with another payload; its headers stay as they are."""
        headers = self.raw[_PRELUDE : _PRELUDE + int.from_bytes(self.raw[4:8], "big")]
        return _message(headers, data)


class Reader:
    """Takes bytes as they come and gives whole messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now. Raises `TooLargeError`."""
        self._rest += data
        found: list[Message] = []
        at = 0
        while len(self._rest) - at >= _PRELUDE:
            size = int.from_bytes(self._rest[at : at + 4], "big")
            if size > MAX_EVENT_BYTES or size < _PRELUDE + _CRC:
                raise TooLargeError
            if len(self._rest) - at < size:
                break
            found.append(_read(self._rest[at : at + size]))
            at += size
        self._rest = self._rest[at:]
        return found

    def close(self) -> list[Message]:
        """What is left at the end, which no client takes for a message."""
        rest, self._rest = self._rest, b""
        return [Message(rest, "", rest)] if rest else []


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message with string headers."""
    written = b"".join(
        bytes([len(name)]) + name.encode() + bytes([_STRING]) + len(value).to_bytes(2, "big") + value.encode()
        for name, value in headers.items()
    )
    return _message(written, payload)


def _message(headers: bytes, payload: bytes) -> bytes:
    size = _PRELUDE + len(headers) + len(payload) + _CRC
    prelude = size.to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    checked = prelude + _crc(prelude) + headers + payload
    return checked + _crc(checked)


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def _read(raw: bytes) -> Message:
    length = int.from_bytes(raw[4:8], "big")
    end = _PRELUDE + length
    if end > len(raw) - _CRC or _crc(raw[:8]) != raw[8:12] or _crc(raw[:-_CRC]) != raw[-_CRC:]:
        return Message(raw, "", raw)  # nothing that can be read, and so judged, is in it
    headers = _headers(raw[_PRELUDE:end])
    return Message(raw, headers.get(":event-type", headers.get(":exception-type", "")), raw[end:-_CRC])


def _headers(data: bytes) -> dict[str, str]:
    """The headers that are strings."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name = data[at + 1 : at + 1 + data[at]].decode("utf-8", "replace")
        at += 1 + data[at]
        kind = data[at] if at < len(data) else -1
        size = _SIZES.get(kind)
        if size is None:
            break
        at += 1
        if size < 0:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        if kind == _STRING:
            found[name] = data[at : at + size].decode("utf-8", "replace")
        at += size
    return found
