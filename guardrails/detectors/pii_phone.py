"""Phone numbers: a bounded window of digits, the look of it, then the number plans of `phonenumbers`.

`phonenumbers` searches a text in time that grows with its digits and cannot be interrupted, so it only
ever sees one window of at most 17 digits that already looks like a number somebody could dial.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from guardrails.detectors.base import Pattern
from guardrails.detectors.pii_context import AFTER_COST, Words
from guardrails.detectors.pii_recipes import Candidate, Judged, Recipe

_PATTERN = (
    r"(?<![A-Za-z0-9_+])(?<![0-9][.,\-/:*=])(?<![0-9]\()(?<![a-fA-F]-)"
    r"(?:\+ ?\(?|\(\+?)?\d(?:[ .\-/()]{0,3}\d){6,16}(?: ?(?:x|ext\.?|#) ?\d{1,6})?"
    r"\b(?![.,\-/:+*][A-Za-z0-9])"
)
# Words by language, which also says whose number plans come first.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "en": (
        *(
            "phone",
            "telephone",
            "tel",
            "tele",
            "mobile",
            "cellphone",
            "fax",
            "whatsapp",
            "sms",
            "dial",
            "msisdn",
        ),
        *(
            "texted",
            "hotline",
            "voicemail",
            "landline",
            "phone number",
            "telephonenum",
            "phonenum",
            "toll free",
        ),
        *("callback", "call back", "helpline", "cell phone", "tel number", "mobile number", "contact number"),
    ),
    "de": (
        "telefon",
        "telefonnummer",
        "mobil",
        "handynummer",
        "rufnummer",
        "tel nr",
        "festnetz",
        "mobilnummer",
    ),
    "fr": ("telephone", "portable", "tel", "telecopie", "numero de telephone", "fixe"),
    "es": ("telefono", "movil", "celular", "tlf", "tfno", "telefonico", "numero de telefono"),
    "it": ("telefono", "cellulare", "numero di telefono", "cell"),
    "pt": ("telefone", "telemovel", "celular", "telefone celular"),
    "nl": ("telefoon", "telefoonnummer", "mobiel", "gsm"),
    "pl": ("telefon", "telefonu", "komorka", "numer telefonu", "kom"),
    "ru": ("тел", "телефон", "телефона"),
    "he": ("טלפון", "נייד"),
    "ja": ("電話", "携帯"),
    "zh": ("电话", "手机", "電話"),
    "tr": ("telefon", "cep", "gsm"),
    "sv": ("telefon", "telefonnummer", "mobil"),
}
# Words that also stand near numbers that nobody dials: they must be quite near.
_FAINT = (
    *(
        "call",
        "contact",
        "reach",
        "answering",
        "cell",
        "handy",
        "pager",
        "text me",
        "messages to",
        "message to",
    ),
    *("registered", "ring", "communication via", "directed to", "anrufen", "appeler", "llamar", "chiamare"),
    *("ligar", "bellen", "zadzwon", "reached", "contacted", "contacts"),
)
_ONLY_AFTER = ("office", "cell", "work", "home", "mobile")
_FAINT_TOPIC, _AFTER_TOPIC = "faint", "after"
_NEAR_ENOUGH = 2
_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR", "ES", "IT", "NL", "AU")
_BY_LANGUAGE = {
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH", "CA"),
    "es": ("ES", "MX", "AR", "CO", "CL"),
    "it": ("IT", "CH"),
    "nl": ("NL", "BE"),
    "pt": ("BR", "PT"),
    "pl": ("PL",),
    "sv": ("SE", "NO", "DK", "FI"),
    "fi": ("FI",),
    "he": ("IL",),
    "tr": ("TR",),
    "ko": ("KR",),
    "ja": ("JP",),
    "th": ("TH",),
    "ru": ("RU", "UA"),
    "zh": ("CN", "TW"),
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
    words = [(word, spoken) for spoken, words in _WORDS.items() for word in words]
    words += [(word, _FAINT_TOPIC) for word in _FAINT] + [(word, _AFTER_TOPIC) for word in _ONLY_AFTER]
    judge = partial(_judge, _BY_LANGUAGE.get(language, ()))
    pattern = Pattern("pii PHONE_NUMBER", _PATTERN, ascii=True, plain=True)
    return Recipe("PHONE_NUMBER", pattern, judge, Words(words))


def _judge(first: tuple[str, ...], candidate: Candidate) -> Judged | None:
    value = candidate.value
    bare = _EXTENSION.sub("", value)
    digits = re.sub(r"\D", "", bare)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or _NOT_DIALLED.fullmatch(bare):
        return None
    if value.count("(") != value.count(")"):
        return None
    if "+" in bare or (digits.startswith("00") and (bare != digits or candidate.word)):
        return _international(digits.removeprefix("00"), candidate, bare)
    return _national(bare, digits, value != bare, candidate, first)


def _international(digits: str, candidate: Candidate, bare: str) -> Judged | None:
    plan = _plan("+" + digits, (None,))
    if plan == "valid":
        return Judged(0.75, "number plan")
    grouped = len(re.findall(r"\d+", bare)) >= 3
    if plan == "possible" and (grouped or candidate.word):
        return Judged(0.5 if grouped and "+" in bare else 0.2, "number plan, length")
    return Judged(0.2, "shape") if grouped and candidate.word else None


def _national(
    bare: str, digits: str, extended: bool, candidate: Candidate, first: tuple[str, ...]
) -> Judged | None:
    """A number without country code: it must look dialled, or a context word must say what it is."""
    american = _AMERICAN.fullmatch(bare) is not None
    trunk = _TRUNK.fullmatch(bare) is not None and 9 <= len(digits) <= 12
    named = _named(candidate)
    if not (american or trunk or named) or (bare == digits and (len(digits) > 12 or not named)):
        return None
    if american:
        # Numbers parted by spaces or dots alone are columns and versions as often as they are dialled.
        dialled = re.search(r"[(/\-]", bare) is not None
        if dialled and _plan(bare, ("US", "CA")) == "valid":
            return Judged(0.6, "shape, number plan")
        marked = extended or "(" in bare or digits[0] == "1"
        return Judged(0.5 if marked and dialled else 0.4, "shape")
    spoken = [region for topic in candidate.near for region in _BY_LANGUAGE.get(str(topic), ())]
    plan = _plan(bare, tuple(dict.fromkeys((*first, *spoken, *_REGIONS))))
    if plan == "valid":
        return Judged(0.5 if trunk and re.search(r"[(/\-]", bare) else 0.3, "number plan")
    grouped = bare != digits
    if named and (plan == "possible" or grouped):
        return Judged(0.2, "length") if grouped or len(digits) >= 9 else None
    return None


def _named(candidate: Candidate) -> bool:
    """Whether a word says that a number which nobody would take for one by its look is a phone number."""
    for topic, word in candidate.near.items():
        if topic == _AFTER_TOPIC:
            near = word.after and word.distance == AFTER_COST
        elif topic == _FAINT_TOPIC:
            near = word.distance <= _NEAR_ENOUGH
        else:
            near = True
        if near:
            return True
    return False


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
