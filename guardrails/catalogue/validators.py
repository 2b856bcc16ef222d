"""Proofs of a found value. They look at the value only: nothing around it can switch a guard off."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable

from guardrails.catalogue.filler import is_filler, is_masked, is_reference

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

def entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def no_placeholder(value: str) -> bool:
    """Not filler that people type, not a reference to a variable, not a value already masked."""
    return not (is_filler(value) or is_reference(value) or is_masked(value))


def mixed(value: str) -> bool:
    """Letters and digits both, and entropy as of something generated."""
    return (
        any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and entropy(value) >= min(3.0, math.log2(len(value)) * 0.75)
    )


def random_looking(value: str) -> bool:
    """Entropy of at least three bits and no runs as of `aaaa` or `1234`."""
    return entropy(value) >= 3.0 and not re.search(r"(.)\1{4}|0123456|1234567|abcdefg|ABCDEFG", value)


def no_documented_example(value: str) -> bool:
    """Vendors' documented sample keys end in EXAMPLE or EXAMPLEKEY; no issued key does by chance."""
    return not re.search(r"EXAMPLE(?:KEY)?$", value)


def jwt(value: str) -> bool:
    """The header decodes to a JSON object that names an algorithm (RFC 7519)."""
    head = value.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


def not_uuid_or_hash(value: str) -> bool:
    """No UUID and no bare hexadecimal digest of a usual length."""
    return not re.fullmatch(
        r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}",
        value,
    )


def github_checksum(value: str) -> bool:
    """The last six characters are the CRC-32 of the rest of the token's body, in base 62."""
    body, check = value.rsplit("_", 1)[-1][:-6], value[-6:]
    return base62_crc32(body) == check


def base62_crc32(body: str) -> str:
    """CRC-32 of `body` as six base-62 digits."""
    number = zlib.crc32(body.encode())
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(6, "0")


REQUIRED: dict[str, Callable[[str], bool]] = {
    "no-placeholder": no_placeholder,
    "mixed": mixed,
    "random": random_looking,
    "no-documented-example": no_documented_example,
    "jwt": jwt,
    "not-uuid-or-hash": not_uuid_or_hash,
}
"""A value that fails one of these is no secret of the kind."""

SUPPORTING: dict[str, Callable[[str], bool]] = {"github-checksum": github_checksum}
"""A pass raises the score; a failure says nothing, for published samples fail theirs."""
