"""Runs one detector over one text, as the engine does: every view, the shared pass, confirmation."""

from guardrails.detectors.base import Deadline
from guardrails.detectors.patterns import Index
from guardrails.loose import loose_views
from guardrails.text import views


def hits(detector, text, seconds=10.0):
    """The detector's hits in `text`, in order of place, one per span and label."""
    index = Index.compile(detector.patterns)
    deadline = Deadline.after(seconds)
    seen = views(text).all
    if getattr(detector, "reads_loosely", False):
        seen = (*seen, *loose_views(seen))
    found = {}
    for view in seen:
        matches = [one for many in index.matches(view.text, deadline).values() for one in many]
        if matches:
            for hit in detector.confirm(view, matches, deadline):
                found.setdefault((hit.start, hit.end, hit.label), hit)
    for hit in detector.inspect(seen, deadline):
        found.setdefault((hit.start, hit.end, hit.label), hit)
    return [found[key] for key in sorted(found)]


def marked(detector, text):
    """The text with «…» around every hit: what a table of examples is compared with."""
    spans = sorted({(one.start, one.end) for one in hits(detector, text)}, reverse=True)
    for start, end in spans:
        text = f"{text[:start]}«{text[start:end]}»{text[end:]}"
    return text
