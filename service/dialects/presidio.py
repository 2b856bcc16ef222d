"""Presidio's analyzer and anonymizer, as their REST servers speak: `/analyze` and `/anonymize`.

The analyzer reports where the policy would mask or deny; labels are Presidio's names already (a secret's is
its kind's). There is no room for a verdict: what could not be looked at is reported as one finding over the
whole text for every entity asked for, so that whatever the caller does with findings is done to all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from litestar.openapi.spec import Schema

from guardrails.engine import Judged
from guardrails.model import Action, Context, Finding, Hook, Kind, Role
from service.dialects.route import (
    Answer,
    Call,
    Errand,
    Look,
    Payload,
    Question,
    Route,
    member,
    number_of,
    refusal,
    texts,
    unjudged,
)
from service.exchange import Ask
from service.openapi import ANY, COUNT, NUMBER, TEXT, TEXTS, array, described, record, words
from service.problems import Problem

UNJUDGED = "UNJUDGED"
"""The entity over a text that was not judged, where none is asked for by name."""


def analyze(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    for name in ("ad_hoc_recognizers", "allow_list"):
        if payload.get(name):
            raise Problem(400, "Bad member", f"`{name}` is not taken: write a rule or an exception")
    given = payload.get("text")
    many = given if isinstance(given, list) else [member(payload, "text")]
    if not all(isinstance(one, str) for one in many):
        raise Problem(400, "Bad member", "`text` must be a text or an array of texts")
    entities = payload.get("entities")
    if not (
        entities is None or (isinstance(entities, list) and all(isinstance(one, str) for one in entities))
    ):
        raise Problem(400, "Bad member", "`entities` must be an array of texts")
    threshold = payload.get("score_threshold")
    if not isinstance(threshold, int | float | None) or isinstance(threshold, bool):
        raise Problem(400, "Bad member", "`score_threshold` must be a number")
    role = Role.USER if hook is Hook.REQUEST else Role.ASSISTANT
    ask = Ask(
        hook,
        Context(tenant=call.tenant, route="presidio"),
        texts=texts(*((role, Kind.TEXT, str(one)) for one in many)),
    )
    write = partial(found, ask=ask, entities=entities or None, threshold=float(threshold or 0))
    return Question(ask, write if isinstance(given, list) else lambda judged: write(judged)[0])


def found(judged: Judged, ask: Ask, entities: Sequence[str] | None, threshold: float) -> list[list[object]]:
    """Findings by text."""
    by_text: list[list[object]] = [[] for _ in ask.texts or ()]
    if unjudged(judged.decision):
        for place, segment in enumerate(ask.texts or ()):
            if segment.text:
                whole = (0, len(segment.text))
                by_text[place] = [_result(one, *whole, 1.0) for one in entities or (UNJUDGED,)]
        return by_text
    best: dict[tuple[str, int, int, str], Finding] = {}
    for one in judged.decision.findings:
        wanted = entities is None or one.label in entities
        if one.action is not Action.FLAG and wanted and one.score >= threshold:
            key = (one.address.pointer, one.start, one.end, one.label)
            if key not in best or one.score > best[key].score:
                best[key] = one
    for one in best.values():
        by_text[number_of(one.address.pointer)].append(_result(one.label, one.start, one.end, one.score))
    return by_text


def _result(label: str, start: int, end: int, score: float) -> dict[str, object]:
    return {
        "entity_type": label,
        "start": start,
        "end": end,
        "score": score,
        "analysis_explanation": None,
        "recognition_metadata": {"recognizer_identifier": "guardrails", "recognizer_name": "guardrails"},
    }


def refused(problem: Problem, _: Payload) -> Answer:
    """The real servers' own error."""
    return Answer({"error": refusal(problem)}, 400 if problem.status < 500 else 500)


class _Span(msgspec.Struct, frozen=True):
    """One entry of `analyzer_results`."""

    start: int
    end: int
    entity_type: str
    score: float = 0.0


class _Operator(msgspec.Struct, frozen=True):
    """One entry of `anonymizers`."""

    type: str = "replace"
    new_value: str | None = None
    masking_char: str = "*"
    chars_to_mask: int = 0
    from_end: bool = False
    hash_type: str = "sha256"


def _masked(value: str, how: _Operator) -> str:
    count = min(max(how.chars_to_mask, 0), len(value))
    kept = len(value) - count
    cover = how.masking_char * count
    return value[:kept] + cover if how.from_end else cover + value[count:]


_OPERATORS: Mapping[str, Callable[[str, str, _Operator], str]] = {
    "replace": lambda _, entity, how: f"<{entity}>" if how.new_value is None else how.new_value,
    "redact": lambda _, __, ___: "",
    "mask": lambda value, _, how: _masked(value, how),
    "hash": lambda value, _, how: hashlib.new(
        how.hash_type, value.encode("utf-8", "surrogatepass")
    ).hexdigest(),
    "keep": lambda value, _, __: value,
}
_HASHES = frozenset({"sha256", "sha512"})


def anonymize(payload: Payload, _: Call) -> Errand:
    """Nothing is judged: the caller says where and how."""
    return Errand(partial(anonymized, payload))


def anonymized(payload: Payload) -> Answer:
    """Raises `Problem` 400."""
    text = member(payload, "text")
    try:
        spans = msgspec.convert(payload.get("analyzer_results", []), list[_Span])
        operators = msgspec.convert(payload.get("anonymizers") or {}, dict[str, _Operator])
    except msgspec.ValidationError as error:
        raise Problem(400, "Bad member", f"`analyzer_results` or `anonymizers`: {error}") from None
    if any(one.type not in _OPERATORS or one.hash_type not in _HASHES for one in operators.values()):
        raise Problem(400, "Bad operator", f"an anonymizer must be one of {', '.join(_OPERATORS)}")
    if any(len(one.masking_char) != 1 for one in operators.values()):
        raise Problem(400, "Bad operator", "`masking_char` must be one character")
    if any(not 0 <= one.start <= one.end <= len(text) for one in spans):
        raise Problem(400, "Bad span", "a result's offsets lie outside the text")
    out: list[str] = []
    items: list[dict[str, object]] = []
    reached = length = 0
    for span in _apart(spans):
        how = operators.get(span.entity_type) or operators.get("DEFAULT") or _Operator()
        new = _OPERATORS[how.type](text[span.start : span.end], span.entity_type, how)
        out += (text[reached : span.start], new)
        length += span.start - reached
        items.append(
            {
                "start": length,
                "end": length + len(new),
                "entity_type": span.entity_type,
                # What was kept is in `text`; here it would be a value beside its label.
                "text": "" if how.type == "keep" else new,
                "operator": how.type,
            }
        )
        length += len(new)
        reached = span.end
    return Answer({"text": "".join((*out, text[reached:])), "items": items[::-1]})


def _apart(spans: Sequence[_Span]) -> list[_Span]:
    """Spans that overlap become one, named by the best of them."""
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        last = kept[-1] if kept else None
        if last is None or span.start >= last.end:
            kept.append(span)
            continue
        best = max(last, span, key=lambda one: (one.score, one.end - one.start))
        kept[-1] = _Span(last.start, max(last.end, span.end), best.entity_type, best.score)
    return kept


def entities() -> list[str]:
    """Every entity that a policy may ask for."""
    from guardrails.detectors import pii

    return list(pii.entities())


_MAIL = "mail ada@example.com now"
_FINDING = record(
    ["entity_type", "start", "end", "score"],
    entity_type=TEXT,
    start=COUNT,
    end=COUNT,
    score=NUMBER,
    recognition_metadata=ANY,
)
_ERROR = record(["error"], error=TEXT)
_ANALYZE = described(
    record(
        ["text"], text=Schema(one_of=[TEXT, TEXTS]), language=TEXT, entities=TEXTS, score_threshold=NUMBER
    ),
    {"text": _MAIL, "language": "en", "entities": ["EMAIL_ADDRESS", "CREDIT_CARD"]},
    array(Schema(any_of=[_FINDING, array(_FINDING)])),
    [_result("EMAIL_ADDRESS", 5, 20, 1.0)],
    _ERROR,
)
_ANONYMIZE = described(
    record(
        ["text"],
        text=TEXT,
        analyzer_results=array(
            record(["start", "end", "entity_type"], start=COUNT, end=COUNT, entity_type=TEXT, score=NUMBER)
        ),
        anonymizers=record(
            [], DEFAULT=record(["type"], type=words(*_OPERATORS), hash_type=words(*sorted(_HASHES)))
        ),
    ),
    {
        "text": _MAIL,
        "analyzer_results": [{"entity_type": "EMAIL_ADDRESS", "start": 5, "end": 20, "score": 1.0}],
    },
    record(["text", "items"], text=TEXT, items=array(ANY)),
    {
        "text": "mail <EMAIL_ADDRESS> now",
        "items": [
            {
                "start": 5,
                "end": 20,
                "entity_type": "EMAIL_ADDRESS",
                "text": "<EMAIL_ADDRESS>",
                "operator": "replace",
            }
        ],
    },
    _ERROR,
)

ROUTES = (
    Route(
        path="/compat/presidio/analyze",
        aliases=("/analyze",),
        name="presidio",
        summary="Presidio analyzer: where requests hold what the policy acts on.",
        read=partial(analyze, hook=Hook.REQUEST),
        refused=refused,
        operation=_ANALYZE,
        tag="drop-ins",
    ),
    Route(
        path="/compat/presidio/response/analyze",
        name="presidio",
        summary="The same for responses.",
        read=partial(analyze, hook=Hook.RESPONSE),
        refused=refused,
        operation=_ANALYZE,
        tag="drop-ins",
    ),
    Route(
        path="/compat/presidio/anonymize",
        aliases=("/anonymize", "/compat/presidio/response/anonymize"),
        name="presidio",
        summary="Presidio anonymizer: replaces spans that the caller names.",
        read=anonymize,
        refused=refused,
        operation=_ANONYMIZE,
        tag="drop-ins",
    ),
)
LOOKS = (
    Look("/compat/presidio/health", "Presidio's health endpoint.", lambda: {"status": "ok"}, ("/health",)),
    Look(
        "/compat/presidio/supportedentities",
        "Presidio's list of entities.",
        entities,
        ("/supportedentities",),
    ),
)
