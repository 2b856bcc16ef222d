"""JSON in and out: what the gateways' parsers accept, and nothing that they do not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable

import msgspec

from service.problems import Problem


async def gathered(parts: AsyncIterable[bytes], limit: int, too_large: Problem) -> bytes:
    """A body that comes in parts. Raises `too_large` once there is more than `limit` bytes of it."""
    kept: list[bytes] = []
    size = 0
    async for part in parts:
        size += len(part)
        if size > limit:
            raise too_large
        kept.append(part)
    return b"".join(kept)


def decode(data: bytes) -> object:
    """JSON text to plain values.

    Raises `Problem` 400 when it is not JSON, or nested deeper than the interpreter's stack. (What is
    nested deeper than `bodies` reads, but not as deep as that, is unjudged.)
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise _TOO_DEEP from None
    except msgspec.DecodeError:
        # A lone surrogate (`\ud83d` of a cut emoji) is what JavaScript sends and msgspec refuses.
        return _decode_leniently(data)
    except UnicodeDecodeError:
        raise Problem(400, "Not JSON", "the body is not UTF-8") from None


def decode_object(data: bytes, *left: str) -> dict[str, object]:
    """A payload that must be a JSON object. What is at the paths `left` (`a`, `a.b`) stays JSON text.

    Such an object or array is a `msgspec.Raw`; it is not left where the payload is JSON only by the lenience
    of `decode`. Raises `Problem` 400.
    """
    try:
        return _opened(data, left)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = decode(data)
    if not isinstance(value, dict):
        raise Problem(400, "Not an object", "the payload must be a JSON object")
    return value


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _opened(data: bytes | msgspec.Raw, left: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, raw in _members.decode(data).items():
        below = tuple(path[len(name) + 1 :] for path in left if path.startswith(f"{name}."))
        first = memoryview(raw)[:1].tobytes()
        if below and first == b"{":
            found[name] = _opened(raw, below)
        else:
            found[name] = raw if name in left and first in b"{[" else msgspec.json.decode(raw)
    return found


def raw_object(raw: msgspec.Raw) -> bool:
    """Whether a JSON text is an object."""
    return memoryview(raw)[:1].tobytes() == b"{"


class _Named(msgspec.Struct):
    model: object = None
    stream: object = None


def model_of(body: object) -> object:
    """The `model` of a body, decoded or not."""
    if isinstance(body, msgspec.Raw):
        return msgspec.json.decode(body, type=_Named).model if raw_object(body) else None
    return body.get("model") if isinstance(body, dict) else None


def streams(body: object) -> bool:
    """Whether a body, decoded or not, asks for a stream."""
    if isinstance(body, msgspec.Raw):
        return raw_object(body) and msgspec.json.decode(body, type=_Named).stream is True
    return isinstance(body, dict) and body.get("stream") is True


def encode(value: object) -> bytes:
    """Plain values to JSON text; a lone surrogate is written as its escape."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _decode_leniently(data: bytes) -> object:
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise Problem(400, "Not JSON", "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Problem(
            400, "Not JSON", f"{error.msg.lower()} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _TOO_DEEP from None
    except ValueError:
        raise Problem(400, "Not JSON", "the body holds a value that JSON does not have") from None


_TOO_DEEP = Problem(400, "Nested too deep", "the body is nested too deep to be read")


def _refuse(_name: str) -> object:
    raise ValueError
