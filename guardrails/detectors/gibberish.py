"""`type: gibberish`: keys hit at random, and, where a rule asks for it, codes that nobody can read.

A model says for each word of Latin letters how much likelier it was hit at random than written in any of many
languages, or in code. A run of words is a hit when the odds together leave no doubt; one odd name does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec

from guardrails.catalogue import randomness
from guardrails.detectors.base import CannotJudge, Deadline, Match
from guardrails.detectors.plainest import plainest
from guardrails.model import Hit, Reason
from guardrails.text import View

_STAKE = 2.0
"""Bits by which a word must be likelier random than not to add to a run; what is less takes from it."""

_SURE = 24.0
"""Bits from which on a run is a hit: of a million harmless words, few runs reach it."""

_DROP = 12.0
"""So many bits below its best a run has ended."""

_BLOCK = 100_000
"""Characters that are looked at between two checks of the deadline."""

_CODE = re.compile(r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+/_-]{16,512}={0,2}(?![A-Za-z0-9+/_=-])")
_RANDOM = 24.0
"""Bits from which on a code is random."""


class GibberishSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="gibberish", forbid_unknown_fields=True
):
    """Finds keys hit at random. Code, other languages, digests and base64 are left alone."""

    codes: Annotated[
        bool, msgspec.Meta(description="Digests, keys, base64 and other random codes are hits too.")
    ] = False

    def detector(self) -> GibberishDetector:
        return GibberishDetector(self)


class GibberishDetector:
    """Adds up the odds of neighbouring words, and looks at long codes one by one where that is asked for."""

    inspects = True
    patterns = ()

    def __init__(self, spec: GibberishSpec) -> None:
        # The model needs numpy: no policy without such a rule is to load it.
        from guardrails.catalogue import gibberish

        self.name = "gibberish"
        self._codes = spec.codes
        self._words = gibberish.words
        self._failure: CannotJudge | None = None
        try:
            gibberish.model()
            randomness.model()
        except (gibberish.ModelError, randomness.ModelError, OSError) as error:
            self._failure = CannotJudge(Reason.NO_MODEL, type(error).__name__)

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if self._failure is not None:
            raise self._failure
        view = plainest(views)
        for start, end in _blocks(view.text):
            deadline.check()
            for first, last in self._runs(view.text[start:end]):
                yield view.hit(start + first, start + last, "GIBBERISH", why="letters hit at random")
        if self._codes:
            for number, match in enumerate(_CODE.finditer(view.text)):
                if number % 256 == 0:
                    deadline.check()
                if randomness.bits(match[0]) >= _RANDOM:
                    yield view.hit(*match.span(), "RANDOM_CODE", why="a random code")

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        """Runs of words whose odds add up, each from its first word to where they are best."""
        words = self._words(text)
        gains = words.bits - _STAKE
        if len(gains) == 0 or gains[gains > 0].sum() < _SURE:
            return
        total = best = 0.0
        first = last = 0
        for place, (gain, apart) in enumerate(zip(gains.tolist(), words.apart.tolist(), strict=True)):
            if total <= 0 or apart or best - total >= _DROP:
                if best >= _SURE:
                    yield int(words.starts[first]), int(words.ends[last])
                total, best, first = 0.0, 0.0, place
            total += gain
            if total > best:
                best, last = total, place
        if best >= _SURE:
            yield int(words.starts[first]), int(words.ends[last])


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Parts of a text that end where a word does."""
    start = 0
    while start < len(text):
        end = min(start + _BLOCK, len(text))
        if end < len(text):
            space = text.rfind(" ", start + _BLOCK // 2, end)
            end = space + 1 if space >= 0 else end
        yield start, end
        start = end
