"""What a value looks like: generated, thought up by a person, or a word of the program."""

from __future__ import annotations

import base64
import re

from guardrails.catalogue.filler import is_filler, is_masked, is_reference
from guardrails.catalogue.randomness import bits

_SEPARATOR = re.compile(r"[-_.:/+=]+")
_LOOK = 200  # characters that are enough to tell
_PART = 10
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_.:/-][A-Za-z]+)*\d?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_HEX = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Fa-f]{16,}")
_NAMED = re.compile(r"(?i)passw|secret|token")


def odds(value: str) -> float:
    """Bits for a generator, of the value or of its best part: `sk-` and other prefixes say nothing."""
    value = value[:_LOOK]
    parts = [part for part in _SEPARATOR.split(value) if len(part) >= _PART]
    return max(map(bits, [value, *parts]))


def stands_for_another(value: str) -> bool:
    """Filler, a reference to a variable, or a value already masked."""
    return is_filler(value) or is_reference(value) or is_masked(value)


def varied(value: str) -> int:
    """How many of lower case, upper case, digits and marks are in the value."""
    return (
        any(char.islower() for char in value)
        + any(char.isupper() for char in value)
        + any(char.isdigit() for char in value)
        + (not value.isalnum())
    )


def password_score(value: str) -> float:
    """From 0 to 1, for a value in a place of a password: 0 for words and names of the program."""
    likely = odds(value)
    if (_IDENTIFIER.fullmatch(value) and likely < 10) or (_NAMED.search(value) and likely < 4):
        return 0.0
    if likely >= 9:
        return 0.75
    # What people think up is not random, but it has what password rules ask for.
    kinds = varied(value)
    if len(value) >= 8 and kinds >= 3:
        return 0.6
    return 0.55 if likely >= 4 and kinds >= 2 else 0.0


def plausible_password(value: str) -> bool:
    """For a place where nothing but a password can stand: more than a word, a number or filler."""
    if stands_for_another(value) or value.isdigit():
        return False
    if value.isalpha() and odds(value) < 1.2 * len(value):
        return False
    return odds(value) >= 4 or (len(value) >= 6 and varied(value) >= 2 and not _IDENTIFIER.fullmatch(value))


def generated(value: str) -> bool:
    """More likely drawn by a generator than written, and no filler."""
    return not stands_for_another(value) and odds(value) >= 9


def plausible(value: str) -> bool:
    """For a place where a token must stand: rather random, hexadecimal, or user and password in base 64."""
    if stands_for_another(value):
        return False
    return odds(value) >= 4 or _HEX.fullmatch(value) is not None or basic_credential(value)


def basic_credential(value: str) -> bool:
    """Base 64 of `user:password` (RFC 7617)."""
    try:
        plain = base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except ValueError:
        return False
    user, colon, password = plain.partition(":")
    return bool(user and colon and password) and not stands_for_another(password)
