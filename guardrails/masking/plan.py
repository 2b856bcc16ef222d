"""From spans to be masked to replacements that never overlap, and the text after them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from guardrails.model import Span


class Replacement(msgspec.Struct, frozen=True, order=True):
    """Replace `[start, end)` of the source text by `text`."""

    start: int
    end: int
    text: str

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


def plan(spans: Sequence[Span]) -> list[Span]:
    """Overlapping spans joined to one, ascending. Spans that only touch stay apart."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start < joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def apply_plan(text: str, replacements: Sequence[Replacement]) -> str:
    """The text after ascending, disjoint replacements."""
    parts: list[str] = []
    at = 0
    for one in replacements:
        parts += (text[at : one.start], one.text)
        at = one.end
    parts.append(text[at:])
    return "".join(parts)


def inserted(replacements: Sequence[Replacement]) -> list[Span]:
    """Where the replacements stand in the text after them."""
    spans: list[Span] = []
    shift = 0
    for one in replacements:
        start = one.start + shift
        spans.append(Span(start, start + len(one.text)))
        shift += len(one.text) - (one.end - one.start)
    return spans


def to_source(span: Span, replacements: Sequence[Replacement], places: Sequence[Span]) -> Span | None:
    """A span of the text after the replacements, as a span of the source text.

    A span that overlaps a replacement covers the whole replaced value. None when it lies within one
    replacement: then nothing of the source text is meant. `places` is `inserted(replacements)`.
    """
    starts = [place.start for place in places]
    first = bisect_right(starts, span.start) - 1
    if first >= 0 and places[first].covers(span):
        return None

    def back(offset: int, *, end: bool) -> int:
        number = bisect_right(starts, offset) - 1
        if number < 0:
            return offset
        place, one = places[number], replacements[number]
        if (place.start < offset < place.end) or (not end and offset == place.start < place.end):
            return one.end if end else one.start
        if end and offset == place.start:
            return one.start
        return one.end + (offset - place.end)

    return Span(back(span.start, end=False), back(span.end, end=True))
