"""Which view of a text is read by detectors that judge a text as a whole: the one that people would read."""

from __future__ import annotations

from collections.abc import Sequence

from guardrails.model import Span
from guardrails.text import View

_DECODED = frozenset(
    {"percent", "unicode_escape", "html_entity", "escapes", "base64", "hex", "spaced", "normalised"}
)
_PART = 0.4
"""A text of which a view shows so large a part otherwise is written in that disguise as a whole."""


def plainest(views: Sequence[View]) -> View:
    """The text as it was sent, or normalised where that differs; decoded where all of it is encoded.

    It leaves nothing out: what is not encoded stands in it as it is.
    """
    plain = next((view for view in views if view.name == "normalised"), views[0])
    text = views[0].text
    visible = Span(len(text) - len(text.lstrip()), len(text.rstrip()))
    for view in views[1:]:
        if not _DECODED.issuperset(view.name.split("/")):
            continue
        if view.whole is not None:
            # What is within one encoded run comes after it, and is the run's own text made plainer.
            if view.whole.covers(visible):
                plain = view
        elif view.parent is plain and not any(view.cut) and view.changed() >= _PART * len(plain.text):
            plain = view
    return plain
