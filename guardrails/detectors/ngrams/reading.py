"""Which views of a text a head reads: each thing that is written once, in its plainest form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from guardrails.detectors.base import Deadline
from guardrails.detectors.ngrams.model import Head, Judged
from guardrails.model import Span
from guardrails.text import View

HIDDEN = frozenset(
    {"base64", "hex", "tags", "variation", "percent", "unicode_escape", "html_entity", "escapes"}
)
"""Views of what a reader does not see as words."""

_AROUND = 160
"""Characters on either side of what a view shows anew that are read with it."""

_LEAST = 12
"""Decoded pieces with fewer characters say nothing."""


def judge(views: Sequence[View], head: Head, deadline: Deadline) -> Iterator[tuple[View, Judged]]:
    """The head's judgement of the text, and of what its disguises hide. Offsets are into the view.

    The whole text is read as it was sent, or normalised where that differs; of every other view only
    what its parent does not show is read, so that the work stays linear in what was sent.
    """
    plain = next((view for view in views if view.name == "normalised"), views[0])
    if plain.text.strip():
        yield plain, head.judge(plain.text, deadline)
    for view in views[1:]:
        if view is plain:
            continue
        fresh = view.fresh(_AROUND)
        for start, end in [(0, len(view.text))] if fresh is None else fresh:
            if end - start < _LEAST:
                continue
            found = head.judge(view.text[start:end], deadline)
            span = Span(found.span.start + start, found.span.end + start)
            yield view, msgspec.structs.replace(found, span=span)
