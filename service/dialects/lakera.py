"""Lakera Guard's `/v2/guard`, for gateways that call it and can be pointed elsewhere.

Callers deny when `flagged`, except where every detector that fired is a `pii/*` one and `payload` says where:
then they may mask. So a mask is written with `pii/*` detectors alone, and a denial never.
"""

from __future__ import annotations

from functools import partial

from guardrails.engine import Judged
from guardrails.model import Action, Context, Finding, Hook, Kind, Role, Verdict
from service.dialects.route import Call, Payload, Question, Route, number_of, texts
from service.exchange import Ask
from service.openapi import ANY, BOOLEAN, array, described, record
from service.problems import Problem

PII = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone_number",
    "CREDIT_CARD": "credit_card",
    "PERSON": "name",
    "IP_ADDRESS": "ip_address",
    "LOCATION": "address",
    "IBAN_CODE": "iban_code",
    "US_SSN": "us_social_security_number",
}
"""Our labels among Lakera's detectors of personal data; others keep their names in lower case."""
ATTACKS = ("INSTRUCTION_OVERRIDE", "INVISIBLE_", "PROMPT_")
"""Beginnings of labels that are `prompt_attack` there."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


def read(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    messages = payload.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Problem(400, "Missing member", "`messages` must be an array of messages")
    spoken: list[tuple[Role, Kind, str]] = []
    owners: list[int | None] = []  # by text: the message whose whole content it is
    role = Role.USER
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise Problem(400, "Bad member", "`messages` must hold messages only")
        name = message.get("role")
        role = _ROLES.get(name, Role.USER) if isinstance(name, str) else Role.USER
        kind = Kind.TOOL_OUTPUT if role is Role.TOOL else Kind.TEXT
        content = message.get("content")
        if isinstance(content, str):
            spoken.append((role, kind, content))
            owners.append(number)
        elif isinstance(content, list):
            found = [
                one["text"] for one in content if isinstance(one, dict) and isinstance(one.get("text"), str)
            ]
            spoken += [(role, kind, one) for one in found]
            owners += [None] * len(found)
        elif content is not None:
            raise Problem(400, "Bad member", "`content` must be a text or an array of parts")
        calls = message.get("tool_calls")
        for asked in calls if isinstance(calls, list) else ():
            function = asked.get("function") if isinstance(asked, dict) else None
            arguments = function.get("arguments") if isinstance(function, dict) else None
            if isinstance(arguments, str):
                spoken.append((role, Kind.TOOL_INPUT, arguments))
                owners.append(None)
    hook = Hook.RESPONSE if role is Role.ASSISTANT else Hook.REQUEST
    ask = Ask(hook, Context(tenant=call.tenant, route="lakera"), texts=texts(*spoken))
    return Question(ask, partial(write, owners=owners, may_mask=not call.blocks_masks))


def write(judged: Judged, owners: list[int | None], *, may_mask: bool) -> dict[str, object]:
    decision = judged.decision
    acting = [one for one in decision.findings if one.action is not Action.FLAG]
    placed = [owners[number_of(one.address.pointer)] for one in acting]
    masks = may_mask and decision.verdict is Verdict.MASK and None not in placed
    detectors = [_detector(one, masks=masks) for one in acting]
    if decision.verdict is Verdict.DENY:
        detectors += [f"custom/unjudged_{one.reason.value}" for one in decision.unjudged]
    payload = [
        {
            "message_id": number,
            "start": one.start,
            "end": one.end,
            # The caller has the text; here stands what it is.
            "text": f"[{one.label}]",
            "detector_type": detector,
            "labels": [],
        }
        for one, number, detector in zip(acting, placed, detectors, strict=False)
        if number is not None
    ]
    return answer(decision.verdict is not Verdict.ALLOW, payload, detectors, decision.policy)


def _detector(finding: Finding, *, masks: bool) -> str:
    if masks:
        return f"pii/{PII.get(finding.label, finding.label.lower())}"
    if finding.label.startswith(ATTACKS):
        return "prompt_attack"
    return f"custom/{finding.rule}"


def answer(
    flagged: bool, payload: list[dict[str, object]], detectors: list[str], policy: str
) -> dict[str, object]:
    return {
        "flagged": flagged,
        "payload": payload,
        "breakdown": [
            {
                "project_id": "guardrails",
                "policy_id": policy,
                "detector_id": one,
                "detector_type": one,
                "detected": True,
            }
            for one in dict.fromkeys(detectors)
        ],
        "metadata": {"request_uuid": ""},
    }


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    return answer(True, [], [f"custom/unjudged_{problem.status}"], "")


_MAIL = "mail ada@example.com now"
_SPAN = {
    "message_id": 0,
    "start": 5,
    "end": 20,
    "text": "[EMAIL_ADDRESS]",
    "detector_type": "pii/email",
    "labels": [],
}

ROUTES = (
    Route(
        path="/compat/lakera/v2/guard",
        aliases=("/v2/guard",),
        name="lakera",
        summary="Lakera Guard v2.",
        read=read,
        refused=refused,
        operation=described(
            record(["messages"], messages=array(ANY), payload=BOOLEAN, breakdown=BOOLEAN),
            {"messages": [{"role": "user", "content": _MAIL}], "payload": True, "breakdown": True},
            record(
                ["flagged", "payload", "breakdown", "metadata"],
                flagged=BOOLEAN,
                payload=array(ANY),
                breakdown=array(ANY),
                metadata=ANY,
            ),
            answer(True, [_SPAN], ["pii/email"], "sha256:b1946ac92492d234"),
        ),
        tag="drop-ins",
    ),
)
