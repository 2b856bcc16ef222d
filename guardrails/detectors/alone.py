"""One detector by itself, without a policy: for proofs and measurements."""

from __future__ import annotations

from pathlib import Path

from guardrails.detectors.base import Asking, CannotJudge, Deadline, Detector, SpecError
from guardrails.detectors.patterns import Index
from guardrails.loose import loose_views
from guardrails.model import Hit, Reason
from guardrails.text import ViewLimits, views


class Alone:
    """A detector with a shared pass of its own. Safe to use from several threads."""

    def __init__(self, detector: Detector, cache: Path | None = None) -> None:
        """Raises `SpecError` for a detector that asks a provider."""
        if isinstance(detector, Asking):
            raise SpecError(("type",), "only the service asks providers", "measure what `only_if` finds")
        self.detector = detector
        self._index = Index.compile(detector.patterns, cache=cache)
        self._limits = ViewLimits()

    def hits(self, text: str, deadline: Deadline) -> list[Hit]:
        """Its hits in all views of a text, one per span and label, in order.

        Raises `CannotJudge` when anything could not be looked at.
        """
        seen = views(text, self._limits)
        if seen.truncated:
            raise CannotJudge(Reason.TOO_MANY, "more encoded pieces than the limit")
        found: dict[tuple[int, int, str], Hit] = {}
        hits: list[Hit] = []
        read = seen.all
        if getattr(self.detector, "reads_loosely", False):
            read = (*read, *loose_views(read))
        for view in read:
            found_by = self._index.matches(view.text, deadline, view.fresh)
            matches = [one for many in found_by.values() for one in many]
            if matches:
                hits += self.detector.confirm(view, matches, deadline)
        hits += self.detector.inspect(read, deadline)
        for hit in hits:
            key = (hit.start, hit.end, hit.label)
            if key not in found or found[key].score < hit.score:
                found[key] = hit
        return [found[key] for key in sorted(found)]
