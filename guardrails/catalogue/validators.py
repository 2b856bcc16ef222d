"""Proofs of a found value. They look at the value only: nothing around it can switch a guard off."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from guardrails.catalogue.filler import is_filler, is_marked, is_masked, is_reference
from guardrails.catalogue.values import basic_credential, generated, plausible, plausible_password

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_STELLAR_SEED = 18 << 3


def entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def no_placeholder(value: str) -> bool:
    """Not filler that people type, not a reference to a variable, not a value already masked."""
    return not (is_filler(value) or is_reference(value) or is_masked(value))


def not_marked(value: str) -> bool:
    """Nothing in it says that it stands for a secret: for what has the full format of a kind.

    Unlike `no_placeholder` this passes what was typed along the keyboard, within a format of its own.
    """
    return not (is_marked(value) or is_masked(value))


def mixed(value: str) -> bool:
    """Letters and digits both, and entropy as of something generated."""
    return (
        any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and entropy(value) >= min(3.0, math.log2(len(value)) * 0.75)
    )


def random_looking(value: str) -> bool:
    """Entropy of at least three bits, and less than three quarters typed in order, as `aaaa12345` is."""
    return entropy(value) >= 3.0 and _typed(value) * 4 < len(value) * 3


def _typed(value: str) -> int:
    """How many characters stand in runs of four or more that repeat a character or count up or down."""
    typed, length, step = 0, 1, None
    codes = [ord(char) for char in value.replace("90", "9:").replace("09", ":9")]
    for before, after in pairwise([*codes, -9]):
        if after - before == step or (length == 1 and abs(after - before) <= 1):
            length, step = length + 1, after - before
            continue
        typed += length if length >= 4 else 0
        fresh = abs(after - before) <= 1
        length, step = (2, after - before) if fresh else (1, None)
    return typed


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
    return _digits(zlib.crc32(body.encode()), _BASE62).rjust(6, "0")


def class_mix(value: str) -> bool:
    """Small letters, capitals and digits, as a run drawn from all three has.

    One in fifty of such runs of 24 characters has no digit; it changes case more often than words do.
    """
    if not case_mix(value):
        return False
    changes = sum(one.isupper() != other.isupper() for one, other in pairwise(value))
    return any(char.isdigit() for char in value) or changes >= 0.4 * len(value)


def case_mix(value: str) -> bool:
    """A small letter and a capital."""
    return any(char.islower() for char in value) and any(char.isupper() for char in value)


def not_hex(value: str) -> bool:
    """Something besides hexadecimal digits, so no digest of any length."""
    return not re.fullmatch(r"[0-9A-Fa-f]+", value)


def grafana_checksum(value: str) -> bool:
    """The eight digits after the last `_` are the CRC-32 of what is before it, lowest byte first.

    Source: `satokengen` of Grafana, which makes and checks these tokens.
    """
    body, _, check = value.rpartition("_")
    return zlib.crc32(body.encode()).to_bytes(4, "little").hex() == check.lower()


def gitlab_checksum(value: str) -> bool:
    """The last seven characters of a routable token are the CRC-32 of the rest, in base 36.

    Source: "Routable Tokens" among the design documents in GitLab's handbook.
    """
    number = zlib.crc32(value[:-7].encode())
    return _digits(number, _BASE36).rjust(7, "0") == value[-7:]


def atlassian_checksum(value: str) -> bool:
    """The eight digits at the end are the CRC-32 of what is before them, the `=` between counting or not."""
    body, check = value[:-8], value[-8:].upper()
    return check in (f"{zlib.crc32(one.encode()):08X}" for one in (body, body.removesuffix("=")))


def cloudflare_checksum(value: str) -> bool:
    """The last eight characters are the CRC-32 of the forty after the prefix."""
    body, check = value.rpartition("_")[2][:-8], value[-8:]
    return f"{zlib.crc32(body.encode()):08x}" == check


def aws_account(value: str) -> bool:
    """The characters after the prefix hold an account number of twelve digits at most.

    They are base 32; the number is the 40 bits after the first.
    """
    try:
        packed = int.from_bytes(base64.b32decode(value[4:])[:6], "big")
    except (binascii.Error, ValueError):
        return False
    return (packed & 0x7FFF_FFFF_FF80) >> 7 < 10**12


def discord_token(value: str) -> bool:
    """The first of three parts is the bot's id in base 64: a number of 17 to 20 digits."""
    head = value.split(".", 1)[0]
    try:
        return bool(re.fullmatch(rb"[0-9]{17,20}", base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))))
    except (binascii.Error, ValueError):
        return False


def slack_token(value: str) -> bool:
    """Numbers of a workspace and a user, then the secret part, as Slack issues its tokens."""
    return bool(
        re.fullmatch(
            r"xoxb-[0-9]{9,14}-[0-9]{9,14}-[A-Za-z0-9]{24}|xox[ps]-(?:[0-9]{9,14}-){2,3}[a-f0-9]{32}", value
        )
    )


def base58check(value: str) -> bool:
    """The last four bytes are the first four of a double SHA-256 of the rest (Bitcoin)."""
    return _base58check_payload(value) is not None


def wif(value: str) -> bool:
    """A private key in Wallet Import Format: checksum, version byte and length fit."""
    payload = _base58check_payload(value)
    if payload is None or payload[0] not in (0x80, 0xEF):
        return False
    return len(payload) == 33 or (len(payload) == 34 and payload[33] == 1)


def base58check_encoded(payload: bytes) -> str:
    """`payload` and its checksum in base 58."""
    data = payload + _double_sha256(payload)[:4]
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + _digits(int.from_bytes(data, "big"), _BASE58)


def bech32_checksum(value: str) -> bool:
    """The last six characters are the checksum of BIP 173 or BIP 350, over the prefix too."""
    prefix, _, data = value.lower().rpartition("1")
    if not prefix or any(char not in _BECH32 for char in data):
        return False
    codes = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = 1
    for code in codes + [_BECH32.index(char) for char in data]:
        top = check >> 25
        check = (check & 0x1FF_FFFF) << 5 ^ code
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


def stellar_seed(value: str) -> bool:
    """The first byte says "secret seed", the last two are the CRC-16 of the rest, lowest first (SEP 23)."""
    try:
        data = base64.b32decode(value)
    except (binascii.Error, ValueError):
        return False
    return len(data) == 35 and data[0] == _STELLAR_SEED and data == _with_crc16(data[:-2])


def stellar_seed_encoded(key: bytes) -> str:
    """A secret seed for `key`, of 32 bytes."""
    return base64.b32encode(_with_crc16(bytes([_STELLAR_SEED]) + key)).decode()


def _with_crc16(payload: bytes) -> bytes:
    return payload + binascii.crc_hqx(payload, 0).to_bytes(2, "little")


def _base58check_payload(value: str) -> bytes | None:
    number = 0
    for char in value:
        place = _BASE58.find(char)
        if place < 0:
            return None
        number = number * 58 + place
    zeros = len(value) - len(value.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, check = data[:-4], data[-4:]
    return payload if payload and _double_sha256(payload)[:4] == check else None


def _double_sha256(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def _digits(number: int, alphabet: str) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, len(alphabet))
        digits = alphabet[rest] + digits
    return digits


REQUIRED: dict[str, Callable[[str], bool]] = {
    "no-placeholder": no_placeholder,
    "not-marked": not_marked,
    "mixed": mixed,
    "random": random_looking,
    "no-documented-example": no_documented_example,
    "jwt": jwt,
    "not-uuid-or-hash": not_uuid_or_hash,
    "class-mix": class_mix,
    "case-mix": case_mix,
    "not-hex": not_hex,
    "wif": wif,
    "stellar-seed": stellar_seed,
    "generated": generated,
    "plausible": plausible,
    "plausible-password": plausible_password,
    "basic-credential": basic_credential,
}
"""A value that fails one of these is no secret of the kind."""

SUPPORTING: dict[str, Callable[[str], bool]] = {
    "github-checksum": github_checksum,
    "grafana-checksum": grafana_checksum,
    "gitlab-checksum": gitlab_checksum,
    "atlassian-checksum": atlassian_checksum,
    "cloudflare-checksum": cloudflare_checksum,
    "aws-account": aws_account,
    "discord-token": discord_token,
    "slack-token": slack_token,
    "base58check": base58check,
    "bech32-checksum": bech32_checksum,
}
"""A pass raises the score; a failure says nothing, for published samples fail theirs."""
