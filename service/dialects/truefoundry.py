"""TrueFoundry's custom guardrail: one URL before the call, one after it.

The gateway takes any status but a 2xx for a failure of ours, and lets the exchange pass unless `Fail on
error` is on: every answer is a 200. A mask returns the whole body, which the gateway applies where its rule
mutates.
"""

from __future__ import annotations

from functools import partial

from guardrails.engine import Judged
from guardrails.model import Context, Hook, Verdict
from service import wire
from service.dialects.route import Call, Payload, Question, Route, refusal
from service.exchange import Ask, given_conversation, metadata, text
from service.openapi import ANY, BOOLEAN, TEXT, described, record
from service.problems import Problem


def read(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    name = "requestBody" if hook is Hook.REQUEST else "responseBody"
    if name not in payload:
        raise Problem(400, "Missing member", f"the payload has no `{name}`")
    request = payload.get("requestBody")
    given = payload.get("context")
    context = given if isinstance(given, dict) else {}
    said = metadata(context.get("metadata"))
    ask = Ask(
        hook=hook,
        context=Context(
            tenant=call.tenant,
            model=text(wire.model_of(request)),
            metadata=said | metadata(context.get("user")),
        ),
        body=payload[name],
        response_unseen=hook is Hook.REQUEST and wire.streams(request),
        conversation=given_conversation(said.get("conversation")),
        request=request if hook is Hook.RESPONSE else None,
    )
    return Question(ask, partial(write, may_mask=not call.blocks_masks))


def write(judged: Judged, *, may_mask: bool) -> dict[str, object]:
    verdict = judged.decision.verdict
    if verdict is Verdict.ALLOW and judged.body is None:
        return {"verdict": True}
    if verdict is Verdict.ALLOW or (verdict is Verdict.MASK and may_mask):
        return {"verdict": True, "transformed": True, "result": judged.body}
    return denied(judged.decision.reason())


def denied(message: str) -> dict[str, object]:
    return {"verdict": False, "message": message}


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    return denied(refusal(problem))


_MAIL = "mail ada@example.com now"
_MASKED = "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"
_ANSWER = record(["verdict"], verdict=BOOLEAN, transformed=BOOLEAN, result=ANY, message=TEXT)


def _request(said: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": said}]}


def _response(said: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}


ROUTES = (
    Route(
        path="/v1/gateways/truefoundry/input",
        name="truefoundry",
        summary="TrueFoundry's custom guardrail on input.",
        read=partial(read, hook=Hook.REQUEST),
        refused=refused,
        always=True,
        left=("requestBody",),
        operation=described(
            record(["requestBody"], requestBody=ANY, context=ANY, config=ANY),
            {"requestBody": _request(_MAIL), "context": {"user": {"subjectId": "u"}, "metadata": {}}},
            _ANSWER,
            {"verdict": True, "transformed": True, "result": _request(_MASKED)},
        ),
    ),
    Route(
        path="/v1/gateways/truefoundry/output",
        name="truefoundry",
        summary="TrueFoundry's custom guardrail on output.",
        read=partial(read, hook=Hook.RESPONSE),
        refused=refused,
        always=True,
        left=("requestBody", "responseBody"),
        operation=described(
            record(["responseBody"], requestBody=ANY, responseBody=ANY, context=ANY, config=ANY),
            {"requestBody": _request("hello"), "responseBody": _response(_MAIL)},
            _ANSWER,
            {"verdict": True, "transformed": True, "result": _response(_MASKED)},
        ),
    ),
)
