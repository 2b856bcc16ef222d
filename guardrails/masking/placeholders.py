"""Placeholders: `MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR`.

A placeholder is a plain identifier, so that it stays one word in code, shell, JSON, YAML, URLs and
markdown, in whatever case a model writes it. The last 13 characters are Crockford base32: ten that
name the value (50 bits of a keyed hash of tenant, label and value) and three that prove that the
service made it (15 bits of a keyed hash of the ten), so that text which only looks like one is told apart.
"""

from __future__ import annotations

import regex

from guardrails.masking.keys import Keys
from guardrails.model import Span

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME, _PROOF = 10, 3

PLACEHOLDER = regex.compile(
    rf"MASKED_(?P<label>[A-Z][A-Z0-9_]{{0,63}})_(?P<name>[{_ALPHABET}]{{{_NAME}}})(?P<proof>[{_ALPHABET}]{{{_PROOF}}})"
)


def placeholder(keys: Keys, tenant: str, label: str, value: str) -> str:
    """The placeholder of a value: the same for the same tenant, label, value and secret, anywhere."""
    name = _base32(keys.mac("placeholder", tenant, label, value), _NAME)
    return f"MASKED_{label}_{name}{_proof(keys, tenant, label, name)}"


def own_placeholders(keys: Keys, tenant: str, text: str) -> list[Span]:
    """Where the placeholders stand that the service made for this tenant, and only those."""
    if "MASKED_" not in text:
        return []
    return [
        Span(*match.span())
        for match in PLACEHOLDER.finditer(text)
        if _proof(keys, tenant, match["label"], match["name"]) == match["proof"]
    ]


def _proof(keys: Keys, tenant: str, label: str, name: str) -> str:
    return _base32(keys.mac("placeholder-proof", tenant, label, name), _PROOF)


def _base32(digest: bytes, length: int) -> str:
    number = int.from_bytes(digest[:16], "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(length))
