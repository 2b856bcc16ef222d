"""The engine for streams, made anew with the policies."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from guardrails.detectors.base import Deadline
from guardrails.model import Context, Hook
from guardrails.streams.judge import Denied, Stream, StreamEngine
from service.policies import PolicyHolder


class StreamEngines:
    """The engine for streams of the policies in force.

    Making one takes seconds: until the one for new policies is ready streams are judged by that before.
    """

    def __init__(self, holder: PolicyHolder, cache: Path | None) -> None:
        self._holder = holder
        self._cache = cache
        self._made = StreamEngine(holder.engine, cache)

    def in_force(self) -> StreamEngine:
        """The newest that is ready."""
        return self._made

    def reloaded(self) -> None:
        """Makes the one for new policies."""
        self._made = StreamEngine(self._holder.engine, self._cache)

    def undecided(self, text: str, hook: Hook, context: Context, deadline: Deadline, today: dt.date) -> int:
        """How many characters at the end of a text, of which there may be more later, could still change."""
        on = self._made
        if not on.whole.policies.holds_growing_texts(hook, context):
            return len(text)
        try:
            given = Stream(on, context, today, hook).channel().feed(text, deadline)
        except Denied:
            return len(text)
        return len(text) - given.end
