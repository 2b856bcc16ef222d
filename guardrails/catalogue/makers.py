"""Makers: what stands for a value in an example, so that no live-looking token is in the repository.

`{base62(36)}` becomes 36 random-looking characters, the same ones at every run; `{[A-F0-9](32)}` draws
from a class of characters of one's own. A maker is a function of a length and a source of chance.
"""

from __future__ import annotations

import base64
import random
import re
import string
import uuid
from collections.abc import Callable

from mnemonic import Mnemonic

from guardrails.catalogue.validators import base58check_encoded, base62_crc32, stellar_seed_encoded

Maker = Callable[[int, random.Random], str]

_CALL = re.compile(r"\{(\w+|\[(?:[^\]\\]|\\.)+\])\((\d*)\)\}")

ALPHABETS = {
    "base62": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "base64url": string.digits + string.ascii_uppercase + string.ascii_lowercase + "-_",
    "base64": string.digits + string.ascii_uppercase + string.ascii_lowercase + "+/",
    "hex": string.hexdigits[:16],
    "upper": string.ascii_uppercase + "234567",
    "alnum": string.ascii_lowercase + string.digits,
    "upperalnum": string.ascii_uppercase + string.digits,
    "letters": string.ascii_letters,
    "digits": string.digits,
}


def chars(alphabet: str, length: int, source: random.Random) -> str:
    """`length` characters of the alphabet."""
    return "".join(source.choices(alphabet, k=length))


def _github(length: int, source: random.Random) -> str:
    body = chars(ALPHABETS["base62"], length - 6, source)
    return body + base62_crc32(body)


def _jwt(_length: int, source: random.Random) -> str:
    subject = chars(ALPHABETS["digits"], 10, source)
    parts = ('{"alg":"HS256","typ":"JWT"}', '{"sub":"' + subject + '"}')
    head, body = (base64.urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in parts)
    return f"{head}.{body}.{chars(ALPHABETS['base64url'], 43, source)}"


def _pem(_length: int, source: random.Random) -> str:
    return "\n".join(chars(ALPHABETS["base64"], 64, source) for _ in range(5))


def _uuid(_length: int, source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def _wif(_length: int, source: random.Random) -> str:
    """A Bitcoin private key of the main network, for a compressed public key."""
    return base58check_encoded(b"\x80" + source.randbytes(32) + b"\x01")


def _stellar(_length: int, source: random.Random) -> str:
    return stellar_seed_encoded(source.randbytes(32))


def _mnemonic(length: int, source: random.Random) -> str:
    """A seed phrase of so many words, with its checksum (BIP 39)."""
    return Mnemonic("english").to_mnemonic(source.randbytes(length * 4 // 3))


def _password(length: int, source: random.Random) -> str:
    """Letters, a digit and a mark at the least, as a password rule asks for."""
    picked = [source.choice(kind) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)]
    picked += source.choices(ALPHABETS["base62"] + "!_-.", k=length - len(picked) - 1)
    source.shuffle(picked)
    return source.choice(string.ascii_letters) + "".join(picked)


MAKERS: dict[str, Maker] = {
    "github": _github,
    "jwt": _jwt,
    "mnemonic": _mnemonic,
    "password": _password,
    "pem": _pem,
    "stellar": _stellar,
    "uuid": _uuid,
    "wif": _wif,
}
"""Makers that are more than an alphabet."""


def expand(template: str, seed: str) -> str:
    """An example's text: every maker replaced by what it makes, the same for the same seed.

    Raises `KeyError` for an unknown maker.
    """
    source = random.Random(seed)  # noqa: S311 - examples, not keys
    return _CALL.sub(lambda match: _make(match[1], int(match[2] or 0), source), template)


def _make(name: str, length: int, source: random.Random) -> str:
    if name in MAKERS:
        return MAKERS[name](length, source)
    return chars(ALPHABETS[name] if name[0] != "[" else _members(name), length, source)


def _members(expression: str) -> str:
    """The printable ASCII characters of a character class."""
    return "".join(re.findall(expression, "".join(map(chr, range(33, 127)))))
