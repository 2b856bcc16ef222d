"""`type: words`: a list of words or phrases, ten of them or ten thousand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import accumulate
from typing import Annotated

import msgspec
import regex

from guardrails.detectors.base import Deadline, Foresight, Match, Pattern, SpecError
from guardrails.detectors.patterns import MAX_WIDTH
from guardrails.model import Hit
from guardrails.text import View

_MAX_GAP = 8
"""White space between the words of a phrase, in characters, at most."""

Phrase = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Label = Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]*$", description="Label of the finding.")]


class WordMatch(str, Enum):
    """Where a listed word counts."""

    WORD = "word"  # standing alone: no letter, digit or underscore beside it
    PREFIX = "prefix"  # at the start of a word
    ANYWHERE = "anywhere"  # inside words too


class WordsSpec(msgspec.Struct, frozen=True, tag_field="type", tag="words", forbid_unknown_fields=True):
    """Finds any of a list of words or phrases."""

    words: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(
            min_length=1,
            description="Words or phrases. A space in a phrase stands for any white space.",
        ),
    ]
    match: Annotated[
        WordMatch,
        msgspec.Meta(
            description="`word`: standing alone; `prefix`: at the start of a word; `anywhere`: inside words."
        ),
    ] = WordMatch.WORD
    case: Annotated[bool, msgspec.Meta(description="Tell upper from lower case.")] = False
    label: Label = "WORD"

    def detector(self) -> ListDetector:
        check_phrases(self.words, "words")
        patterns = [phrase_pattern(word, self.match, self.case) for word in dict.fromkeys(self.words)]
        return ListDetector(f"words {self.match.value}", self.label, patterns)


class ListDetector:
    """Each entry of a list is a pattern of the shared pass, compiled for confirmation when it occurs."""

    inspects = False
    reads_loosely = True

    def __init__(
        self, name: str, label: str, listed: Sequence[Pattern], excused: Sequence[Pattern] = ()
    ) -> None:
        """What matches within a match of an `excused` pattern is no hit."""
        self.name = name
        self._label = label
        self._listed = len(listed)
        self.patterns = (*listed, *excused)
        self.foresight = Foresight(max((one.width for one in excused), default=0))

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        excused = Excuses((one.start, one.end) for one in matches if one.pattern >= self._listed)
        for match in matches:
            if match.pattern < self._listed and not excused.cover(match.start, match.end):
                why = f"entry {match.pattern + 1} of the list"
                yield view.hit(match.start, match.end, self._label, why=why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()


def check_phrases(phrases: Sequence[str], key: str) -> None:
    """Raises `SpecError` at the first phrase that is only white space."""
    for number, phrase in enumerate(phrases):
        if not phrase.strip():
            raise SpecError((key, number), "word is only white space", "remove it")


def phrase_pattern(phrase: str, where: WordMatch, case: bool) -> Pattern:
    """The pattern of a phrase, whose spaces stand for any white space."""
    tokens = [regex.escape(token, special_only=True) for token in phrase.split()]
    body = rf"\s{{1,{_MAX_GAP}}}".join(tokens)
    # A border is only meant where the phrase itself begins or ends with a word character.
    left = r"(?<!\w)" if where is not WordMatch.ANYWHERE and _is_word(phrase.strip()[0]) else ""
    right = r"(?!\w)" if where is WordMatch.WORD and _is_word(phrase.strip()[-1]) else ""
    width = len(phrase) * 2 + _MAX_GAP * len(tokens)  # twice: `ß` matches `ss` where case does not count
    assert width < MAX_WIDTH
    return Pattern(
        id="words",
        expression=f"{left}{body}{right}",
        ignorecase=not case,
        # One literal: with the gaps in them, ten thousand phrases take five times as long to compile.
        triggers=(max(tokens, key=len),),
        width=width,
    )


class Excuses:
    """Spans within which nothing counts."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _ in ordered]
        self._ends = list(accumulate((end for _, end in ordered), max))

    def cover(self, start: int, end: int) -> bool:
        """Whether one of them covers `[start, end)`."""
        before = bisect_right(self._starts, start) - 1
        return before >= 0 and end <= self._ends[before]


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
