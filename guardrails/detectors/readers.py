"""Kinds that no expression can tell: each reader locates with patterns and proves by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from guardrails.detectors.base import Foresight, Match, Pattern
from guardrails.model import Span


class Reader(msgspec.Struct, frozen=True):
    """`patterns` join the shared pass; `spans` gives what is a secret in a match of one of them.

    `foresight` is how far behind a match it reads for that.
    """

    patterns: tuple[Pattern, ...]
    spans: Callable[[str, Match], Iterator[Span]]
    foresight: Foresight


_WORD = re.compile(r"[a-z]{3,8}(?![a-z])")
_COUNTS = (24, 21, 18, 15, 12)  # BIP 39
_BITS = 11  # each word stands for


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    # The list is 13 kB of text that few texts need.
    from mnemonic import Mnemonic

    return {word: number for number, word in enumerate(Mnemonic("english").wordlist)}


def seed_phrases(text: str, match: Match) -> Iterator[Span]:
    """The longest run of 24, 21, 18, 15 or 12 words of the list from the match on with the right checksum."""
    words: list[tuple[int, int]] = []
    first = _WORD.search(text, match.outer_start)
    while first is not None and len(words) < _COUNTS[0]:
        words.append(first.span())
        between = _BETWEEN.match(text, first.end())
        first = _WORD.match(text, between.end()) if between else None
    numbers = [_numbers().get(text[start:end]) for start, end in words]
    for count in _COUNTS:
        phrase = [number for number in numbers[:count] if number is not None]
        if len(phrase) == count and _checks(phrase):
            yield Span(words[0][0], words[count - 1][1])
            return


def _checks(numbers: list[int]) -> bool:
    whole = 0
    for number in numbers:
        whole = whole << _BITS | number
    length = len(numbers) * _BITS
    check = length // 33
    data = (whole >> check).to_bytes((length - check) // 8, "big")
    return hashlib.sha256(data).digest()[0] >> (8 - check) == whole & ((1 << check) - 1)


# Words in quotes with commas between are lists of a program. A phrase begins a line, or follows a quote, a
# bracket or a colon; runs of such words in prose do not.
_SPACE = r"[ \t\r\n]{1,4}(?:\d{1,2}[.:)] ?)?"
_BETWEEN = re.compile(_SPACE)
_PHRASE = rf"(?:^|[\n\"'`:=>(\t])[ \t]{{0,4}}(?:1[.:)] ?)?[a-z]{{3,8}}(?:{_SPACE}[a-z]{{3,8}}){{11}}"
# Without what stands before it, and with repetitions left open, it takes a third of the time in the pass.
_WORDS = r"(?:[a-z]{3,8}[ \t\r\n]+(?:[0-9]+[.:)] ?)?){11}[a-z]{3}"

READERS: dict[str, Reader] = {
    "seed-phrase": Reader(
        (Pattern("seed phrase", _PHRASE, ascii=True, triggers=(_WORDS,), width=150),),
        seed_phrases,
        # A match has twelve words; twelve more may follow, and behind them shows where the last one ends.
        Foresight(12 * 16 + 1, undecided=r"[a-z0-9 \t\r\n.:)]*"),
    )
}
"""By the name that a record gives as its `reader`."""
