"""Where a text that goes on may be cut: what stands before is masked the same way whatever follows.

Three things keep a text from being cut: something is under way at its end (`guardrails.streams.alive`,
`guardrails.streams.runs`), a match goes across, or the judgement of a match before hangs on what is behind.
What is behind a cut may be masked, and so be replaced by anything at all: hence what stands before a cut is
looked at as if the text ended there. The engine judges a masked text again a bounded number of times, so a
mask can bear on its neighbour, that on its own, and no further than the bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from guardrails.detectors.base import Deadline, Foresight, Match
from guardrails.engine import MAX_RESCANS
from guardrails.model import Span
from guardrails.policy.policyset import Noted
from guardrails.streams import runs
from guardrails.streams.alive import Alive
from guardrails.text import View


class _Seen(msgspec.Struct, frozen=True):
    """A match: what of the source may be masked for it, and what its judgement hangs on behind it."""

    start: int
    end: int
    view: View
    match: Match
    behind: Sequence[Foresight]

    def crosses(self, at: int, at_in_view: int) -> bool:
        """Whether the match, or what its judgement hangs on, goes on behind a place."""
        return self.end > at or not all(
            said.has_come(self.view.text, self.match.outer_start, self.match.outer_end, at_in_view)
            for said in self.behind
        )


class Cuts:
    """The places where one text may be cut. Methods raise `CannotJudge` at the deadline."""

    def __init__(
        self,
        text: str,
        noted: Noted,
        alive: Alive,
        behind: Sequence[Sequence[Foresight]],
        patterns: frozenset[int],
        deadline: Deadline,
    ) -> None:
        """`behind` says by pattern what the judgement of its matches hangs on."""
        self.text = text
        self._alive = alive
        self._patterns = patterns
        self._deadline = deadline
        # What is hidden in invisible characters is out of its place there; those are not cut themselves.
        self._views = [view for view, _ in noted if view.whole is None and not view.name.endswith("tags")]
        self._matches: list[_Seen] = []
        self.matched: list[Span] = []  # where patterns match
        for view, matches in noted:
            for number, found in matches.items():
                leads = alive.leads(number)
                said = () if view.whole is not None else behind[number]
                for one in found:
                    span = view.source_span(one.outer_start, one.outer_end)
                    held = view.source_span(one.start, one.outer_end) if leads else span
                    self.matched.append(span)
                    self._matches.append(_Seen(held.start, held.end, view, one, said))

    def last(self, since: int, most: int) -> int:
        """The last place up to `most`, not before `since`, at which the text may be cut."""
        until = most
        settled: dict[int, int] = {}  # by id of a view: up to where nothing makes others of its characters
        for view in self._views:
            text = view.text
            there = runs.escape(text)  # what is cut off there may become anything
            if view.parent is not None:
                there = min(there, view.place_of(settled.get(id(view.parent), len(view.parent.text))))
            end = settled[id(view)] = min(there, runs.cluster(text))
            at = since if view.parent is None else 0
            first = min(end, runs.start(text))
            if there < len(text):
                first = min(first, runs.start(text[:there]))
            # What is alive at the end was so before its last character.
            first = min(first, self._alive.start(text[:end], at, self._patterns, self._deadline))
            if first < len(text):
                until = min(until, view.source_span(first, len(text)).start)
        return self.before(until, since)

    def before(self, until: int, since: int) -> int:
        """The same, where what is behind `until` may be masked."""
        for _ in range(MAX_RESCANS):
            first = min([self._crossed(until), *(self._begun(view, until, since) for view in self._views)])
            if first >= until or until <= since:
                break
            until = first
        return max(since, until)

    def _begun(self, view: View, until: int, since: int) -> int:
        """Where in the source something begins that goes on to `until` in a view."""
        if until <= since or until >= len(self.text):
            return until
        place = view.place_of(until)
        text = view.text[:place]
        first = runs.escape(text)
        at = since if view.parent is None else 0
        first = min(first, self._alive.start(text, at, self._patterns, self._deadline))
        return until if first >= place else min(until, view.source_span(first, place).start)

    def _crossed(self, until: int) -> int:
        """Where the first match begins that goes on behind `until`, or whose judgement does."""
        places = {id(view): view.place_of(until) for view in self._views}
        crossing = (
            one.start
            for one in self._matches
            if one.start < until and one.crosses(until, places.get(id(one.view), 0))
        )
        return min(crossing, default=until)
