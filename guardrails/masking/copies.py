"""Copies of a masked value: what came back to a client is said again, where no rule may find it by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from guardrails.detectors.base import Deadline
from guardrails.model import Span

LEAST = 4
"""The fewest characters of a value whose copies are looked for: shorter ones are everywhere."""

_WORD = re.compile(r"[^\W_]+")
_PLAIN = re.compile(r"[A-Za-z0-9]+")
_LEAST = 3
_CHECK_EVERY = 256


class Copies:
    """Where values stand in texts as words of their own: one pass over a text finds them all.

    The words within a value are then words of the text, so each value is looked for where its longest
    word is. A value that says too little is found nowhere.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = {value for value in values if len(value) >= LEAST}
        # By word: how far before it a value begins, and how long that is.
        self._shapes: dict[str, set[tuple[int, int]]] = {}
        for value in self._values:
            word = max(_WORD.finditer(value), key=lambda one: len(one[0]), default=None)
            if word is not None:
                self._shapes.setdefault(word[0], set()).add((word.start(), len(value)))

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[Span, str]]:
        """Each place with the value there; those of one value do not overlap.

        Raises `CannotJudge` at the deadline.
        """
        ends: dict[str, int] = {}
        for number, word in enumerate(_WORD.finditer(text)):
            if number % _CHECK_EVERY == 0:
                deadline.check()
            for before, length in self._shapes.get(word[0], ()):
                start = word.start() - before
                value = text[start : start + length] if start >= 0 else ""
                if value in self._values and start >= ends.get(value, 0) and _is_apart(text, start, value):
                    ends[value] = start + length
                    yield Span(start, start + length), value


def _is_apart(text: str, start: int, value: str) -> bool:
    """Whether no word goes on across the ends of a value."""
    end = start + len(value)
    return not (
        (value[0].isalnum() and text[max(0, start - 1) : start].isalnum())
        or (value[-1].isalnum() and text[end : end + 1].isalnum())
    )


def traces(value: str) -> tuple[bytes, ...]:
    """Bytes of which some are in every JSON text that holds a value, however it is escaped."""
    plain = max(_PLAIN.findall(value), key=len, default="")
    if len(plain) >= _LEAST:
        return (plain.encode(),)
    return value.encode("utf-8", "surrogatepass"), b"\\"
