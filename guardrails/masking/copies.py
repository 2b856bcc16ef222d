"""Copies of a masked value: what came back to a client is said again, where no rule may find it by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guardrails.model import Span

LEAST = 4
"""The fewest characters of a value whose copies are looked for: shorter ones are everywhere."""

_PLAIN = re.compile(r"[A-Za-z0-9]+")
_LEAST = 3


def copies(text: str, value: str) -> Iterator[Span]:
    """Where a value stands in a text as a word or words of its own; nowhere if it says too little."""
    telling = len(value) >= LEAST and any(map(str.isalnum, value))
    at = text.find(value) if telling else -1
    while at >= 0:
        end = at + len(value)
        within = (value[0].isalnum() and text[at - 1 : at].isalnum()) or (
            value[-1].isalnum() and text[end : end + 1].isalnum()
        )
        if not within:
            yield Span(at, end)
        at = text.find(value, at + 1 if within else end)


def traces(value: str) -> tuple[bytes, ...]:
    """Bytes of which some are in every JSON text that holds a value, however it is escaped."""
    plain = max(_PLAIN.findall(value), key=len, default="")
    if len(plain) >= _LEAST:
        return (plain.encode(),)
    return value.encode("utf-8", "surrogatepass"), b"\\"
