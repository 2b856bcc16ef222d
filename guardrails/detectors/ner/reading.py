"""Reading the pieces of a text that the gate let through, with the model that ships."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from guardrails import catalogue
from guardrails.detectors.base import Deadline
from guardrails.detectors.ner import addresses, gate, model

REPORTED = {"ADDRESS": "LOCATION"}
"""Presidio's entity where it is not called like the model's type."""

_EDGE = " \t\r\n\"'`*_,;:()[]<>#|"
_POSSESSIVE = ("'s", "’s", "'S")
_TITLES = frozenset(catalogue.lines("titles.txt"))  # none of them is a name alone


class Found(msgspec.Struct, frozen=True):
    """A name by Presidio's entity, with the probability that it is one."""

    start: int
    end: int
    entity: str
    score: float


def names(text: str, pieces: Sequence[gate.Piece], deadline: Deadline) -> Iterator[Found]:
    """The names in some pieces of a text, in order. Raises `CannotJudge` at the deadline or without a model.

    The pieces are read as one text, so that many short ones cost no more than a long one.
    """
    if not pieces:
        return
    joined = "".join([text[piece.start : piece.end] for piece in pieces])
    offsets = [0]
    for piece in pieces:
        offsets.append(offsets[-1] + piece.end - piece.start)
    found: list[model.Name] = []
    for name in model.own().names(joined, deadline):
        number = bisect_right(offsets, name.start) - 1
        piece, shift = pieces[number], pieces[number].start - offsets[number]
        span = trimmed(text, name.start + shift, min(name.end + shift, piece.end), name.type)
        if span and gate.counts(text, piece, *span) and text[slice(*span)].lower() not in _TITLES:
            found.append(model.Name(*span, name.type, name.score))
    for name in addresses.completed(text, found):
        yield Found(name.start, name.end, REPORTED.get(name.type, name.type), name.score)


def trimmed(text: str, start: int, end: int, type: str) -> tuple[int, int] | None:
    """The span without punctuation, possessive and, but for addresses, what stands on further lines.

    None when no letter is left.
    """
    while start < end and text[start] in _EDGE:
        start += 1
    if type != "ADDRESS":
        newline = text.find("\n", start, end)
        end = end if newline < 0 else newline
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    if text.endswith(_POSSESSIVE, start, end):
        end -= 2
    if not any(char.isalpha() for char in text[start:end]):
        return None
    return start, end
