"""How much likelier letters were hit at random than written: log-odds by character trigram, for Latin script.

One side of the odds is text in many languages and in code, the other keys pressed at random and next to one
another (`training/gibberish/`). Letters are lowered and lose their accents; runs of letters that stand with
digits or signs (codes, digests, paths) are another matter and have no odds.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
import zlib
from functools import lru_cache
from importlib.resources import files

import msgspec
import numpy as np
import numpy.typing as npt

MODEL = "gibberish-1.json"
SHA256 = "60480ec897a94c8e68b165ef442afc05952832c4e32f7282b60a2a883cda8bf7"
"""Of the model file; the recipe prints it."""

SYMBOLS = 27
"""The letters from a on; the last is the edge of a word."""

EDGE = 26
STEP = 16
"""Bits are kept in sixteenths."""

_OTHER = 27
"""No letter of Latin script, but joined to the letters beside it: digits, `_`, letters of other scripts."""

_SPECIAL = {
    "ß": "s",
    "æ": "a",
    "ø": "o",
    "đ": "d",
    "ł": "l",
    "ı": "i",
    "œ": "o",
    "þ": "t",
    "ð": "d",
    "ŋ": "n",
}

Codes = npt.NDArray[np.uint8]


class ModelError(Exception):
    """The model file is not the one this version was built with."""


class Words(msgspec.Struct, frozen=True):
    """The words of a text that have odds: where each begins and ends, and its log-odds in bits.

    `apart` says of each whether signs of code stand between it and the one before.
    """

    starts: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]
    bits: npt.NDArray[np.float64]
    apart: npt.NDArray[np.bool_]


def _latin() -> dict[int, str]:
    """Letters of Latin script beyond ASCII, with the letter that is left without accents."""
    table = {}
    for point in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        char = chr(point).lower()
        plain = _SPECIAL.get(char, unicodedata.normalize("NFD", char)[0])
        if plain.isascii() and plain.isalpha():
            table[point] = plain
    return table


_LATIN = _latin()
_CODES = np.full(256, EDGE, np.uint8)
for _number in range(26):
    _CODES[ord("a") + _number] = _CODES[ord("A") + _number] = _number
for _sign in b"0123456789_":
    _CODES[_sign] = _OTHER
_FOREIGN = "\x01"
_CODES[1] = _OTHER
_JOINS = np.zeros(256, np.bool_)
_JOINS[list(b"./\\@:=~$")] = True
_SIGNS = np.zeros(256, np.bool_)
_SIGNS[list(b'{}[]()<>=/\\|_$&*#@"`~^+')] = True
_UPPER = np.zeros(256, np.bool_)
_UPPER[ord("A") : ord("Z") + 1] = True


class _Foreign(dict[int, str]):
    """Letters by what they are in the model; of other scripts they are all the same."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        plain = _LATIN.get(point) or (_FOREIGN if char.isalnum() else " ")
        if point < 0x80:
            plain = char
        if len(self) < 4_096:
            self[point] = plain
        return plain


_FOLD = _Foreign()


def letters(text: str) -> npt.NDArray[np.uint8]:
    """The text as one byte for each character: what is folded keeps its place."""
    plain = text if text.isascii() else text.translate(_FOLD)
    return np.frombuffer(plain.encode("ascii", "replace"), np.uint8)


def words(text: str, using: npt.NDArray[np.int8] | None = None) -> Words:
    """The words of four and more letters in one case or with a capital, and their log-odds."""
    table = model() if using is None else using
    raw = letters(text)
    codes = _CODES[raw]
    inner = codes != EDGE
    # What has a dot or a slash within is a path, an address or an attribute.
    joins = np.flatnonzero(_JOINS[raw[1:-1]] & inner[:-2] & inner[2:]) + 1
    codes[joins] = _OTHER
    inner[joins] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([False], inner, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    strange = np.concatenate(([0], np.cumsum(codes == _OTHER)))
    upper = np.concatenate(([0], np.cumsum(_UPPER[raw])))
    capitals = upper[ends] - upper[starts]
    plain = (ends - starts >= 4) & (strange[ends] == strange[starts])
    plain &= (capitals == 0) | (capitals == ends - starts) | ((capitals == 1) & _UPPER[raw[starts]])
    starts, ends = starts[plain], ends[plain]
    padded = np.concatenate(([EDGE, EDGE], np.minimum(codes, EDGE), [EDGE])).astype(np.intp)
    # `odds[i]` is that of character `i` (the edge behind the last one included) after its two before.
    odds = table[(padded[:-2] * SYMBOLS + padded[1:-1]) * SYMBOLS + padded[2:]]
    sums = np.concatenate(([0.0], np.cumsum(odds, dtype=np.float64)))
    signs = np.concatenate(([0], np.cumsum(_SIGNS[raw])))
    apart = np.zeros(len(starts), np.bool_)
    apart[1:] = signs[starts[1:]] != signs[ends[:-1]]
    return Words(starts, ends, (sums[ends + 1] - sums[starts]) / STEP, apart)


def encode(table: npt.NDArray[np.int8]) -> bytes:
    """The model as its file's content."""
    return msgspec.json.encode({"odds": base64.b85encode(zlib.compress(table.tobytes(), 9)).decode()}) + b"\n"


def decode(content: bytes) -> npt.NDArray[np.int8]:
    """The model in a file's content."""
    packed = msgspec.json.decode(content, type=dict[str, str])["odds"]
    return np.frombuffer(zlib.decompress(base64.b85decode(packed)), np.int8)


@lru_cache(maxsize=1)
def model() -> npt.NDArray[np.int8]:
    """The shipped model. Raises `ModelError` when the file is another."""
    content = (files("guardrails.catalogue") / "models" / MODEL).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelError(f"{MODEL} is not the file this version was built with")
    return decode(content)
