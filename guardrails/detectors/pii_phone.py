"""Phone numbers: a bounded window of digits, the look of it, then the number plans of `phonenumbers`.

`phonenumbers` searches a text in time that grows with its digits and cannot be interrupted, so it only
ever sees one window of at most 17 digits that already looks like a number somebody could dial.
"""

from __future__ import annotations

import importlib
import re
from functools import lru_cache
from typing import Any

from guardrails.detectors.base import Pattern
from guardrails.detectors.pii_recipes import Candidate, Judge, Judged, Recipe

_PATTERN = (
    r"(?<![A-Za-z0-9_+])(?<![0-9][.,\-/:*=])(?<![0-9]\()(?<![a-fA-F]-)"
    r"(?:\+ ?\(?|\(\+?)?\d(?:[ .\-/()]{0,3}\d){6,16}(?: ?(?:x|ext\.?|#) ?\d{1,6})?"
    r"(?![A-Za-z0-9_]|[.,\-/:+*][A-Za-z0-9])"
)
# Words that also stand near numbers that nobody dials: not enough for a bare run of digits.
_FAINT = ("call", "contact", "reach", "answering", "cell", "portable", "handy", "pager")
_WORDS = (
    *("phone", "telephone", "tel", "mobile", "cellphone", "fax", "whatsapp", "sms", "dial", "msisdn"),
    *("texted", "hotline", "voicemail", "landline", "telefon", "mobil", "rufnummer", "téléphone"),
    *("teléfono", "telefono", "móvil", "celular", "telefone", "telemóvel", "cellulare", "telefoon"),
    *("тел", "телефон", "טלפון", "電話"),
    *_FAINT,
)
_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
_BY_LANGUAGE = {
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH", "CA"),
    "es": ("ES", "MX", "AR", "CO", "CL"),
    "it": ("IT", "CH"),
    "nl": ("NL", "BE"),
    "pt": ("BR", "PT"),
    "pl": ("PL",),
    "sv": ("SE",),
    "fi": ("FI",),
    "he": ("IL",),
    "tr": ("TR",),
    "ko": ("KR",),
    "ja": ("JP",),
    "th": ("TH",),
}

_EXTENSION = re.compile(r" ?(?:x|ext\.?|#) ?\d{1,6}$", re.IGNORECASE)
_NOT_DIALLED = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[ /]+\d.*)?"  # a date, and what follows it
    r"|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d"  # years
    r"|\d{1,3}(?:\.\d{1,3}){3}"  # an IP address or a version
    r"|\d+\.\d+"
    r"|\d{3}([-. ])\d\d\2\d{4}"  # a social security number
    r"|.*\d [-/] \d.*"  # a sum, a range
    r"|\d{1,3}(?:\.\d{3}){2,}"  # a number with dots between its thousands
)
_AMERICAN = re.compile(r"(?:1[-. ]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d([-.]))[2-9]\d\d(?(1)\1|[-. ])\d{4}")
_TRUNK = re.compile(r"\(?0\d{1,4}\)?[ /\-]{1,3}\d{2,8}(?:[ \-]\d{2,6}){0,4}")


def recipe(language: str) -> Recipe:
    """How phone numbers are found in texts of `language`: its regions are tried first."""
    importlib.import_module("phonenumbers")
    regions = tuple(dict.fromkeys((*_BY_LANGUAGE.get(language, ()), *_REGIONS)))
    return Recipe("PHONE_NUMBER", Pattern("pii PHONE_NUMBER", _PATTERN), _judge(regions), _WORDS, (40, 20))


def _judge(regions: tuple[str, ...]) -> Judge:
    def judge(candidate: Candidate) -> Judged | None:
        value = candidate.value
        bare = _EXTENSION.sub("", value)
        digits = re.sub(r"\D", "", bare)
        if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or _NOT_DIALLED.fullmatch(bare):
            return None
        if value.count("(") != value.count(")"):
            return None
        if "+" in bare or (digits.startswith("00") and (candidate.word or bare != digits)):
            return _international(digits.removeprefix("00"), candidate.word, bare)
        return _national(bare, digits, value != bare, candidate.word, regions)

    return judge


def _international(digits: str, word: str, bare: str) -> Judged | None:
    plan = _plan("+" + digits, (None,))
    if plan == "valid":
        return Judged(0.75, "number plan")
    grouped = len(re.findall(r"\d+", bare)) >= 3
    if plan == "possible" and (word or grouped):
        return Judged(0.4 if grouped else 0.2, "number plan, length")
    return Judged(0.2, "shape") if word and grouped else None


def _national(bare: str, digits: str, extended: bool, word: str, regions: tuple[str, ...]) -> Judged | None:
    """A number without country code: it must look dialled, or a context word must say what it is."""
    american = _AMERICAN.fullmatch(bare) is not None
    trunk = _TRUNK.fullmatch(bare) is not None and 9 <= len(digits) <= 12
    if not (american or trunk or word):
        return None
    if bare == digits and (len(digits) > 12 or not word or word in _FAINT):
        return None
    plan = _plan(bare, regions if not american else ("US", "CA"))
    # Numbers parted by spaces or dots alone are columns and versions as often as they are dialled.
    dialled = re.search(r"[(/\-]", bare) is not None
    if american:
        marked = extended or "(" in bare or digits[0] == "1"
        if plan == "valid" and dialled:
            return Judged(0.6, "shape, number plan")
        return Judged(0.5 if marked and dialled else 0.4, "shape")
    if plan == "valid":
        return Judged(0.5 if trunk and dialled else 0.3, "number plan")
    grouped = bare != digits
    if word and (plan == "possible" or grouped):
        return Judged(0.2, "length") if grouped or len(digits) >= 9 else None
    return None


def _plan(number: str, regions: tuple[str | None, ...]) -> str:
    """Whether a number is `valid` or merely `possible` in any of the regions, or ""."""
    phonenumbers = _library()
    best = ""
    for region in regions:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return "valid"
        if phonenumbers.is_possible_number(parsed):
            best = "possible"
    return best


@lru_cache(maxsize=1)
def _library() -> Any:
    return importlib.import_module("phonenumbers")
