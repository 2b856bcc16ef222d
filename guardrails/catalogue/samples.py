"""Made-up values of an identifier: for its examples, and to stand for a real one.

A value is drawn from the record's expression until the proof accepts it (or refuses it). Expressions of the
catalogue use `\\d`, classes, literals, `(?:...|...)` and counted repetitions only; nothing else is read here.
"""

from __future__ import annotations

import random
import re
import string

from guardrails.catalogue.identifier_kinds import Identifier

MAX_DRAWS = 400_000

_LETTERS = string.ascii_uppercase
_DIGITS_SHARE = 0.8
_TOKEN = re.compile(r"\\d|\[[^\]]*\]|\(\?:|[()|]|.", re.DOTALL)
_COUNT = re.compile(r"\{(\d+)(?:,(\d+))?\}|\?")


class NoSampleError(Exception):
    """No value was found that the proof accepts, or refuses."""


def sample(identifier: Identifier, source: random.Random, *, valid: bool = True) -> str:
    """A value without separators that the proof accepts, or one of the same shape that it refuses.

    Raises `NoSampleError` where none turns up, as for a broken value of what nothing proves.
    """
    if not valid and not identifier.proof:
        raise NoSampleError(f"{identifier.entity} has no proof to refuse a value")
    for _ in range(MAX_DRAWS):
        value = written(draw(identifier.compact, source), identifier)
        if identifier.proven(value, value) == valid:
            return value
    raise NoSampleError(f"{identifier.entity}: no value in {MAX_DRAWS} draws")


def broken(identifier: Identifier, value: str, source: random.Random) -> str:
    """The value with one digit changed, so that the proof refuses it. Raises `NoSampleError`."""
    shape = re.compile(identifier.compact)
    places = [place for place, char in enumerate(value) if char.isdigit()]
    for _ in range(1_000):
        place = source.choice(places)
        changed = value[:place] + source.choice(string.digits) + value[place + 1 :]
        if (
            changed != value
            and shape.fullmatch(changed.replace("-", ""))
            and not identifier.proven(changed, changed)
        ):
            return changed
    raise NoSampleError(f"{identifier.entity}: every change of a digit is proven")


def written(value: str, identifier: Identifier) -> str:
    """The value with the sign that its proof wants to see, where it does (`raw`)."""
    return f"{value[:6]}-{value[6:]}" if identifier.raw and len(value) == 10 else value


def draw(expression: str, source: random.Random) -> str:
    """A random match of an expression of the catalogue."""
    value, rest = _alternatives(_TOKEN.findall(expression), source)
    assert not rest
    return value


def _alternatives(tokens: list[str], source: random.Random) -> tuple[str, list[str]]:
    options = []
    while True:
        value, tokens = _sequence(tokens, source)
        options.append(value)
        if not tokens or tokens[0] != "|":
            return source.choice(options), tokens
        tokens = tokens[1:]


def _sequence(tokens: list[str], source: random.Random) -> tuple[str, list[str]]:
    value = ""
    while tokens and tokens[0] not in ("|", ")"):
        start = tokens
        piece, rest = _atom(start, source)
        count, rest = _count(rest, source)
        value += piece if count else ""
        for _ in range(count - 1):
            value += _atom(start, source)[0]
        tokens = rest
    return value, tokens


def _atom(tokens: list[str], source: random.Random) -> tuple[str, list[str]]:
    part, rest = tokens[0], tokens[1:]
    if part == "(?:":
        value, rest = _alternatives(rest, source)
        return value, rest[1:]
    if part == "\\d":
        return source.choice(string.digits), rest
    if part.startswith("["):
        members = re.compile(part)
        # Where either may stand, digits are far commoner than letters in what is issued.
        kinds = [[char for char in kind if members.match(char)] for kind in (string.digits, _LETTERS)]
        digits, letters = kinds
        chosen = digits if digits and (not letters or source.random() < _DIGITS_SHARE) else letters
        return source.choice(chosen), rest
    return part, rest


def _count(tokens: list[str], source: random.Random) -> tuple[int, list[str]]:
    match = _COUNT.match("".join(tokens[:8]))
    if match is None:
        return 1, tokens
    least = 0 if match[0] == "?" else int(match[1])
    most = 1 if match[0] == "?" else int(match[2] or match[1])
    return source.randint(least, most), tokens[len(match[0]) :]
