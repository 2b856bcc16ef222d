"""`type: prompt_leak`: a response that recites its system prompt, or holds a canary from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, Foresight, Match, SpecError
from guardrails.detectors.words import WordMatch, phrase_pattern
from guardrails.model import Hit, Reason
from guardrails.text import View

_WORD = re.compile(r"\w+")
_CHECK_EVERY = 4_096
_WORD_CHARS = 20
"""Characters of a word and what follows it, about: how far from what is new a recital may begin."""

_BASE = 0x9E3779B97F4A7C15
_FIELD = (1 << 61) - 1

Canary = Annotated[str, msgspec.Meta(min_length=8, max_length=200)]


class PromptLeakSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="prompt_leak", forbid_unknown_fields=True
):
    """Finds canaries, and stretches of the system prompt that the request of the exchange had."""

    canaries: Annotated[
        tuple[Canary, ...],
        msgspec.Meta(
            description="Texts that stand in your system prompts and nowhere else; eight characters up."
        ),
    ] = ()
    compare: Annotated[
        bool,
        msgspec.Meta(
            description="Compare with the system prompt. Where the gateway does not show the request, the "
            "rule is unjudged."
        ),
    ] = True
    min_words: Annotated[
        int,
        msgspec.Meta(ge=4, le=200, description="So many words in a row as in the system prompt are a hit."),
    ] = 12

    def detector(self) -> PromptLeakDetector:
        if not (self.canaries or self.compare):
            raise SpecError(("compare",), "nothing is looked for", "give `canaries`, or leave `compare` out")
        for number, canary in enumerate(self.canaries):
            if len(canary.strip()) < 8:
                raise SpecError(
                    ("canaries", number), "canary is too short", "make it eight characters or more"
                )
        return PromptLeakDetector(self)


class PromptLeakDetector:
    """Canaries join the shared pass; the system prompt is compared run of words by run of words."""

    inspects = False
    reads_loosely = True

    def __init__(self, spec: PromptLeakSpec) -> None:
        self.name = "prompt_leak"
        self.patterns = tuple(
            phrase_pattern(one, WordMatch.ANYWHERE, case=False) for one in dict.fromkeys(spec.canaries)
        )
        self.compares = spec.compare
        self.foresight = None if spec.compare else Foresight(0)
        self._least = spec.min_words

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            yield view.hit(match.start, match.end, "CANARY", why=f"canary {match.pattern + 1} of the list")

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def compare(self, views: Sequence[View], told: Sequence[str] | None, deadline: Deadline) -> Iterable[Hit]:
        """Hits where a view repeats `told`, the system prompts of the exchange.

        Raises `CannotJudge` where they are not known (None), and at the deadline.
        """
        if told is None:
            raise CannotJudge(Reason.NO_REQUEST, "the request of this response was not shown")
        known = {run for text in told for run, _ in _runs(_words(text, deadline), self._least)}
        if not known:
            return
        reach = self._least * _WORD_CHARS
        for view in views:
            fresh = view.fresh(reach)
            for start, end in [(0, len(view.text))] if fresh is None else fresh:
                for first, last, count in self._recited(view.text[start:end], known, deadline):
                    why = f"{count} words of the system prompt"
                    yield view.hit(start + first, start + last, "PROMPT_LEAK", why=why)

    def _recited(self, text: str, known: set[int], deadline: Deadline) -> Iterator[tuple[int, int, int]]:
        """Start, end and number of words of each stretch whose every run is known."""
        words = _words(text, deadline)
        first = last = -1
        for run, place in _runs(words, self._least):
            if run not in known:
                continue
            if place > last:
                if last >= 0:
                    yield words[first][1], words[last][2], last - first + 1
                first = place
            last = place + self._least - 1
        if last >= 0:
            yield words[first][1], words[last][2], last - first + 1


def _words(text: str, deadline: Deadline) -> list[tuple[int, int, int]]:
    """The words of a text: a hash of each, lower-case, and where it begins and ends."""
    words = []
    for number, match in enumerate(_WORD.finditer(text)):
        if number % _CHECK_EVERY == 0:
            deadline.check()
        words.append((hash(match[0].lower()) % _FIELD, match.start(), match.end()))
    return words


def _runs(words: Sequence[tuple[int, int, int]], length: int) -> Iterator[tuple[int, int]]:
    """A rolling hash (Rabin-Karp) of every run of so many words, and the number of its first word."""
    top = pow(_BASE, length, _FIELD)
    value = 0
    for place, (word, _, _) in enumerate(words):
        value = (value * _BASE + word) % _FIELD
        if place >= length:
            value = (value - words[place - length][0] * top) % _FIELD
        if place >= length - 1:
            yield value, place - length + 1
