"""Hooks of coding agents: what an agent says before a prompt, before a tool and after it, and what it heeds.

One table says which agent's events carry a message; `read` makes a body of one, `reply` and `refuse` write
the agent's own answer. Every other event is none of ours and is let pass. An agent that cannot take a
rewritten text is told to stop instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeAlias

import msgspec

from guardrails.bodies import Format
from guardrails.model import Hook, Verdict


class Agent(str, Enum):
    """The agents whose hooks are known."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    CURSOR = "cursor"
    GEMINI_CLI = "gemini-cli"


class Moment(str, Enum):
    """What an event is about: a prompt, what a tool is asked to do, what a tool answered."""

    PROMPT = "prompt"
    CALL = "call"
    RESULT = "result"


_CLAUDE = {
    "UserPromptSubmit": (Moment.PROMPT, "prompt"),
    "PreToolUse": (Moment.CALL, "tool_input"),
    "PostToolUse": (Moment.RESULT, "tool_response"),
}
EVENTS: Mapping[Agent, Mapping[str, tuple[Moment, str]]] = {
    Agent.CLAUDE_CODE: _CLAUDE,
    Agent.CODEX: _CLAUDE,
    Agent.CURSOR: {
        "beforeSubmitPrompt": (Moment.PROMPT, "prompt"),
        "beforeShellExecution": (Moment.CALL, "command"),
        "beforeMCPExecution": (Moment.CALL, "tool_input"),
        "preToolUse": (Moment.CALL, "tool_input"),
        "beforeReadFile": (Moment.RESULT, "content"),
    },
    Agent.GEMINI_CLI: {
        "BeforeAgent": (Moment.PROMPT, "prompt"),
        "BeforeTool": (Moment.CALL, "tool_input"),
        "AfterTool": (Moment.RESULT, "tool_response"),
    },
}
"""By agent: the events that carry a message, and the member that holds it."""

# Members of a tool's answer that say what it is: an agent drops an answer whose shape changed.
_STRUCTURE = frozenset(
    {"type", "id", "tool_use_id", "name", "mode", "status", "filePath", "file_path", "path", "mimeType"}
    | {"media_type", "structuredPatch", "hook_event_name"}
)
_BINARY = frozenset({"base64", "blob"})
_MAX_DEPTH = 100
"""Below, what a tool answered is taken as one thing: it is judged or removed as a whole."""

Reply: TypeAlias = dict[str, object]


class Malformed(Exception):
    """A payload that is no hook's. The message names the member, never its value."""


class Event(msgspec.Struct, frozen=True):
    """An event of an agent that carries a message. `session` is the agent's conversation."""

    agent: Agent
    name: str
    moment: Moment
    value: object
    tool: str = "tool"
    session: str | None = None

    @property
    def hook(self) -> Hook:
        """What a tool is asked to do comes from the model, all else goes to it."""
        return Hook.RESPONSE if self.moment is Moment.CALL else Hook.REQUEST

    @property
    def format(self) -> Format:
        return Format.ANTHROPIC_MESSAGES if self.moment is Moment.CALL else Format.OPENAI_CHAT

    def body(self) -> object:
        """The message as a provider's body. Raises `Malformed` when it is nested too deep."""
        if self.moment is Moment.PROMPT:
            return {"messages": [{"role": "user", "content": self.value}]}
        if self.moment is Moment.CALL:
            block = {"type": "tool_use", "id": "call", "name": self.tool, "input": self.value}
            return {"type": "message", "role": "assistant", "content": [block]}
        shown, _ = _without_binary(self.value)
        # As JSON text: its strings are what a tool answered, and the way back keeps the shape.
        content = shown if isinstance(shown, str) else _json(shown)
        return {"messages": [{"role": "tool", "tool_call_id": "call", "content": content}]}

    def rewritten(self, body: object) -> object:
        """The message of a rewritten `body()`. Raises `LookupError`, `TypeError` or `ValueError`."""
        made: dict[str, list[dict[str, object]]] = body  # type: ignore[assignment]
        if self.moment is Moment.PROMPT:
            return made["messages"][0]["content"]
        if self.moment is Moment.CALL:
            return made["content"][0]["input"]
        content = made["messages"][0]["content"]
        if isinstance(self.value, str):
            return content
        _, binary = _without_binary(self.value)
        value = json.loads(str(content))
        for path, data in binary:
            place = value
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = data
        return value


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        raise Malformed("the payload is nested too deep to be read") from None


class Outcome(msgspec.Struct, frozen=True):
    """What the agent is told: `reply` as JSON, and for the command form how to say it.

    `exit` is 2 where standard error stops every agent alike; else `reply` goes to standard output.
    """

    reply: Reply
    exit: int = 0
    error: str = ""


PASS = Outcome({})


def read(payload: Mapping[str, object], agent: Agent) -> Event | None:
    """The event of a hook's payload; None for events that carry no message. Raises `Malformed`."""
    name = payload.get("hook_event_name")
    if not isinstance(name, str):
        raise Malformed("`hook_event_name` must be a text")
    known = EVENTS[agent].get(name)
    if known is None:
        return None
    moment, member = known
    if member not in payload:
        raise Malformed(f"the payload has no `{member}`")
    value = payload[member]
    if moment is Moment.PROMPT and not isinstance(value, str):
        raise Malformed(f"`{member}` must be a text")
    tool = payload.get("tool_name")
    session = payload.get("conversation_id" if agent is Agent.CURSOR else "session_id")
    return Event(
        agent,
        name,
        moment,
        value,
        tool if isinstance(tool, str) else "tool",
        session if isinstance(session, str) else None,
    )


def reply(event: Event, verdict: Verdict, rewritten: object, reason: str) -> Outcome:
    """What an agent is told of a verdict; `rewritten` is the rewritten `Event.body()`, None for none."""
    if verdict is not Verdict.DENY and rewritten is not None:
        write = _MASKS.get((event.agent, event.moment))
        try:
            value = event.rewritten(rewritten) if write else None
        except (LookupError, TypeError, ValueError):
            write = None
        if write and _same_members(event.value, value):
            return Outcome(write(event, value))
    return PASS if verdict is Verdict.ALLOW else refuse(event, reason)


def refuse(event: Event, reason: str) -> Outcome:
    """A denial. What a tool answered has been there already: it is kept from the model."""
    written = _DENIALS[event.agent](event, reason)
    # Exit 2 after a tool takes nothing away from Claude Code: only the reply does.
    by_reply = event.moment is Moment.RESULT and event.agent is Agent.CLAUDE_CODE
    return Outcome(written) if by_reply else Outcome(written, 2, reason)


def refuse_unread(payload: object, agent: Agent, reason: str) -> Outcome:
    """A denial where the payload could not be read, or nothing could be asked about it."""
    try:
        event = read(payload, agent) if isinstance(payload, dict) else None
    except Malformed:
        event = None
    if event is not None:
        return refuse(event, reason)
    name = payload.get("hook_event_name") if isinstance(payload, dict) else None
    if isinstance(name, str) and name in EVENTS[agent]:
        return refuse(Event(agent, name, EVENTS[agent][name][0], ""), reason)
    return Outcome({"decision": "block", "reason": reason}, 2, reason)


def _specific(event: Event, **more: object) -> Reply:
    return {"hookSpecificOutput": {"hookEventName": event.name, **more}}


def _claude_denial(event: Event, reason: str) -> Reply:
    if event.moment is Moment.CALL:
        return _specific(event, permissionDecision="deny", permissionDecisionReason=reason)
    blocked: Reply = {"decision": "block", "reason": reason}
    if event.agent is Agent.CODEX:  # it takes no member that it does not know, and a reason for the answer
        return blocked
    if event.moment is Moment.RESULT:
        return blocked | _specific(event, updatedToolOutput=_removed(event.value, reason))
    return blocked | _specific(event, suppressOriginalPrompt=True)


def _cursor_denial(event: Event, reason: str) -> Reply:
    if event.moment is Moment.PROMPT:
        return {"continue": False, "user_message": reason}
    return {"permission": "deny", "user_message": reason, "agent_message": reason}


def _gemini_denial(_: Event, reason: str) -> Reply:
    return {"decision": "deny", "reason": reason}


_DENIALS: Mapping[Agent, Callable[[Event, str], Reply]] = {
    Agent.CLAUDE_CODE: _claude_denial,
    Agent.CODEX: _claude_denial,
    Agent.CURSOR: _cursor_denial,
    Agent.GEMINI_CLI: _gemini_denial,
}


def _claude_call(event: Event, value: object) -> Reply:
    # `allow` would skip the user's own permission prompt; Codex knows no `ask`.
    decision = "allow" if event.agent is Agent.CODEX else "ask"
    why = "guardrails: what the tool is asked to do was rewritten"
    return _specific(event, permissionDecision=decision, permissionDecisionReason=why, updatedInput=value)


def _claude_result(event: Event, value: object) -> Reply:
    return _specific(event, updatedToolOutput=value)


def _codex_result(_: Event, value: object) -> Reply:
    # A block's reason is what the model gets instead of the tool's answer; there is no other way.
    return {"decision": "block", "reason": value if isinstance(value, str) else json.dumps(value)}


def _gemini_call(event: Event, value: object) -> Reply:
    return {"hookSpecificOutput": {"hookEventName": event.name, "tool_input": value}}


def _gemini_result(_: Event, value: object) -> Reply:
    # A denial's reason is what the model gets instead of the tool's answer.
    shown = value.get("llmContent", value) if isinstance(value, dict) else value
    return {"decision": "deny", "reason": shown if isinstance(shown, str) else json.dumps(shown)}


_MASKS: Mapping[tuple[Agent, Moment], Callable[[Event, object], Reply]] = {
    (Agent.CLAUDE_CODE, Moment.CALL): _claude_call,
    (Agent.CLAUDE_CODE, Moment.RESULT): _claude_result,
    (Agent.CODEX, Moment.CALL): _claude_call,
    (Agent.CODEX, Moment.RESULT): _codex_result,
    (Agent.GEMINI_CLI, Moment.CALL): _gemini_call,
    (Agent.GEMINI_CLI, Moment.RESULT): _gemini_result,
}
"""What can be rewritten where. No agent lets a prompt be, and Cursor nothing at all."""


def _same_members(before: object, after: object) -> bool:
    """Whether a rewritten object still has the members that the tool or the agent looks for."""
    return not isinstance(before, dict) or (isinstance(after, dict) and before.keys() == after.keys())


def _removed(value: object, reason: str, depth: int = 0) -> object:
    """A tool's answer in its own shape, with nothing of what it says."""
    if isinstance(value, str) or depth > _MAX_DEPTH:
        return reason if value else value
    if isinstance(value, list):
        return [_removed(one, reason, depth + 1) for one in value]
    if isinstance(value, dict):
        return {
            name: one if name in _STRUCTURE and isinstance(one, str) else _removed(one, reason, depth + 1)
            for name, one in value.items()
        }
    return value


def _without_binary(value: object) -> tuple[object, list[tuple[list[str | int], object]]]:
    """A tool's answer without images and the like, and these with their places."""
    found: list[tuple[list[str | int], object]] = []

    def walk(one: object, path: list[str | int]) -> object:
        if len(path) > _MAX_DEPTH:
            return one
        if isinstance(one, list):
            return [walk(item, [*path, place]) for place, item in enumerate(one)]
        if not isinstance(one, dict):
            return one
        image = one.get("isImage") is True or one.get("type") in {"image", "audio", "base64"}
        made: dict[str, object] = {}
        for name, item in one.items():
            binary = name in _BINARY or (image and name in {"data", "stdout"})
            if binary and isinstance(item, str):
                found.append(([*path, name], item))
                made[name] = ""
            else:
                made[name] = walk(item, [*path, name])
        return made

    return walk(value, []), found
