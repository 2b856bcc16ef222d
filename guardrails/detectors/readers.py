"""Kinds that no expression can tell: each reader locates with patterns and proves by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from guardrails.detectors.base import Match, Pattern
from guardrails.model import Span


class Reader(msgspec.Struct, frozen=True):
    """`patterns` join the shared pass; `spans` gives what is a secret in a match of one of them."""

    patterns: tuple[Pattern, ...]
    spans: Callable[[str, Match], Iterator[Span]]


_WORD = re.compile(r"[a-z]+")
_COUNTS = (24, 21, 18, 15, 12)  # BIP 39
_BITS = 11  # each word stands for


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    # The list is 13 kB of text that few texts need.
    from mnemonic import Mnemonic

    return {word: number for number, word in enumerate(Mnemonic("english").wordlist)}


def seed_phrases(text: str, match: Match) -> Iterator[Span]:
    """Runs of 12, 15, 18, 21 or 24 words of the list whose checksum is right."""
    words = [found.span() for found in _WORD.finditer(text, match.outer_start, match.outer_end)]
    numbers = [_numbers().get(text[start:end]) for start, end in words]
    at = 0
    while at + _COUNTS[-1] <= len(words):
        for count in _COUNTS:
            phrase = numbers[at : at + count]
            if len(phrase) == count and None not in phrase and _checks([one or 0 for one in phrase]):
                yield Span(words[at][0], words[at + count - 1][1])
                at += count
                break
        else:
            at += 1


def _checks(numbers: list[int]) -> bool:
    whole = 0
    for number in numbers:
        whole = whole << _BITS | number
    length = len(numbers) * _BITS
    check = length // 33
    data = (whole >> check).to_bytes((length - check) // 8, "big")
    return hashlib.sha256(data).digest()[0] >> (8 - check) == whole & ((1 << check) - 1)


_BETWEEN = r"[ \t\r\n,]{1,4}(?:\d{1,2}[.:)] ?)?[\"']?"

READERS: dict[str, Reader] = {
    "seed-phrase": Reader(
        (
            Pattern(
                "seed phrase", rf"[a-z]{{3,8}}[\"']?(?:{_BETWEEN}[a-z]{{3,8}}[\"']?){{11,30}}", ascii=True
            ),
        ),
        seed_phrases,
    )
}
"""By the name that a record gives as its `reader`."""
