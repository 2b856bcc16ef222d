"""Which views of a text a model reads: each thing that is written once, in its plainest form."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from guardrails.detectors.plainest import plainest
from guardrails.model import Span
from guardrails.text import View

HIDDEN = frozenset(
    {
        "base64",
        "hex",
        "tags",
        "variation",
        "percent",
        "unicode_escape",
        "html_entity",
        "escapes",
        "leet",
        "spaced",
        "concealed",
    }
)
"""Views of what a reader does not see as words."""

_AROUND = 160
"""Characters on either side of what a view shows anew that are read with it."""

_LEET = 24
"""A text with a letter in so many written as a digit or sign is leetspeak."""

_SAME_WORDS = frozenset({"unmarked", "concealed"})
"""Views of what the source says in words too."""

_LEAST = 12
"""Decoded pieces with fewer characters say nothing."""


class Reading(msgspec.Struct, frozen=True):
    """A text to judge. `stretches`: where it stands in the view, when it is not the view's whole text."""

    view: View
    text: str
    stretches: Sequence[tuple[int, int]] | None = None

    def place(self, span: Span) -> Span:
        """A span of the text as one of the view."""
        return span if self.stretches is None else _back(span, self.stretches)


def readings(views: Sequence[View]) -> Iterator[Reading]:
    """The text, and what its disguises hide.

    The whole text is read in its plainest form; of every other view only what its parent does not show is
    read, so that the work stays linear in what was sent.
    """
    plain = plainest(views)
    if plain.text.strip():
        yield Reading(plain, plain.text)
    for view in views[1:]:
        if view is plain or not _says_more(view, plain):
            continue
        fresh = view.fresh(_AROUND)
        stretches = [(0, len(view.text))] if fresh is None else fresh
        # One reading for all of them: each by itself would cost more than the text that it is from.
        text = "\n".join(view.text[start:end] for start, end in stretches)
        if len(text) >= _LEAST:
            yield Reading(view, text, stretches)


def _says_more(view: View, plain: View) -> bool:
    """Whether a view says what the plainest one does not."""
    if view.name in _SAME_WORDS or (view.whole is not None and view.whole == plain.whole):
        return False
    if view.name == "leet":
        # A number in a name is no leetspeak: where a text is written so, it is all over it.
        return len(view.swaps or ()) * _LEET >= len(view.text)
    return not (plain.parent is not None and view is plain.parent)


def _back(span: Span, stretches: Sequence[tuple[int, int]]) -> Span:
    """A span of the joined stretches as one of the view."""
    before = [0, *accumulate(end - start + 1 for start, end in stretches)]
    first = bisect_right(before, span.start, hi=len(stretches)) - 1
    last = bisect_right(before, max(span.end - 1, span.start), hi=len(stretches)) - 1
    start = stretches[first][0] + span.start - before[first]
    return Span(start, max(start, stretches[last][0] + span.end - before[last]))
