"""The prompt-guard webhook of agentgateway, kgateway and Gloo AI Gateway: `/request` and `/response`.

The gateway reads the answer as the first of mask, reject and pass that fits, and pass fits everything: a
reject without a numeric `status_code`, or a mask of another shape, lets the message through. So the three
shapes are written here and nowhere else.

A mask rewrites all messages as plain texts. Of a message with tool calls, tool results or images the gateway
shows an empty text; those would be destroyed, so such a conversation is rejected instead of masked.
"""

from __future__ import annotations

import json
from functools import partial

from guardrails.bodies import Format
from guardrails.engine import Judged
from guardrails.model import Context, Hook, Verdict
from service.dialects.route import Call, Payload, Question, Route, refusal
from service.exchange import Ask
from service.openapi import ANY, ANYTHING, COUNT, TEXT, array, described, record
from service.problems import Problem

STATUS = 403
_LISTS = {Hook.REQUEST: "messages", Hook.RESPONSE: "choices"}


def read(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    name = _LISTS[hook]
    body = payload.get("body")
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise Problem(400, "Missing member", f"`body.{name}` must be an array")
    messages = [_message(row, hook) for row in rows]
    ask = Ask(hook, Context(tenant=call.tenant), {name: rows}, Format.OPENAI_CHAT)
    plain = all(isinstance(one.get("content"), str) and one["content"] for one in messages)
    return Question(ask, partial(write, may_mask=plain and not call.blocks_masks))


def _message(row: object, hook: Hook) -> dict[str, object]:
    message = row.get("message") if isinstance(row, dict) and hook is Hook.RESPONSE else row
    if not isinstance(message, dict):
        raise Problem(400, "Bad member", f"`body.{_LISTS[hook]}` must hold messages only")
    return message


def write(judged: Judged, *, may_mask: bool) -> dict[str, object]:
    decision = judged.decision
    if decision.verdict is Verdict.ALLOW:
        return {"action": {"reason": "ok"}}
    if decision.verdict is Verdict.MASK and may_mask:
        return {"action": {"body": judged.body, "reason": ", ".join(decision.rules())}}
    return reject(decision.reason())


def reject(reason: str) -> dict[str, object]:
    """`body` goes to the client as it is, without a content type."""
    error = {"type": "error", "error": {"type": "guardrail_denied", "message": reason}}
    text = json.dumps(error, separators=(",", ":"))
    return {"action": {"body": text, "status_code": STATUS, "reason": reason}}


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    return reject(refusal(problem))


_MAIL = "mail ada@example.com now"
_MASKED = "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"
_ACTION = record(["action"], action=record([], body=ANYTHING, status_code=COUNT, reason=TEXT))

ROUTES = tuple(
    Route(
        path=f"/v1/gateways/agentgateway/{hook.value}",
        aliases=(f"/{hook.value}",),
        name="agentgateway",
        summary=f"agentgateway's and kgateway's {hook.value} webhook.",
        read=partial(read, hook=hook),
        refused=refused,
        operation=described(
            record(["body"], body=record([_LISTS[hook]], **{_LISTS[hook]: array(ANY)})),
            {"body": {_LISTS[hook]: [make(_MAIL)]}},
            _ACTION,
            {"action": {"body": {_LISTS[hook]: [make(_MASKED)]}, "reason": "pii.contact"}},
        ),
    )
    for hook, make in (
        (Hook.REQUEST, lambda text: {"role": "user", "content": text}),
        (Hook.RESPONSE, lambda text: {"message": {"role": "assistant", "content": text}}),
    )
)
