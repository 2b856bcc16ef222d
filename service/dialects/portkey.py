"""The Portkey gateway's webhook guardrail: both directions at one URL.

Portkey takes any answer but a 2xx for a failure of ours and lets the exchange pass, unless the check
has `failOnError`. So whatever the writer of a message can bring about (a body that is no JSON, too
large, too deep) is answered 200 with a false verdict; only what is the operator's to decide (401, 429,
503) has a status of its own.
"""

from __future__ import annotations

import msgspec

from guardrails.bodies import Format
from guardrails.engine import Judged
from guardrails.model import Context, Hook, Verdict
from service import wire
from service.dialects.route import Answer, Call, Payload, Question, Route
from service.exchange import Ask, given_conversation, metadata, text
from service.openapi import PortkeyOperation
from service.problems import Problem

_FORMATS = {
    "chatComplete": Format.OPENAI_CHAT,
    "complete": Format.OPENAI_COMPLETIONS,
    "embed": Format.OPENAI_EMBEDDINGS,
    "messages": Format.ANTHROPIC_MESSAGES,
}
_HOOKS = {"beforeRequestHook": Hook.REQUEST, "afterRequestHook": Hook.RESPONSE}


def read(payload: Payload, call: Call) -> Question | Answer:
    """Raises `Problem` 400."""
    event = payload.get("eventType")
    hook = _HOOKS.get(event) if isinstance(event, str) else None
    if hook is None:
        raise Problem(400, "Unknown event", "`eventType` must be `beforeRequestHook` or `afterRequestHook`")
    request, side = payload.get("request"), payload.get(hook.value)
    if not isinstance(side, dict) or "json" not in side:
        raise Problem(400, "Missing member", f"the payload has no `{hook.value}.json`")
    streaming = isinstance(request, dict) and request.get("isStreamingRequest") is True
    body = side["json"]
    if hook is Hook.RESPONSE and body is None and streaming:
        return streamed()
    sent = request.get("json") if isinstance(request, dict) else None
    kind = payload.get("requestType")
    given = metadata(payload.get("metadata"))
    ask = Ask(
        hook=hook,
        context=Context(
            tenant=call.tenant,
            provider=text(payload.get("provider")),
            # The gateway passes on the body's model: it is what will be called.
            model=text(wire.model_of(sent)),
            metadata=given,
        ),
        body=body,
        format=_FORMATS.get(kind) if isinstance(kind, str) else None,
        response_unseen=hook is Hook.REQUEST and streaming,
        conversation=given_conversation(given.get("conversation")),
        request=sent if hook is Hook.RESPONSE else None,
    )
    return Question(ask, write)


def write(judged: Judged) -> dict[str, object]:
    """Portkey replaces the whole body by `transformedData`. `data` reaches the client: no values."""
    decision = judged.decision
    data: dict[str, object] = {
        "verdict": decision.verdict.word,
        "rules": decision.rules(),
        "unjudged": sorted({one.reason.value for one in decision.unjudged}),
        "policy": decision.policy,
    }
    if judged.restored is not None:
        data["restored"] = msgspec.to_builtins(judged.restored)
    answer: dict[str, object] = {"verdict": decision.verdict is not Verdict.DENY, "data": data}
    if judged.body is not None:
        answer["transformedData"] = {decision.hook.value: {"json": judged.body}}
    return answer


def streamed() -> Answer:
    """An after hook of a streamed call: Portkey sends no body, heeds no answer, and holds the first token."""
    return Answer({"verdict": True, "data": {"verdict": "allow", "unjudged": ["no_body"]}}, unseen="no_body")


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    """A denial for what a message's writer could bring about."""
    return {"verdict": False, "data": {"verdict": "deny", "problem": problem.title, "detail": problem.detail}}


ROUTES = (
    Route(
        path="/v1/gateways/portkey",
        name="portkey",
        summary="The Portkey gateway's webhook guardrail, both directions.",
        read=read,
        operation=PortkeyOperation,
        refused=refused,
        left=("request.json", "response.json"),
    ),
)
