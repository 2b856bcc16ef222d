"""How random a value looks: log-odds of a random generator against the words and names of code.

A trigram model of characters (case folded) and of letter case, trained on source code
(`training/secrets/`), says how likely somebody wrote the value; a uniform draw from the smallest usual
alphabet that holds it says how likely a generator made it. The difference is in bits: `passwordField`
is far below zero, `q7Xk2bVw9` far above. Entropy cannot tell the two apart: both are varied.
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from functools import lru_cache
from importlib.resources import files

import msgspec

MODEL = "randomness.json"
SHA256 = "006ec88b360227108e96c8373a7607aa72b83bb190d90ec230f15c49ba1a5ca9"
"""Of the model file; the recipe prints it."""

SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789_-./ "
"""The model's characters; any other is the last but one, and the last is the edge of the value."""

OTHER = len(SYMBOLS)
EDGE = OTHER + 1
SIZE = EDGE + 1
STEP = 8
"""Bits are kept in eighths, one byte each."""

LOWER, UPPER, DIGIT, MARK = range(4)
CASES = 4

_ALPHABETS = tuple(
    (frozenset(characters), math.log2(len(characters)))
    for characters in (
        "0123456789",
        "0123456789abcdef",
        "0123456789ABCDEF",
        "abcdefghijklmnopqrstuvwxyz",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "0123456789abcdefghijklmnopqrstuvwxyz",
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_+/=",
    )
)
_PRINTABLE = math.log2(94)
_WHICH = 4 * STEP


class ModelError(Exception):
    """The model file is not the one this version was built with."""


class Model(msgspec.Struct, frozen=True):
    """Costs in eighths of a bit: of a character after two others, of a capital after two cases."""

    characters: bytes
    cases: bytes


class _File(msgspec.Struct, frozen=True):
    characters: str
    cases: str


def symbol(char: str) -> int:
    """The number of a character in the model."""
    return _SYMBOL.get(char, OTHER)


def case(char: str) -> int:
    """The class of a character: lower, upper, digit, mark."""
    return _CASE.get(char, MARK)


_SYMBOL = {char: place for place, char in enumerate(SYMBOLS)}
_SYMBOL |= {char.upper(): place for char, place in _SYMBOL.items() if char.isalpha()}
_CASE = {
    char: LOWER if char.islower() else UPPER if char.isupper() else DIGIT
    for char in _SYMBOL
    if char.isalnum()
}


def encode(model: Model) -> bytes:
    """The model as its file's content."""
    packed = (base64.b85encode(zlib.compress(one, 9)).decode() for one in (model.characters, model.cases))
    return msgspec.json.encode(_File(*packed)) + b"\n"


def decode(content: bytes) -> Model:
    """The model in a file's content."""
    file = msgspec.json.decode(content, type=_File)
    return Model(*(zlib.decompress(base64.b85decode(one)) for one in (file.characters, file.cases)))


@lru_cache(maxsize=1)
def model() -> Model:
    """The shipped model. Raises `ModelError` when the file is another."""
    content = (files("guardrails.catalogue") / "models" / MODEL).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelError(f"{MODEL} is not the file this version was built with")
    return decode(content)


def bits(value: str, using: Model | None = None) -> float:
    """Log-odds in bits that a generator made the value rather than a writer: above 0 for random."""
    return written_cost(value, using or model()) - random_cost(value)


def written_cost(value: str, using: Model) -> float:
    """Bits that the value costs under the model of written text."""
    characters, cases = using.characters, using.cases
    cost = 0
    first = second = MARK
    context = EDGE * SIZE + EDGE
    for char in value:
        number = _SYMBOL.get(char, OTHER)
        cost += characters[context * SIZE + number]
        if number == OTHER:
            cost += _WHICH  # the model says that it is one of many marks, not which
        context = (context % SIZE) * SIZE + number
        kind = _CASE.get(char, MARK)
        if kind < DIGIT:
            cost += cases[(first * CASES + second) * 2 + kind]
        first, second = second, kind
    return cost / STEP


def random_cost(value: str) -> float:
    """Bits that the value costs when drawn from the smallest usual alphabet that holds it."""
    members = set(value)
    for alphabet, each in _ALPHABETS:
        if members <= alphabet:
            return each * len(value)
    return _PRINTABLE * len(value)
