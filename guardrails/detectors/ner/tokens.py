"""Text to tokens, and tokens to the hashed features that the network reads.

Training and inference share this module, so that a weight always means the same feature.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint32]

WIDTH = 20
"""How many characters of a word take part in its features."""

GRAMS = (3, 4, 5)
"""Lengths of the character n-grams, the word's borders counting as characters."""

SHAPES = 18
"""Number of letter-case and digit-length classes; each exists with and without a space before the token."""

_START, _END = 1, 2
_MULTIPLIER = np.uint32(0x01000193)


class Runs(NamedTuple):
    """Where a text falls apart: runs of letters, of digits, of `_`, of one punctuation mark, and of blanks
    from their first line break on. Blanks before that, or without one, are in none.

    `forms` are the distinct runs as written; `form` numbers each run's. `spaced` is 1 where something stands
    between a run and the one before it, and for the first.
    """

    start: Ints
    end: Ints
    forms: list[str]
    form: Ints
    spaced: Ints


class Tokens(NamedTuple):
    """The tokens of a text: its runs.

    `words` are the distinct lower-cased words; `word` and `shape` number each token's word and shape.
    """

    start: Ints
    end: Ints
    words: list[str]
    word: Ints
    shape: Ints


class Features(NamedTuple):
    """Hashed features of words: rows of the table, concatenated, word by word.

    Word number i owns `rows[offsets[i]:offsets[i + 1]]`: two rows for the whole word, then one for each
    n-gram; `weights` scales each row.
    """

    rows: Ints
    weights: Floats
    offsets: Ints


_TABLE = 0x250
"""Characters below are looked up in a table; those above are looked at one by one, each once in a text."""


def _class(char: str) -> int:
    if char.isspace():
        return 0
    if char == "_":
        return 1
    if char.isdecimal():
        return 2
    return 3 if char.isalnum() else 4


_CLASSES = np.array([_class(chr(code)) for code in range(_TABLE)], dtype=np.uint8)
_MARK = 4


def runs(text: str) -> Runs:
    """The runs of a text, in order."""
    if not text:
        none = np.zeros(0, dtype=np.int32)
        return Runs(none, none, [], none, none)
    if text.isascii():
        codes: npt.NDArray[np.uint8 | np.uint32] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        classes = _CLASSES[codes]
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        classes = _CLASSES[np.minimum(codes, _TABLE - 1)]
        high = np.flatnonzero(codes >= _TABLE)
        if len(high):
            distinct, which = np.unique(codes[high], return_inverse=True)
            classes[high] = np.array([_class(chr(code)) for code in distinct], dtype=np.uint8)[which]
    breaks = classes[1:] != classes[:-1]
    breaks |= (classes[1:] == _MARK) & (codes[1:] != codes[:-1])
    bounds = np.concatenate(([0], np.flatnonzero(breaks) + 1, [len(codes)])).astype(np.int32)
    start, end = bounds[:-1], bounds[1:]
    blank = np.flatnonzero(classes[start] == 0)
    kept = np.ones(len(start), dtype=np.bool_)
    kept[blank] = False
    newlines = np.flatnonzero(codes == 10).astype(np.int32)
    if len(newlines):
        first = newlines[np.minimum(np.searchsorted(newlines, start[blank]), len(newlines) - 1)]
        broken = (start[blank] <= first) & (first < end[blank])
        start = start.copy()
        start[blank[broken]] = first[broken]
        kept[blank[broken]] = True
    start, end = start[kept], end[kept]
    written = [text[first:last] for first, last in zip(start.tolist(), end.tolist(), strict=True)]
    numbers = {form: number for number, form in enumerate(dict.fromkeys(written))}
    form = np.fromiter(map(numbers.__getitem__, written), dtype=np.int32, count=len(written))
    spaced = np.ones(len(start), dtype=np.int32)
    spaced[1:] = start[1:] > end[:-1]
    return Runs(start, end, list(numbers), form, spaced)


def word(written: str) -> str:
    """What of a run the features are made of."""
    return written.lower()[:WIDTH]


def tokenize(text: str) -> Tokens:
    """The tokens of a text, in order."""
    found = runs(text)
    words: dict[str, int] = {}
    word_of_form = np.array(
        [words.setdefault(word(written), len(words)) for written in found.forms], dtype=np.int32
    ).reshape(-1)
    shape_of_form = np.array([shape(written) for written in found.forms], dtype=np.int32).reshape(-1)
    shapes = shape_of_form[found.form] + SHAPES * found.spaced
    return Tokens(found.start, found.end, list(words), word_of_form[found.form], shapes)


def shape(written: str) -> int:
    """The class of a token by letter case or number of digits."""
    first = written[0]
    if first.isdecimal():
        return 9 + min(len(written), 6) - 1 if len(written) <= 8 else 15
    if first == "\n":
        return 17 if written.count("\n") > 1 else 16
    if not first.isalpha():
        return 0
    if written.islower():
        return 1
    if written.isupper():
        return 3 if len(written) == 1 else 4 if len(written) <= 3 else 5
    if written.istitle():
        return 2
    if first.isupper():
        return 6
    return 7 if first.islower() else 8


def features(words: list[str], rows: int) -> Features:
    """The features of distinct lower-cased words in a table of `rows` rows."""
    count = len(words)
    written = np.array(words, dtype=np.str_) if count else np.zeros(0, dtype="<U1")
    width = written.itemsize // 4
    characters = np.zeros((count, width + 2), dtype=np.uint32)
    characters[:, 1:-1] = written.view(np.uint32).reshape(count, width)
    digits = (characters >= ord("0")) & (characters <= ord("9"))
    characters[digits] = ord("0")
    characters[characters == ord("\r")] = ord("\n")
    length = np.count_nonzero(characters, axis=1)
    characters[:, 0] = _START
    characters[np.arange(count), length + 1] = _END

    whole = np.zeros(count, dtype=np.uint32)
    for column in characters.T:
        whole = whole * _MULTIPLIER ^ column
    whole *= np.uint32(pow(int(_MULTIPLIER), WIDTH - width, 2**32))  # as if each were `WIDTH` long
    hashed = [_mixed(whole, 1)[:, None], _mixed(whole, 2)[:, None]]
    valid = [np.ones((count, 2), dtype=bool)]
    for size in GRAMS:
        places = max(0, width + 2 - size + 1)
        gram = np.full((count, places), size, dtype=np.uint32)
        for offset in range(size):
            gram = gram * _MULTIPLIER ^ characters[:, offset : offset + places]
        hashed.append(_mixed(gram, 2 + size))
        valid.append(np.arange(places)[None, :] + size <= length[:, None] + 2)
    used = np.concatenate(valid, axis=1)
    table_rows = (np.concatenate(hashed, axis=1)[used] % np.uint32(rows)).astype(np.int32)
    per_word = used.sum(axis=1)
    grams = np.maximum(per_word - 2, 1)
    weights = np.broadcast_to(1 / np.sqrt(grams)[:, None], used.shape).astype(np.float32)
    weights[:, :2] = 1
    offsets = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(per_word, out=offsets[1:])
    return Features(table_rows, weights[used], offsets)


def _mixed(value: Hashes, seed: int) -> Hashes:
    """A finaliser of the Murmur family: every bit of the input reaches every bit of the output."""
    value = value ^ np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    value = (value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    value = (value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return value ^ (value >> np.uint32(16))
