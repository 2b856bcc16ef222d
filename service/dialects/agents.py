"""Hooks of coding agents: Claude Code's HTTP hooks, and what `guardrails hook --url` asks for every agent.

Claude Code proceeds on any status but a 2xx, on a timeout and on what is no JSON, unless its settings say
`"onFailure": "block"`. So every answer is a 200 that says what to do; even a wrong key is a denial.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from guardrails import agents
from guardrails.agents import Agent, Outcome
from guardrails.engine import Judged
from guardrails.model import Context
from service.dialects.route import Answer, Call, Payload, Question, Route, refusal
from service.exchange import Ask
from service.openapi import ANY, ANYTHING, COUNT, TEXT, described, record
from service.problems import Problem

Form = Callable[[Outcome], object]


def read(payload: Payload, call: Call, agent: Agent, form: Form) -> Question | Answer:
    """Raises `Problem` 400."""
    try:
        event = agents.read(payload, agent)
        if event is None:
            return Answer(form(agents.PASS))
        body = event.body()
    except agents.Malformed as error:
        raise Problem(400, "Malformed hook", str(error)) from None

    def write(judged: Judged) -> object:
        decision = judged.decision
        return form(agents.reply(event, decision.verdict, judged.body, decision.reason()))

    context = Context(tenant=call.tenant, route=agent.value)
    conversation = None if event.session is None else f"{agent.value}:{event.session}"
    return Question(Ask(event.hook, context, body, event.format, conversation=conversation), write)


def refused(problem: Problem, payload: Payload, agent: Agent, form: Form) -> object:
    outcome = agents.refuse_unread(payload, agent, refusal(problem))
    if agent is Agent.CLAUDE_CODE and not payload:
        # Whatever the event was that could not be read: the agent stops.
        stop = {"continue": False, "stopReason": outcome.error}
        outcome = msgspec.structs.replace(outcome, reply={**outcome.reply, **stop})
    return form(outcome)


def _reply(outcome: Outcome) -> object:
    return outcome.reply


def _command(outcome: Outcome) -> object:
    """What the command has to do: where to exit with 2 standard error says why, else the reply is printed."""
    return {"exit": outcome.exit, "reply": outcome.reply, "error": outcome.error}


_EXAMPLE = {
    "session_id": "abc123",
    "cwd": "/work",
    "hook_event_name": "PostToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "cat .env"},
    "tool_response": {
        "stdout": "DATABASE_URL=postgresql://app:Vt7mQ2xKp9Lw@db.acme.example/main",
        "stderr": "",
    },
}
_MASKED = {
    "stdout": "DATABASE_URL=postgresql://app:MASKED_URL_PASSWORD_7K2M9Q4WXA5TR0BC@db.acme.example/main"
}
_ANSWER = {
    "hookSpecificOutput": {"hookEventName": "PostToolUse", "updatedToolOutput": {**_MASKED, "stderr": ""}}
}
_HOOK = record(
    ["hook_event_name"], hook_event_name=TEXT, prompt=TEXT, tool_input=ANYTHING, tool_response=ANYTHING
)


def _route(agent: Agent, path: str, summary: str, form: Form, operation: type) -> Route:
    return Route(
        path=path,
        name=agent.value,
        summary=summary,
        read=partial(read, agent=agent, form=form),
        refused=partial(refused, agent=agent, form=form),
        always=True,
        operation=operation,
        tag="agents",
    )


ROUTES = (
    _route(
        Agent.CLAUDE_CODE,
        "/v1/agents/claude-code",
        "Claude Code's HTTP hooks: UserPromptSubmit, PreToolUse, PostToolUse.",
        _reply,
        described(_HOOK, _EXAMPLE, ANY, _ANSWER),
    ),
    *(
        _route(
            agent,
            f"/v1/agents/{agent.value}/command",
            f"What `guardrails hook {agent.value} --url` asks.",
            _command,
            described(
                _HOOK,
                {"hook_event_name": "SessionStart"},
                record(["exit", "reply", "error"], exit=COUNT, reply=ANY, error=TEXT),
                {"exit": 0, "reply": {}, "error": ""},
            ),
        )
        for agent in Agent
    ),
)
