"""`type: words`: a list of words or phrases, ten of them or ten thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated

import msgspec
import regex

from guardrails.detectors.base import Deadline, Foresight, Match, Pattern, SpecError
from guardrails.detectors.patterns import MAX_WIDTH
from guardrails.model import Hit
from guardrails.text import View

_MAX_GAP = 8
"""White space between the words of a phrase, in characters, at most."""


class WordMatch(str, Enum):
    """Where a listed word counts."""

    WORD = "word"  # standing alone: no letter, digit or underscore beside it
    PREFIX = "prefix"  # at the start of a word
    ANYWHERE = "anywhere"  # inside words too


class WordsSpec(msgspec.Struct, frozen=True, tag_field="type", tag="words", forbid_unknown_fields=True):
    """Finds any of a list of words or phrases."""

    words: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=500)], ...],
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
    label: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]*$", description="Label of the finding.")] = (
        "WORD"
    )

    def detector(self) -> WordsDetector:
        for number, word in enumerate(self.words):
            if not word.strip():
                raise SpecError(("words", number), "word is only white space", "remove it")
        return WordsDetector(self)


class WordsDetector:
    """Each phrase is a pattern of the shared pass, compiled for confirmation when it first occurs."""

    inspects = False
    foresight = Foresight(0)

    def __init__(self, spec: WordsSpec) -> None:
        self.name = f"words {spec.match.value}"
        self._label = spec.label
        self.patterns = tuple(_pattern(word, spec.match, spec.case) for word in dict.fromkeys(spec.words))

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            yield view.hit(match.start, match.end, self._label, why=f"word {match.pattern + 1} of the list")

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()


def _pattern(word: str, where: WordMatch, case: bool) -> Pattern:
    tokens = [regex.escape(token, special_only=True) for token in word.split()]
    body = rf"\s{{1,{_MAX_GAP}}}".join(tokens)
    # A border is only meant where the phrase itself begins or ends with a word character.
    left = r"(?<!\w)" if where is not WordMatch.ANYWHERE and _is_word(word.strip()[0]) else ""
    right = r"(?!\w)" if where is WordMatch.WORD and _is_word(word.strip()[-1]) else ""
    width = len(word) * 2 + _MAX_GAP * len(tokens)  # twice: `ß` matches `ss` where case does not count
    assert width < MAX_WIDTH
    return Pattern(
        id="words",
        expression=f"{left}{body}{right}",
        ignorecase=not case,
        # One literal: with the gaps in them, ten thousand phrases take five times as long to compile.
        triggers=(max(tokens, key=len),),
        width=width,
    )


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
