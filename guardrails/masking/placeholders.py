"""Placeholders: `MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC`.

A placeholder is a plain identifier, so that it stays one word in code, shell, JSON, YAML, URLs and
markdown. The last 16 characters are Crockford base32: ten that name the value (50 bits of a keyed hash of
tenant, label and value) and six that prove that the service made it (30 bits of a keyed hash of label and
name), so that text which only looks like one is told apart.

Models write placeholders in their own way: in another case, with the underscores escaped for markdown or
JSON, as hyphens or as spaces. It is still the same placeholder, and `written` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import regex

from guardrails.masking.keys import Keys
from guardrails.model import Span

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME, _PROOF = 10, 6
_TOKEN = _NAME + _PROOF
_LABEL = 64

MOST = 120
"""The most characters that a placeholder spans, however it is written."""

_GAP = r"\s_\\\-\u00a0\u00ad\u200b\u2060\ufeff"  # what may stand for an underscore, one or several
_FLAGS = re.IGNORECASE | re.ASCII
_HEAD = regex.compile(rf"MASKED(?=[{_GAP}])", regex.IGNORECASE | regex.ASCII)  # five times as fast as `re`
_BODY = re.compile(rf"[A-Z0-9{_GAP}]*", _FLAGS)
_TOKENS = re.compile(rf"[{_GAP}][{_ALPHABET}]{{{_TOKEN}}}", _FLAGS)
_SOME = regex.compile(rf"MASKED[{_GAP}]|M(?:A(?:S(?:K(?:E(?:D)?)?)?)?)?\Z", regex.IGNORECASE | regex.ASCII)
_CUT_HEAD = re.compile(r"(?:M|MA|MAS|MASK|MASKE|MASKED)\Z", _FLAGS)
_GAPS = re.compile(rf"[{_GAP}]+", re.ASCII)
_CANONICAL = re.compile(
    rf"MASKED_([A-Z0-9][A-Z0-9_]{{0,{_LABEL - 1}}})_([{_ALPHABET}]{{{_NAME}}})([{_ALPHABET}]{{{_PROOF}}})"
)


def placeholder(keys: Keys, tenant: str, label: str, value: str) -> str:
    """The placeholder of a value: the same for the same tenant, label, value and secret, anywhere."""
    name = _base32(keys.mac("placeholder", tenant, label, value), _NAME)
    shown = re.sub(r"[^A-Z0-9]+", "_", label.upper()).strip("_")[:_LABEL].strip("_") or "VALUE"
    return f"MASKED_{shown}_{name}{_proof(keys, tenant, shown, name)}"


def is_own(keys: Keys, tenant: str, text: str) -> bool:
    """Whether the service made this placeholder for this tenant."""
    parts = _CANONICAL.fullmatch(text)
    return parts is not None and _proof(keys, tenant, parts[1], parts[2]) == parts[3]


def own_placeholders(keys: Keys, tenant: str, text: str) -> list[Span]:
    """Where the placeholders stand that the service made for this tenant, and only those."""
    return [span for span, _ in written(text, lambda one: is_own(keys, tenant, one))]


def written(text: str, is_known: Callable[[str], bool]) -> Iterator[tuple[Span, str]]:
    """The placeholders in a text that are known, with what each is as the service writes it."""
    end = 0
    for head in _HEAD.finditer(text):
        if head.start() < end:
            continue
        body = _body_end(text, head.start())
        for token in _TOKENS.finditer(text, head.end(), body):
            one = _as_made(text[head.start() : token.end()])
            if is_known(one):
                end = token.end()
                yield Span(head.start(), end), one
                break


def may_have(text: str) -> bool:
    """Whether a text may have a placeholder, or the beginning of one at its end."""
    return _SOME.search(text) is not None


def beginnings(text: str) -> Iterator[tuple[int, str]]:
    """Where something begins that more text could make a placeholder of, ascending.

    With each place comes the part that is there, written as the service does.
    """
    for head in _HEAD.finditer(text, max(0, len(text) - MOST)):
        if _body_end(text, head.start()) == len(text):
            yield head.start(), _as_made(text[head.start() :])
    cut = _CUT_HEAD.search(text, max(0, len(text) - len("MASKED")))
    if cut:
        yield cut.start(), cut[0].upper()


def _body_end(text: str, start: int) -> int:
    body = _BODY.match(text, start, start + MOST)
    return start if body is None else body.end()


def _as_made(text: str) -> str:
    return _GAPS.sub("_", text).upper()


def _proof(keys: Keys, tenant: str, label: str, name: str) -> str:
    return _base32(keys.mac("placeholder-proof", tenant, label, name), _PROOF)


def _base32(digest: bytes, length: int) -> str:
    number = int.from_bytes(digest[:16], "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(length))
