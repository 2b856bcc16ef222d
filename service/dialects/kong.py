"""Kong: the service that its `ai-sanitizer` calls, and one for its `ai-custom-guardrail`.

What is masked is the policy's to say: `anonymize` names categories of the plugin's own service and neither
adds nor takes away. `identified_pii` names categories, never values; so the plugin cannot turn masks back
(`recover_redacted: false`). A denial is an error, which stops the call unless `stop_on_error` is off.
"""

from __future__ import annotations

import time
from functools import lru_cache, partial

from guardrails.catalogue.secret_kinds import kinds
from guardrails.engine import Judged
from guardrails.model import Action, Context, Hook, Kind, Role, Verdict
from service.dialects.route import (
    Answer,
    Call,
    Look,
    Payload,
    Question,
    Route,
    member,
    refusal,
    rewritten,
    texts,
)
from service.exchange import Ask
from service.openapi import BOOLEAN, NUMBER, TEXT, TEXTS, described, record, words
from service.problems import Problem

CATEGORIES = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "creditcard",
    "CRYPTO": "crypto",
    "DATE_TIME": "date",
    "IP_ADDRESS": "ip",
    "NRP": "nrp",
    "US_SSN": "ssn",
    "URL": "url",
    "MEDICAL_LICENSE": "medical",
    "US_DRIVER_LICENSE": "driverlicense",
    "US_PASSPORT": "passport",
    "IBAN_CODE": "bank",
    "US_BANK_NUMBER": "bank",
    "US_ITIN": "nationalid",
    "PERSON": "general",
    "LOCATION": "general",
}
"""Our labels in the plugin's words; a label of a secret is `credentials`, any other `custom`."""


def category(label: str) -> str:
    if label in CATEGORIES:
        return CATEGORIES[label]
    return "credentials" if label in _credentials() else "custom"


@lru_cache(maxsize=1)
def _credentials() -> frozenset[str]:
    return frozenset(one.label for one in kinds().values())


def sanitize(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    options = payload.get("options", {})
    kind = options.get("redact_type", "placeholder") if isinstance(options, dict) else None
    if kind != "placeholder":
        raise Problem(400, "Bad option", "`options.redact_type` must be `placeholder`")
    if payload.get("custom_patterns"):
        raise Problem(400, "Bad option", "`custom_patterns` are not taken: write a rule")
    spoken = (Role.USER, Kind.TEXT, member(payload, "text"))
    ask = Ask(Hook.REQUEST, Context(tenant=call.tenant, route="kong"), texts=texts(spoken))
    return Question(ask, partial(write, ask=ask, started=time.perf_counter()))


def write(judged: Judged, ask: Ask, started: float) -> Answer:
    decision = judged.decision
    if decision.verdict is Verdict.DENY:
        return Answer({"error": decision.reason()}, 400)
    masked = [one for one in decision.findings if one.action is Action.MASK]
    found = sorted({category(one.label) for one in masked})
    return Answer(
        {
            "text": rewritten(judged, ask)[0],
            "identified_pii": found,
            "anonymized_pii": found,
            "detected_languages": [],
            "duration": round(time.perf_counter() - started, 6),
        }
    )


def refused(problem: Problem, _: Payload) -> Answer:
    return Answer({"error": refusal(problem)}, 400)


def guard(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    source = payload.get("source")
    if source not in ("INPUT", "OUTPUT"):
        raise Problem(400, "Bad member", "`source` must be `INPUT` or `OUTPUT`")
    hook, role = (Hook.REQUEST, Role.USER) if source == "INPUT" else (Hook.RESPONSE, Role.ASSISTANT)
    spoken = (role, Kind.TEXT, member(payload, "text"))
    return Question(Ask(hook, Context(tenant=call.tenant, route="kong"), texts=texts(spoken)), guarded)


def guarded(judged: Judged) -> dict[str, object]:
    """The plugin has no documented way to take a masked text: what would be masked is blocked."""
    if judged.decision.verdict is Verdict.ALLOW:
        return {"block": False, "message": ""}
    return blocked(judged.decision.reason())


def blocked(message: str) -> dict[str, object]:
    return {"block": True, "message": message}


def unguarded(problem: Problem, _: Payload) -> dict[str, object]:
    return blocked(refusal(problem))


_MAIL = "mail ada@example.com now"
_SANITIZE = described(
    record(["text"], text=TEXT, anonymize=TEXTS, options=record([], redact_type=words("placeholder"))),
    {"text": _MAIL, "anonymize": ["all_and_credentials"], "options": {"redact_type": "placeholder"}},
    record(
        ["text", "identified_pii", "anonymized_pii", "detected_languages", "duration"],
        text=TEXT,
        identified_pii=TEXTS,
        anonymized_pii=TEXTS,
        detected_languages=TEXTS,
        duration=NUMBER,
    ),
    {
        "text": "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now",
        "identified_pii": ["email"],
        "anonymized_pii": ["email"],
        "detected_languages": [],
        "duration": 0.001,
    },
    record(["error"], error=TEXT),
)

ROUTES = (
    *(
        Route(
            path=f"/llm/v1/{name}",
            name="kong",
            summary=f"What Kong's ai-sanitizer calls: {name}.",
            read=sanitize,
            refused=refused,
            operation=_SANITIZE,
        )
        for name in ("sanitize", "sanitize_credentials")
    ),
    Route(
        path="/v1/gateways/kong",
        name="kong",
        summary="What Kong's ai-custom-guardrail calls, set up as the page about Kong says.",
        read=guard,
        refused=unguarded,
        operation=described(
            record(["text", "source"], text=TEXT, source=words("INPUT", "OUTPUT")),
            {"text": "hello", "source": "INPUT"},
            record(["block", "message"], block=BOOLEAN, message=TEXT),
            {"block": False, "message": ""},
        ),
    ),
)
LOOKS = (Look("/llm/v1/status", "Kong's ai-sanitizer: the service is there.", lambda: {"status": "ok"}),)
