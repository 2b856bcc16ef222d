"""`guardrails hook`: the command form of a coding agent's hooks.

It starts anew for every event, so nothing is imported before it is needed: with `--url` that is the standard
library alone. Whatever goes wrong is a denial.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import rich_click as click

AGENTS = ("claude-code", "codex", "cursor", "gemini-cli")
"""The values of `guardrails.agents.Agent`, which is not imported to list them."""

DENIED = 2
"""The exit code that stops every agent; 1 would not."""


@click.command(
    epilog="Exit codes: 0 with a JSON reply on standard output; 2 stop, with the reason on standard error. "
    "Example: guardrails hook --install claude-code"
)
@click.argument("agent", type=click.Choice(AGENTS))
@click.option("--install", is_flag=True, help="Print the settings to paste into the agent's, and do nothing.")
@click.option("--url", help="Ask this running service instead of judging here; the fastest way.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds to wait for the service.")
@click.option(
    "--policies",
    "-p",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Policy file or folder to judge by; may be given several times. Default: the shipped policies.",
)
@click.option("--tenant", default="default", show_default=True)
def hook(
    agent: str,
    install: bool,
    url: str | None,
    timeout: float,
    policies: tuple[Path, ...],
    tenant: str,
) -> None:
    """Judge one hook event of AGENT: JSON on standard input, the agent's own answer back.

    With `--url`, the API key is in the environment variable GUARDRAILS_KEY.
    """
    if install:
        click.echo(json.dumps(settings(agent, url), indent=2))
        return
    payload: object = None
    try:
        payload = json.loads(sys.stdin.buffer.read())
        if url is None:
            answer = _here(payload, agent, policies, tenant)
        else:
            answer = _asked(payload, f"{url.rstrip('/')}/v1/agents/{agent}/command", timeout)
    except Exception as error:  # noqa: BLE001 - anything else than a denial would let the event pass
        answer = _refused(payload, agent, _why(error))
    if answer["exit"] == DENIED:
        click.echo(answer["error"], err=True)
        sys.exit(DENIED)
    click.echo(json.dumps(answer["reply"]))


def settings(agent: str, url: str | None) -> dict[str, object]:
    """What goes into the agent's settings so that it asks this command."""
    command = f"guardrails hook {agent}" + (f" --url {url}" if url else "")
    if agent == "cursor":
        events = ("beforeSubmitPrompt", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile")
        return {"version": 1, "hooks": {one: [{"command": command, "failClosed": True}] for one in events}}
    names = {
        "claude-code": ("UserPromptSubmit", "PreToolUse", "PostToolUse"),
        "codex": ("UserPromptSubmit", "PreToolUse", "PostToolUse"),
        "gemini-cli": ("BeforeAgent", "BeforeTool", "AfterTool"),
    }[agent]
    seconds = 30
    timeout = seconds * 1000 if agent == "gemini-cli" else seconds
    run = {"type": "command", "command": command, "timeout": timeout}
    prompt, *tools = names
    return {
        "hooks": {prompt: [{"hooks": [run]}], **{one: [{"matcher": "*", "hooks": [run]}] for one in tools}}
    }


def _asked(payload: object, url: str, seconds: float) -> dict[str, Any]:
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise ValueError("url")
    headers = {"content-type": "application/json"}
    if key := os.environ.get("GUARDRAILS_KEY"):
        headers["x-api-key"] = key
    request = urllib.request.Request(url, json.dumps(payload).encode(), headers)  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
        answer = json.load(response)
    if not isinstance(answer, dict) or answer.keys() < {"exit", "reply", "error"}:
        raise ValueError("answer")
    return answer


def _here(payload: object, agent: str, policies: tuple[Path, ...], tenant: str) -> dict[str, Any]:
    import datetime as dt
    import secrets

    from guardrails import agents
    from guardrails.cli.common import cache_folder, shipped_policies
    from guardrails.detectors.base import Deadline
    from guardrails.engine import Engine
    from guardrails.masking import Keys
    from guardrails.model import Context
    from guardrails.policy.compile import load_set

    of = agents.Agent(agent)
    if not isinstance(payload, dict):
        raise agents.Malformed("the payload must be a JSON object")
    event = agents.read(payload, of)
    if event is None:
        return _answer(agents.PASS)
    given = os.environ.get("GUARDRAILS_SECRET", "").encode()
    keys = Keys(given if len(given) >= 32 else secrets.token_bytes(32))
    judged = Engine(load_set(list(policies) or [shipped_policies()], cache=cache_folder()), keys).judge_body(
        event.body(),
        event.hook,
        Context(tenant=tenant, route=agent),
        deadline=Deadline.after(_SECONDS),
        today=dt.datetime.now(dt.UTC).date(),
        format=event.format,
    )
    decision = judged.decision
    return _answer(agents.reply(event, decision.verdict, judged.body, decision.reason()))


_SECONDS = 20.0
"""Time to judge one event, within the 30 seconds that agents wait by `settings`."""


def _refused(payload: object, agent: str, why: str) -> dict[str, Any]:
    from guardrails import agents

    return _answer(agents.refuse_unread(payload, agents.Agent(agent), f"guardrails: not judged: {why}"))


def _answer(outcome: Any) -> dict[str, Any]:
    return {"exit": outcome.exit, "reply": outcome.reply, "error": outcome.error}


def _why(error: Exception) -> str:
    """What went wrong, without a word of the event: messages of exceptions may hold some."""
    status = getattr(error, "code", None)
    if isinstance(status, int):
        return f"the service answered {status}"
    return {
        "JSONDecodeError": "the event is not JSON",
        "UnicodeDecodeError": "the event is not UTF-8",
        "URLError": "the service cannot be reached",
        "TimeoutError": "the service took too long",
        "LoadError": "the policies do not load; `guardrails check` says why",
        "Malformed": "the event is not as this agent writes it",
    }.get(type(error).__name__, type(error).__name__)
