"""Tells a secret from what else is assigned to a telling name."""

from __future__ import annotations

import re

from guardrails.catalogue.filler import is_filler, is_masked, is_reference
from guardrails.catalogue.names import Telling, telling
from guardrails.catalogue.randomness import bits
from guardrails.detectors.assignments import Assignment, Join

_OTHER = re.compile(
    r"""(?xi)
    [0-9a-f]{8}-?(?:[0-9a-f]{4}-){3}[0-9a-f]{12}                     # a UUID
    | \d{4}-\d\d-\d\d (?:[T ].*)? | [\d.,:/+-]+ %? | 0x[0-9a-f]{1,8} | [#][0-9a-f]{3,8}  # dates, numbers, colours
    | v?\d+(?:\.\d+){1,3} [\w.+-]*                                   # versions, addresses
    | [a-z][a-z0-9+.-]{1,15}:// .* | (?:mailto|data|urn|tel|jdbc|git@)[:\w] .*  # addresses
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                   # mail
    | (?:\.{0,2}|~|[a-z]:)[/\\][\w.@/\\ -]* | (?:[\w.@-]+/){2,}[\w.@-]*\.\w+      # paths
    | [\w./@-]*\.(?:pem|key|crt|cer|der|p12|pfx|jks|pub|json|ya?ml|txt|py|[jt]sx?|go|rb|java|php|html?|css|png|jpe?g|svg|gif|ico
        |xml|csv|md|conf|cfg|ini|toml|env|sh|sql|db|log|gpg|asc|com|org|net|io|local|internal|example|test)
    | (?:sha\d{1,3}|md5|h1|blake2\w*)[-:=] .* | \$[0-9a-z]{1,8}\$ .* | [{](?:SSHA|SHA|MD5|CRYPT|BCRYPT)[}] .*  # digests
    | (?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w+|pk_(?:live|test)|pk\.) .*         # public halves
    | AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16}
    """
)
_PREFIXED_UUID = re.compile(r"(?i)[a-z_-]{2,24}[_-][0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SEPARATOR = re.compile(r"[-_.:/+=]+")
_LOOK = 200  # characters that are enough to tell
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_.:/-][A-Za-z]+)*\d?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_STRANGE = re.compile(r"[\s<>]|[^\x21-\x7e]")


def generic_score(pair: Assignment) -> float:
    """From 0, no secret, to 1: whether a value is one that no kind describes, by its name and its look."""
    value = pair.value
    length = len(value)
    if length < 6 or _STRANGE.search(value) or _OTHER.fullmatch(value):
        return 0.0
    name = telling(pair.words, pair.before)
    if name is Telling.NOTHING:
        return 0.0
    if is_filler(value) or is_reference(value) or is_masked(value):
        return 0.0
    if not any(char.isalnum() for char in value):
        return 0.0
    if _PREFIXED_UUID.fullmatch(value) and name is not Telling.KEY:
        return 0.7
    value = _longest(value)
    length = len(value)
    odds = bits(value)
    if name is Telling.PASSWORD:
        return _password(pair, odds)
    if value.isalpha() and (length < 10 or value.islower() and length < 14):
        return 0.0
    if _HEX.fullmatch(value):
        # Digests have these lengths too; only a name that says so makes a secret of one.
        return 0.7 if length >= 16 and name is Telling.TOKEN and odds >= 10 else 0.0
    least, each = (16.0, 0.9) if name is Telling.TOKEN else (28.0, 1.3)
    if pair.join in {Join.SENTENCE, Join.SPACE, Join.CELL}:
        least, each = max(least, 24.0), max(each, 1.2)
    if length >= (10 if name is Telling.TOKEN else 16) and odds >= least and odds >= each * length:
        return 0.75
    return 0.0


def _longest(value: str) -> str:
    """The part of a value that was generated: `sk-` and other prefixes say nothing."""
    value = value[:_LOOK]
    part = max(_SEPARATOR.split(value), key=len)
    return part if len(part) >= 16 else value


def _password(pair: Assignment, odds: float) -> float:
    value = pair.value
    if _IDENTIFIER.fullmatch(value) and odds < 10:
        return 0.0
    if pair.join is Join.SPACE and not pair.quoted and odds < 14:
        return 0.0
    if odds >= 12:
        return 0.75
    if pair.join in {Join.SENTENCE, Join.CELL, Join.SPACE} and _varied(value) < 3:
        return 0.0
    # What people think up is not random, but it has what password rules ask for.
    varied = _varied(value)
    if len(value) >= 8 and varied >= 3:
        return 0.6
    if odds >= 4 and varied >= 2:
        return 0.55
    return 0.0


def _varied(value: str) -> int:
    """How many of lower case, upper case, digits and marks are in the value."""
    return (
        any(char.islower() for char in value)
        + any(char.isupper() for char in value)
        + any(char.isdigit() for char in value)
        + (not value.isalnum())
    )
