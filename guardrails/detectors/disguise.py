"""Whether a text's words are disguised, for detectors that read words and look at one view only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from guardrails.text import View

_READINGS = ("normalised", "folded")


def read_as_words(views: Sequence[View]) -> Iterator[View]:
    """The source, and those of its readings without disguise that have other words.

    Those are words with invisible characters within, with look-alikes of other scripts, or in full-width or
    other styled letters. Typographic quotes and spaces change no word.
    """
    source, *others = views
    yield source
    for view in others:
        if view.name in _READINGS and _changes_words(view):
            yield view


def _changes_words(view: View) -> bool:
    text = view.text
    for start, end in _changes(view):
        if start < end:
            if text[start:end].isalpha():
                return True
        elif 0 < start < len(text) and text[start - 1 : start + 1].isalpha():
            return True
    return False


def _changes(view: View) -> Iterable[tuple[int, int]]:
    """The places of the view's text that differ from its parent's; empty where something is gone."""
    assert view.parent is not None
    edits = zip(view.edits.view_starts, view.edits.view_ends, strict=True) if view.edits else ()
    if view.swaps is not None:
        return chain(edits, view.swaps)
    return chain(edits, _swaps(view, view.parent.text))


def _swaps(view: View, before: str) -> Iterator[tuple[int, int]]:
    """Where one character stands for another: too many to be listed in the view."""
    edits = (
        zip(view.edits.view_starts, view.edits.view_ends, view.edits.ends, strict=True) if view.edits else ()
    )
    at = origin = 0
    for start, end, follows in chain(edits, [(len(view.text), 0, 0)]):
        pairs = zip(view.text[at:start], before[origin : origin + start - at], strict=True)
        for place, (one, other) in enumerate(pairs, at):
            if one != other:
                yield place, place + 1
        at, origin = end, follows
