"""Hooks of coding agents, by pairs of what an agent sends and what it heeds, over HTTP and as a command."""

import json

import pytest
from jsonschema import Draft202012Validator

MAIL = "ada@example.com"
WHY = "guardrails: denied by word"
ASK = "guardrails: what the tool is asked to do was rewritten"


def event(name, **members):
    """A payload as Claude Code and those like it write one."""
    return {"session_id": "s", "transcript_path": "/t", "cwd": "/x", "hook_event_name": name, **members}


def prompt(text):
    return event("UserPromptSubmit", prompt=text, permission_mode="default", prompt_id="p")


def call(command, **more):
    return event(
        "PreToolUse", tool_name="Bash", tool_input={"command": command, "timeout": 9}, tool_use_id="t", **more
    )


def result(stdout, **more):
    answer = {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False}
    return event("PostToolUse", tool_name="Bash", tool_input={}, tool_response=answer, **more)


def specific(name, **members):
    return {"hookSpecificOutput": {"hookEventName": name, **members}}


def output(stdout):
    return {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False}


DENIED_PROMPT = {
    "decision": "block",
    "reason": WHY,
    **specific("UserPromptSubmit", suppressOriginalPrompt=True),
}
CLAUDE = {
    "prompt: allow": (prompt("hello"), {}),
    "prompt: deny": (prompt("DENYME"), DENIED_PROMPT),
    "prompt: a mask cannot be made, so it is denied": (
        prompt(f"mail {MAIL}"),
        {**DENIED_PROMPT, "reason": "guardrails: denied by mail"},
    ),
    "call: allow": (call("ls"), {}),
    "call: deny": (
        call("echo DENYME"),
        specific("PreToolUse", permissionDecision="deny", permissionDecisionReason=WHY),
    ),
    "call: mask, and the user is still asked": (
        call(f"mail {MAIL}"),
        specific(
            "PreToolUse",
            permissionDecision="ask",
            permissionDecisionReason=ASK,
            updatedInput={"command": "mail [MAIL]", "timeout": 9},
        ),
    ),
    "result: allow": (result("hello"), {}),
    "result: mask in the same shape": (
        result(f"OWNER={MAIL}\n"),
        specific("PostToolUse", updatedToolOutput=output("OWNER=[MAIL]\n")),
    ),
    "result: deny takes the answer away": (
        result("so DENYME"),
        {"decision": "block", "reason": WHY, **specific("PostToolUse", updatedToolOutput=output(WHY))},
    ),
    "result: a text stays a text": (
        event("PostToolUse", tool_name="X", tool_input={}, tool_response=f"to {MAIL}"),
        specific("PostToolUse", updatedToolOutput="to [MAIL]"),
    ),
    "result: blocks keep their types, an image its data": (
        event(
            "PostToolUse",
            tool_name="mcp__x__y",
            tool_input={},
            tool_response=[
                {"type": "text", "text": MAIL},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"},
                },
            ],
        ),
        specific(
            "PostToolUse",
            updatedToolOutput=[
                {"type": "text", "text": "[MAIL]"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"},
                },
            ],
        ),
    ),
    "another event": (event("SessionStart", source="startup"), {}),
}


@pytest.mark.parametrize(("payload", "answer"), CLAUDE.values(), ids=CLAUDE.keys())
def test_claude_code_over_http(ask, payload, answer):
    """A 200 with JSON that says what to do."""
    assert answer == ask("/v1/agents/claude-code", payload)


def test_claude_code_as_a_command(ask):
    """Before a tool, exit 2 stops; after it only the reply takes the answer away."""
    path = "/v1/agents/claude-code/command"
    assert ask(path, call("ls")) == {"exit": 0, "reply": {}, "error": ""}
    denied = ask(path, call("DENYME"))
    assert (denied["exit"], denied["error"]) == (2, WHY)
    after = ask(path, result("DENYME"))
    assert after["exit"] == 0
    assert after["reply"]["hookSpecificOutput"]["updatedToolOutput"] == output(WHY)


def closed(**properties):
    return {"type": "object", "additionalProperties": False, "properties": properties}


# What Codex takes, from its own strict schemas.
CODEX = {
    "UserPromptSubmit": closed(decision={"const": "block"}, reason={"pattern": "\\S"}),
    "PreToolUse": closed(
        hookSpecificOutput=closed(
            hookEventName={"const": "PreToolUse"},
            permissionDecision={"enum": ["allow", "deny"]},
            permissionDecisionReason={"type": "string"},
            updatedInput={},
        )
    ),
    "PostToolUse": closed(decision={"const": "block"}, reason={"pattern": "\\S"}),
}


@pytest.mark.parametrize("make", [prompt, call, result])
@pytest.mark.parametrize("text", ["hello", MAIL, "DENYME"])
def test_codex_gets_no_member_that_it_does_not_know(ask, late, make, text):
    """Its schemas are strict, and an `allow` comes only with a rewritten input."""
    payload = make(text, model="m") if make is not prompt else make(text)
    for service in (ask, late):
        reply = service("/v1/agents/codex/command", payload)["reply"]
        Draft202012Validator(CODEX[payload["hook_event_name"]]).validate(reply)
        decided = reply.get("hookSpecificOutput", {})
        assert ("updatedInput" in decided) == (decided.get("permissionDecision") == "allow")


OTHERS = {
    "codex masks a result by replacing it": (
        "codex",
        event("PostToolUse", tool_name="Bash", tool_response=f"to {MAIL}"),
        0,
        {"decision": "block", "reason": "to [MAIL]"},
    ),
    "codex masks a structured result": (
        "codex",
        event("PostToolUse", tool_name="x", tool_response={"content": [{"type": "text", "text": MAIL}]}),
        0,
        {"decision": "block", "reason": '{"content": [{"type": "text", "text": "[MAIL]"}]}'},
    ),
    "codex result": ("codex", result("DENYME"), 2, {"decision": "block", "reason": WHY}),
    "cursor allows": ("cursor", {"hook_event_name": "beforeShellExecution", "command": "ls"}, 0, {}),
    "cursor cannot mask": (
        "cursor",
        {"hook_event_name": "beforeShellExecution", "command": f"mail {MAIL}"},
        2,
        {
            "permission": "deny",
            "user_message": "guardrails: denied by mail",
            "agent_message": "guardrails: denied by mail",
        },
    ),
    "cursor prompt": (
        "cursor",
        {"hook_event_name": "beforeSubmitPrompt", "prompt": "DENYME", "attachments": []},
        2,
        {"continue": False, "user_message": WHY},
    ),
    "cursor file": (
        "cursor",
        {"hook_event_name": "beforeReadFile", "file_path": "/x", "content": "DENYME"},
        2,
        {"permission": "deny", "user_message": WHY, "agent_message": WHY},
    ),
    "gemini allows": ("gemini-cli", event("BeforeAgent", prompt="hello"), 0, {}),
    "gemini prompt": (
        "gemini-cli",
        event("BeforeAgent", prompt="DENYME"),
        2,
        {"decision": "deny", "reason": WHY},
    ),
    "gemini masks a call": (
        "gemini-cli",
        event("BeforeTool", tool_name="run_shell_command", tool_input={"command": MAIL}),
        0,
        specific("BeforeTool", tool_input={"command": "[MAIL]"}),
    ),
    "gemini masks a result by replacing it": (
        "gemini-cli",
        event("AfterTool", tool_response={"llmContent": f"to {MAIL}", "returnDisplay": "x"}),
        0,
        {"decision": "deny", "reason": "to [MAIL]"},
    ),
    "gemini result": (
        "gemini-cli",
        event("AfterTool", tool_response={"llmContent": "DENYME", "returnDisplay": ""}),
        2,
        {"decision": "deny", "reason": WHY},
    ),
}


@pytest.mark.parametrize(("agent", "payload", "exit", "reply"), OTHERS.values(), ids=OTHERS.keys())
def test_other_agents(ask, agent, payload, exit, reply):
    """Each agent gets its own words, and exit 2 where that stops it."""
    answer = ask(f"/v1/agents/{agent}/command", payload)

    assert (exit, reply) == (answer["exit"], answer["reply"])


def test_not_judged_is_denied(late):
    """Where time ran out: a denial for the event, in a 200."""
    why = "guardrails: not judged: deadline"
    path = "/v1/agents/claude-code"

    assert late(path, prompt("x"))["decision"] == "block"
    assert late(path, call("x"))["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert late(path, result("x"))["hookSpecificOutput"]["updatedToolOutput"] == output(why)
    assert (
        late("/v1/agents/cursor/command", {"hook_event_name": "beforeReadFile", "content": "x"})["exit"] == 2
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not json"),
        (b"[]", "not an object"),
        (b"{}", "malformed hook"),
        (b'{"hook_event_name": 1}', "malformed hook"),
        (b'{"x": "' + b"x" * 100_001 + b'"}', "too large"),
    ],
)
def test_what_cannot_be_read_stops_claude_code(ask, content, why):
    """Any other status, and no JSON, would let the event pass."""
    why = f"guardrails: not judged: {why}"
    answer = ask.raw("/v1/agents/claude-code", content)

    assert answer.status_code == 200
    assert answer.json()["decision"] == "block"
    assert answer.json()["reason"] == why


def test_an_event_without_its_member_is_denied(ask):
    """The event's own denial, although there is nothing to judge."""
    answer = ask("/v1/agents/claude-code", event("PreToolUse", tool_name="Bash"))

    assert answer["hookSpecificOutput"]["permissionDecision"] == "deny"


def test_a_result_nested_too_deep_is_taken_away(ask):
    """Neither the reader's limits nor ours let it pass."""
    for depth in (150, 900):
        deep = json.loads("[" * depth + '"x"' + "]" * depth)
        answer = ask("/v1/agents/claude-code", event("PostToolUse", tool_response=deep))
        if depth > 200:
            assert answer["decision"] == "block"
            assert '"x"' not in json.dumps(answer)
        else:
            assert answer == {}


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
def test_a_wrong_key_stops_claude_code(ask, headers):
    """A 401 would let every event pass, unseen by anybody."""
    answer = ask.client.post("/v1/agents/claude-code", json=prompt("x"), headers=headers)

    assert answer.status_code == 200
    assert answer.json() == {
        "decision": "block",
        "reason": "guardrails: not judged: unauthorized",
        "continue": False,
        "stopReason": "guardrails: not judged: unauthorized",
    }
