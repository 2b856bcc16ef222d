"""Whether a text is in a language that our own model can read.

A text is called unreadable on positive evidence only: letters of another script, or the common words of
another language. Short texts, lists and code give none, and are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from guardrails import catalogue
from guardrails.detectors.base import CannotJudge
from guardrails.detectors.ner.gate import Piece
from guardrails.model import Reason

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")
"""What the model was trained to read; it knows names of many more countries."""

LEAST_LETTERS = 20
"""So many letters of another script are a sentence."""

SHARE_OF_LETTERS = 0.2
"""So large a part of its letters makes a text one of another script, and not one that quotes some."""

LEAST_WORDS = 25
"""Of fewer words one cannot tell the language."""

WORDS = 1_500
"""So many words of a text are looked at."""

WORD_WIDTH = 20
"""So many characters a word takes at most, on average: no more than `WORDS` such are read of a piece."""

SHARE_OF_WORDS = 0.2
"""The common words of a language make up a quarter to a half of its prose."""

DIFFERENT_WORDS = 5
"""So many different common words of a language must there be."""

ADVANTAGE = 1.5
"""How many times more common words of another language than of any known one there must be."""

_WORD = re.compile(r"[^\W\d_]+")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u2c00-\ua71f\ua7f8-\ufaff\ufb13-\ufeff\U00010000-\U0003ffff]+")


def check(text: str, pieces: Sequence[Piece]) -> None:
    """Raises `CannotJudge` with `Reason.NO_MODEL` when the prose of a text is in a language not known."""
    if has_other_script(text, pieces) or other_language(text, pieces):
        raise CannotJudge(Reason.NO_MODEL, f"names are found in {', '.join(LANGUAGES)} only")


def has_other_script(text: str, pieces: Sequence[Piece]) -> bool:
    """Whether much of the prose is in other than Latin letters."""
    if text.isascii():
        return False
    other = sum(_letters(_OTHER_SCRIPT, text, pieces))
    return other >= LEAST_LETTERS and other >= SHARE_OF_LETTERS * sum(_letters(_WORD, text, pieces))


def other_language(text: str, pieces: Sequence[Piece]) -> str | None:
    """The ISO 639-1 code of the language of the prose when it is one that is not known."""
    words = _words(text, pieces)
    if len(words) < LEAST_WORDS:
        return None
    counts: Counter[str] = Counter()
    different: Counter[str] = Counter()
    common = _common_words()
    for word, times in Counter(map(str.lower, words)).items():
        for language in common.get(word, ()):
            counts[language] += times
            different[language] += 1
    known = max(counts[language] for language in LANGUAGES)
    for language, count in counts.most_common():
        if language in LANGUAGES or different[language] < DIFFERENT_WORDS:
            continue
        return language if count >= max(SHARE_OF_WORDS * len(words), ADVANTAGE * known) else None
    return None


@lru_cache(maxsize=1)
def _common_words() -> dict[str, tuple[str, ...]]:
    """The languages that each common word belongs to."""
    languages: dict[str, tuple[str, ...]] = {}
    for line in catalogue.lines("function_words.txt"):
        language, *words = line.split()
        for word in words:
            if len(word) == 1:
                continue  # a letter may be an initial, a unit, an item
            languages[word] = (*languages.get(word, ()), language)
    return languages


def _words(text: str, pieces: Sequence[Piece]) -> list[str]:
    """The first `WORDS` words of the prose."""
    words: list[str] = []
    for piece in pieces:
        if not piece.code:
            words += _WORD.findall(text, piece.start, min(piece.end, piece.start + WORD_WIDTH * WORDS))
        if len(words) >= WORDS:
            return words[:WORDS]
    return words


def _letters(pattern: re.Pattern[str], text: str, pieces: Sequence[Piece]) -> Iterator[int]:
    for piece in pieces:
        if not piece.code:
            for match in pattern.finditer(text, piece.start, piece.end):
                yield match.end() - match.start()
