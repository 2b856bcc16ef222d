"""LLM Guard's API: `/analyze/prompt` and `/analyze/output`."""

from __future__ import annotations

from functools import partial

from guardrails.engine import Judged
from guardrails.model import Action, Context, Hook, Kind, Role, Verdict
from service.dialects.route import Call, Payload, Question, Route, member, rewritten, texts
from service.exchange import Ask
from service.openapi import ANY, BOOLEAN, TEXT, TEXTS, described, record
from service.problems import Problem


def read(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    if payload.get("scanners_suppress"):
        raise Problem(
            400, "Bad member", "`scanners_suppress` is not taken: the policy says what is looked for"
        )
    name, role = ("prompt", Role.USER) if hook is Hook.REQUEST else ("output", Role.ASSISTANT)
    spoken = (role, Kind.TEXT, member(payload, name))
    ask = Ask(hook, Context(tenant=call.tenant, route="llm-guard"), texts=texts(spoken))
    return Question(ask, partial(write, ask=ask, name=name, may_mask=not call.blocks_masks))


def write(judged: Judged, ask: Ask, name: str, *, may_mask: bool) -> dict[str, object]:
    """Scanners are the rules that act, each with the score of its best finding."""
    decision = judged.decision
    scanners: dict[str, float] = {f"unjudged.{one.reason.value}": 1.0 for one in decision.unjudged}
    for one in decision.findings:
        if one.action is not Action.FLAG:
            scanners[one.rule] = max(one.score, scanners.get(one.rule, 0.0))
    valid = decision.verdict is Verdict.ALLOW or (decision.verdict is Verdict.MASK and may_mask)
    return _answer(name, rewritten(judged, ask)[0] if valid else "", valid=valid, scanners=scanners)


def _answer(name: str, text: str, *, valid: bool, scanners: dict[str, float]) -> dict[str, object]:
    """A text that is not valid is not repeated: callers might pass it on."""
    return {"is_valid": valid, "scanners": scanners, f"sanitized_{name}": text}


def refused(problem: Problem, _: Payload, name: str) -> dict[str, object]:
    return _answer(name, "", valid=False, scanners={f"unjudged.{problem.status}": 1.0})


_MAIL = "mail ada@example.com now"
_MASKED = "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"

ROUTES = tuple(
    Route(
        path=f"/compat/llm-guard/analyze/{name}",
        aliases=(f"/analyze/{name}",),
        name="llm-guard",
        summary=f"LLM Guard: analyze a {name}.",
        read=partial(read, hook=hook),
        refused=partial(refused, name=name),
        operation=described(
            record([name], prompt=TEXT, output=TEXT, scanners_suppress=TEXTS),
            {"prompt": "hello", name: _MAIL},
            record(
                ["is_valid", "scanners", f"sanitized_{name}"],
                is_valid=BOOLEAN,
                scanners=ANY,
                **{f"sanitized_{name}": TEXT},
            ),
            _answer(name, _MASKED, valid=True, scanners={"pii.contact": 1.0}),
        ),
        tag="drop-ins",
    )
    for name, hook in (("prompt", Hook.REQUEST), ("output", Hook.RESPONSE))
)
