"""Hashed n-grams of a text, as arrays: what a linear model reads.

The text is lowered, digits become `0` and white space a space; then words and single signs are its
tokens. Features are one to three tokens in a row, two tokens around a third, and runs of four and six
bytes of UTF-8, each hashed to one of `BUCKETS`. Hashes of all runs come from one prefix sum (a
polynomial hash modulo 2^64, whose odd base has an inverse), so that the work is a fixed number of
vector operations, whatever the text is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

BUCKETS_BITS = 18
BUCKETS = 1 << BUCKETS_BITS
BLOCK = 16_384
"""The most bytes that are hashed at once."""

_BASE = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_TOP = np.uint64(64 - BUCKETS_BITS)

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def _powers(base: int) -> Hashes:
    powers = np.empty(BLOCK + 1, np.uint64)
    value = 1
    for place in range(BLOCK + 1):
        powers[place] = value
        value = value * base & _MASK
    return powers


_POWERS = _powers(_BASE)
_INVERSE = _powers(pow(_BASE, -1, 1 << 64))

_FOLD = bytearray(range(256))
for _char in range(ord("A"), ord("Z") + 1):
    _FOLD[_char] = _char + 32
for _char in range(ord("0"), ord("9") + 1):
    _FOLD[_char] = ord("0")
for _char in b"\t\r\x0b\x0c":
    _FOLD[_char] = 32
_FOLDED = bytes(_FOLD)

SPACE, WORD, SIGN = 0, 1, 2
"""Kinds of bytes: between tokens, part of one, a token by itself."""


def kinds_of(word: bytes) -> npt.NDArray[np.uint8]:
    """The kind of every folded byte, where ASCII words are made of these."""
    kinds = np.full(256, SIGN, np.uint8)
    kinds[128:] = WORD
    kinds[list(word)] = WORD
    kinds[32] = SPACE
    kinds[:9] = SPACE
    return kinds


_CLASS = kinds_of(b"abcdefghijklmnopqrstuvwxyz0_'")

RUNS = (4, 6)
"""Lengths of the byte runs."""

_TOKEN_SALTS = tuple(np.uint64(salt) for salt in (0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3))
_FAMILY_SALTS = tuple(
    np.uint64(salt)
    for salt in (0x589965CC75374CC3, 0x1D8E4E27C47D124F, 0xEB44ACCAB455D165, 0x2127599BF4325C37)
)


class Encoded(msgspec.Struct, frozen=True):
    """A text as folded UTF-8. `chars` holds the place of each byte's character; None: as the byte's."""

    data: bytes
    chars: Places | None

    def char(self, place: int) -> int:
        """The offset, in characters, of the byte at `place`, which may be just past the last one."""
        if self.chars is None:
            return place
        return int(self.chars[place])

    def byte(self, char: int) -> int:
        """Where the character at an offset begins, in bytes."""
        if self.chars is None:
            return char
        return int(np.searchsorted(self.chars, char))


def encode(text: str) -> Encoded:
    """The folded form of a text. Lone surrogates are kept."""
    if text.isascii():
        return Encoded(text.encode("ascii").translate(_FOLDED), None)
    low = text.lower()
    if len(low) != len(text):
        low = "".join(one if len(one) == 1 else char for char in text for one in (char.lower(),))
    data = low.encode("utf-8", "surrogatepass").translate(_FOLDED)
    raw = np.frombuffer(data, np.uint8)
    first = (raw & 0xC0) != 0x80
    chars = np.empty(len(raw) + 1, np.int64)
    np.cumsum(first, out=chars[:-1])
    chars[:-1] -= 1
    chars[-1] = len(text)
    return Encoded(data, chars)


def blocks(data: bytes, overlap: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most `BLOCK` bytes that cover the data, each `overlap` bytes into the one before."""
    start = 0
    while True:
        end = min(start + BLOCK, len(data))
        yield start, end
        if end == len(data):
            return
        start = end - overlap


def features(data: bytes) -> Iterator[tuple[Places, npt.NDArray[np.intp]]]:
    """The features of at most `BLOCK` folded bytes, a family at a time: where each begins, its bucket."""
    raw = np.frombuffer(data, np.uint8)
    length = len(raw)
    if length == 0:
        return
    sums = _sums(raw)
    starts, tokens = _tokens(raw, sums, _CLASS)
    if len(starts):
        first, second, third = (tokens * salt for salt in _TOKEN_SALTS)
        yield starts, _bucket(first ^ _FAMILY_SALTS[0])
        if len(starts) > 1:
            yield starts[:-1], _bucket(first[:-1] + second[1:] ^ _FAMILY_SALTS[1])
        if len(starts) > 2:
            yield starts[:-2], _bucket(first[:-2] + second[1:-1] + third[2:] ^ _FAMILY_SALTS[2])
            yield starts[:-2], _bucket(first[:-2] + second[2:] ^ _FAMILY_SALTS[3])
    for number, run in enumerate(RUNS):
        if length >= run:
            places = np.arange(length - run + 1)
            hashes = (sums[run:] - sums[:-run]) * _INVERSE[: length - run + 1]
            hashes ^= hashes >> _SHIFT
            yield places, _bucket(hashes * _TOKEN_SALTS[number])


def hashed(data: bytes, kinds: npt.NDArray[np.uint8]) -> tuple[Places, Hashes]:
    """The tokens of at most `BLOCK` folded bytes: where each begins, and its hash.

    `kinds` says of each byte whether it is space (0), goes on with a token (1) or is one by itself (2).
    """
    raw = np.frombuffer(data, np.uint8)
    return _tokens(raw, _sums(raw), kinds)


def _sums(raw: npt.NDArray[np.uint8]) -> Hashes:
    """Prefix sums of the polynomial hash."""
    sums = np.zeros(len(raw) + 1, np.uint64)
    np.cumsum((raw.astype(np.uint64) + np.uint64(1)) * _POWERS[: len(raw)], out=sums[1:])
    return sums


def _tokens(
    raw: npt.NDArray[np.uint8], sums: Hashes, classes: npt.NDArray[np.uint8]
) -> tuple[Places, Hashes]:
    kinds = classes[raw]
    word = kinds == WORD
    joined = np.zeros(len(raw) + 1, bool)  # whether the byte goes on with the token of the one before
    joined[1:-1] = word[1:] & word[:-1]
    visible = kinds != SPACE
    starts = np.flatnonzero(visible & ~joined[:-1])
    ends = np.flatnonzero(visible & ~joined[1:]) + 1
    tokens = (sums[ends] - sums[starts]) * _INVERSE[starts]
    tokens = (tokens ^ (tokens >> _SHIFT)) * _MIX
    return starts, tokens ^ (tokens >> _SHIFT)


def _bucket(hashes: Hashes) -> npt.NDArray[np.intp]:
    mixed = (hashes ^ (hashes >> _SHIFT)) * _MIX
    return (mixed >> _TOP).astype(np.intp)
