"""JSON in and out: what the gateways' parsers accept, and nothing that they do not."""

from __future__ import annotations

import json

import msgspec

from service.problems import Problem


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
