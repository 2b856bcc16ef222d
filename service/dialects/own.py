"""Our own contract: `POST /v1/hooks/before-request` and `/v1/hooks/after-response`."""

from __future__ import annotations

from functools import partial

import msgspec

from guardrails.bodies import Format
from guardrails.engine import Judged
from guardrails.model import Context, Finding, Hook, shown
from service.dialects.route import Call, Payload, Question, Route
from service.exchange import Ask, given_conversation, metadata, text
from service.openapi import AfterResponse, BeforeRequest
from service.problems import Problem

_MEMBERS = {
    Hook.REQUEST: ("body", "format", "context"),
    Hook.RESPONSE: ("body", "format", "context", "request"),
}
_CONTEXT = frozenset({"route", "provider", "model", "metadata", "conversation"})
MAX_LISTED = 1_000
"""Findings in one answer; `counts` always has them all."""


def read(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400 naming the member that is wrong."""
    for name in payload:
        if name not in _MEMBERS[hook]:
            known = ", ".join(f"`{one}`" for one in _MEMBERS[hook])
            raise Problem(400, "Unknown member", f"the payload has members other than {known}")
    if "body" not in payload:
        raise Problem(400, "Missing member", "the payload has no `body`: the provider's JSON goes there")
    context = payload.get("context", {})
    if not isinstance(context, dict) or not context.keys() <= _CONTEXT:
        raise Problem(
            400,
            "Bad context",
            "`context` may hold `route`, `provider`, `model`, `metadata`, `conversation` only",
        )
    for name in ("route", "provider", "model", "conversation"):
        if not isinstance(context.get(name), str | None):
            raise Problem(400, "Bad context", f"`context.{name}` must be a text")
    given = context.get("metadata", {})
    if not isinstance(given, dict) or not all(isinstance(one, str | int | float) for one in given.values()):
        raise Problem(
            400, "Bad context", "`context.metadata` must be an object of texts, numbers and booleans"
        )
    ask = Ask(
        hook=hook,
        context=Context(
            tenant=call.tenant,
            route=text(context.get("route")),
            provider=text(context.get("provider")),
            model=text(context.get("model")),
            metadata=metadata(given),
        ),
        body=payload["body"],
        format=_format(payload.get("format")),
        conversation=given_conversation(context.get("conversation")),
        request=payload.get("request"),
    )
    return Question(ask, write)


def _format(name: object) -> Format | None:
    if name is None:
        return None
    try:
        return Format(name)
    except ValueError:
        names = ", ".join(f"`{one.value}`" for one in Format)
        raise Problem(400, "Unknown format", f"`format` must be one of {names}") from None


def write(judged: Judged) -> dict[str, object]:
    """The answer: the verdict, what led to it, and the rewritten body where something was rewritten."""
    decision = judged.decision
    answer: dict[str, object] = {
        "verdict": decision.verdict.word,
        "rules": decision.rules(),
        "findings": [_finding(one) for one in decision.findings[:MAX_LISTED]],
        "shadow": [_finding(one) for one in decision.shadow[:MAX_LISTED]],
        "excused": [_finding(one) for one in decision.excused[:MAX_LISTED]],
        "counts": {
            "findings": len(decision.findings),
            "shadow": len(decision.shadow),
            "excused": len(decision.excused),
        },
        "unjudged": [
            {
                "reason": one.reason.value,
                "rule": one.rule,
                "pointer": None if one.address is None else shown(one.address.pointer),
                "detail": one.detail,
            }
            for one in decision.unjudged
        ],
        "unknown": [shown(one) for one in decision.unknown[:MAX_LISTED]],
        "opaque": [{"pointer": shown(one.pointer), "what": one.what} for one in decision.opaque[:MAX_LISTED]],
        "format": judged.format.value,
        "policy": decision.policy,
        "timings_ms": {stage: round(spent * 1000, 3) for stage, spent in decision.timings.items()},
    }
    if judged.restored is not None:
        answer["restored"] = msgspec.to_builtins(judged.restored)
    if judged.body is not None:
        answer["body"] = judged.body
    return answer


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.word,
        "action": finding.action.word,
        "label": finding.label,
        "score": finding.score,
        "pointer": shown(finding.address.pointer),
        "inner": None if finding.address.inner is None else shown(finding.address.inner),
        "place": finding.address.place.value,
        "start": finding.start,
        "end": finding.end,
        "role": finding.role.value,
        "kind": finding.kind.value,
        "view": finding.view,
        "fingerprint": finding.fingerprint,
        "why": finding.why,
        "exception": finding.exception,
    }


ROUTES = tuple(
    Route(
        path=path,
        name="own",
        summary=summary,
        read=partial(read, hook=hook),
        operation=operation,
        left=("body", "request"),
        tag="hooks",
    )
    for path, hook, operation, summary in (
        (
            "/v1/hooks/before-request",
            Hook.REQUEST,
            BeforeRequest,
            "Judge a request before it goes to the model.",
        ),
        (
            "/v1/hooks/after-response",
            Hook.RESPONSE,
            AfterResponse,
            "Judge a response before it goes to the client.",
        ),
    )
)
