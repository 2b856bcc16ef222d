"""Amazon Bedrock's ApplyGuardrail, for gateways whose Bedrock endpoint can be set.

Callers deny when any item of an assessment says `BLOCKED`; an intervention without one is a mask, taken from
`outputs` by position. Signature Version 4 cannot be verified without its secret: the access key id is taken
as the API key (`service.auth.presented_key`).
"""

from __future__ import annotations

from functools import partial

from guardrails.engine import Decision, Judged
from guardrails.model import Action, Context, Finding, Hook, Kind, Role, Verdict
from service.dialects.route import Call, Payload, Question, Route, refusal, rewritten, texts
from service.exchange import Ask
from service.openapi import ANY, COUNT, TEXT, array, described, record, words
from service.problems import Problem

PII = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "PERSON": "NAME",
    "LOCATION": "ADDRESS",
    "URL": "URL",
    "IP_ADDRESS": "IP_ADDRESS",
    "MAC_ADDRESS": "MAC_ADDRESS",
    "CREDIT_CARD": "CREDIT_DEBIT_CARD_NUMBER",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER",
    "US_ITIN": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT": "US_PASSPORT_NUMBER",
    "US_BANK_NUMBER": "US_BANK_ACCOUNT_NUMBER",
    "US_DRIVER_LICENSE": "DRIVER_ID",
    "UK_NHS": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NINO": "UK_NATIONAL_INSURANCE_NUMBER",
    "PASSWORD": "PASSWORD",
}
"""Our labels among Bedrock's types of personal data; any other is an entry of `regexes` by its name."""

_SIDES = {"INPUT": (Hook.REQUEST, Role.USER), "OUTPUT": (Hook.RESPONSE, Role.ASSISTANT)}
_UNITS = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


def read(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    source, content = payload.get("source"), payload.get("content")
    side = _SIDES.get(source) if isinstance(source, str) else None
    if side is None:
        raise Problem(400, "Bad member", "`source` must be `INPUT` or `OUTPUT`")
    if not isinstance(content, list):
        raise Problem(400, "Bad member", "`content` must be an array of content blocks")
    said = [_text(block) for block in content]
    hook, role = side
    spoken = ((role, Kind.TEXT, one) for one in said if one is not None)
    # The guardrail that the gateway names is the caller's choice of a route, as the operator set it up.
    route = call.parameters.get("guardrail")
    ask = Ask(hook, Context(tenant=call.tenant, route=route), texts=texts(*spoken))
    return Question(ask, partial(write, ask=ask, may_mask=not call.blocks_masks))


def _text(block: object) -> str | None:
    if isinstance(block, dict) and "image" in block and "text" not in block:
        return None  # left alone, as everywhere
    inner = block.get("text") if isinstance(block, dict) else None
    text = inner.get("text") if isinstance(inner, dict) else None
    if not isinstance(text, str):
        raise Problem(400, "Bad member", "a block of `content` must have `text.text` or `image`")
    return text


def write(judged: Judged, ask: Ask, *, may_mask: bool) -> dict[str, object]:
    decision = judged.decision
    if decision.verdict is Verdict.ALLOW:
        return _answer("NONE", [], [])
    if decision.verdict is Verdict.MASK and may_mask:
        masked = [one for one in decision.findings if one.action is Action.MASK]
        assessment: dict[str, object] = {"sensitiveInformationPolicy": _sensitive(masked, "ANONYMIZED")}
        return _answer("GUARDRAIL_INTERVENED", rewritten(judged, ask), [assessment])
    return blocked(decision.reason(), _names(decision))


def _names(decision: Decision) -> list[str]:
    strictest = max((one.action for one in decision.findings), default=Action.FLAG)
    rules = sorted({one.rule for one in decision.findings if one.action is strictest is not Action.FLAG})
    return [*rules, *sorted({f"unjudged {one.reason.value}" for one in decision.unjudged})] or ["denied"]


def _sensitive(findings: list[Finding], action: str) -> dict[str, object]:
    """By label; `match` holds the label, where the original has the value."""
    labels = sorted({one.label for one in findings})
    return {
        "piiEntities": [
            {"match": f"{{{PII[one]}}}", "type": PII[one], "action": action} for one in labels if one in PII
        ],
        "regexes": [
            {"name": one, "match": f"{{{one}}}", "regex": "", "action": action}
            for one in labels
            if one not in PII
        ],
    }


def blocked(reason: str, names: list[str]) -> dict[str, object]:
    topics = [{"name": one, "type": "DENY", "action": "BLOCKED"} for one in names]
    return _answer("GUARDRAIL_INTERVENED", [reason], [{"topicPolicy": {"topics": topics}}])


def _answer(action: str, outputs: list[str], assessments: list[dict[str, object]]) -> dict[str, object]:
    return {
        "usage": dict.fromkeys(_UNITS, 0),
        "action": action,
        "outputs": [{"text": one} for one in outputs],
        "assessments": assessments,
    }


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    return blocked(refusal(problem), ["unjudged"])


_ANONYMIZED = {"match": "{EMAIL}", "type": "EMAIL", "action": "ANONYMIZED"}

ROUTES = (
    Route(
        path="/compat/bedrock/guardrail/{guardrail:str}/version/{version:str}/apply",
        aliases=("/guardrail/{guardrail:str}/version/{version:str}/apply",),
        name="bedrock",
        summary="Amazon Bedrock's ApplyGuardrail.",
        read=read,
        refused=refused,
        operation=described(
            record(["source", "content"], source=words(*_SIDES), content=array(ANY)),
            {"source": "INPUT", "content": [{"text": {"text": "mail ada@example.com now"}}]},
            record(
                ["usage", "action", "outputs", "assessments"],
                usage=record(_UNITS, **dict.fromkeys(_UNITS, COUNT)),
                action=words("NONE", "GUARDRAIL_INTERVENED"),
                outputs=array(record(["text"], text=TEXT)),
                assessments=array(ANY),
            ),
            _answer(
                "GUARDRAIL_INTERVENED",
                ["mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"],
                [{"sensitiveInformationPolicy": {"piiEntities": [_ANONYMIZED], "regexes": []}}],
            ),
        ),
        tag="drop-ins",
    ),
)
