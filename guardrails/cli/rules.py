"""`guardrails rules`: what is in force."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from guardrails.cli.common import load_or_exit, policies_option
from guardrails.model import Mode
from guardrails.policy.policyset import CompiledRule


class Output(str, Enum):
    """How rules are written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@click.command(
    epilog="Examples: guardrails rules secret.credential; "
    "guardrails rules --format markdown > policies/README.md"
)
@click.argument("rule_id", required=False)
@policies_option
@click.option(
    "--format",
    "output",
    type=click.Choice([one.value for one in Output]),
    default=Output.TEXT.value,
    show_default=True,
    help="`markdown`: a page with a table for each policy, as in `policies/README.md`.",
)
def rules(rule_id: str | None, policies: tuple[Path, ...], output: str) -> None:
    """List the rules in force, or show one of them."""
    found = load_or_exit(policies).rules
    if rule_id is not None:
        by_id = {rule.id: rule for rule in found}
        if rule_id not in by_id:
            close = difflib.get_close_matches(rule_id, by_id, n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"no rule is called `{rule_id}`{hint}")
        found = (by_id[rule_id],)
    match Output(output):
        case Output.JSON:
            click.echo(json.dumps([_record(rule) for rule in found], indent=2, ensure_ascii=False))
        case Output.MARKDOWN:
            click.echo(markdown(found), nl=False)
        case Output.TEXT if rule_id is not None:
            _show(found[0])
        case Output.TEXT:
            _list(found)


def markdown(found: Sequence[CompiledRule]) -> str:
    """The rules as a page, a table for each policy."""
    lines = [
        "# Shipped policies",
        "",
        "Written by `guardrails rules --format markdown`. `guardrails rules ID` shows one rule.",
    ]
    for policy in sorted({rule.policy for rule in found}):
        lines += [
            "",
            f"## {policy}",
            "",
            "| rule | finds | severity | action | where |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(rule) for rule in sorted(found, key=lambda one: one.id) if rule.policy == policy]
    return "\n".join(lines) + "\n"


def _row(rule: CompiledRule) -> str:
    action = rule.action.word
    if rule.escalate:
        action += f", {rule.escalate.action.word} from {rule.escalate.count} values on"
    if rule.mode is not Mode.ENFORCE:
        action += f" ({rule.mode.value})"
    cells = (f"`{rule.id}`", rule.title, rule.severity.word, action, _where(rule) or "everywhere")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _where(rule: CompiledRule) -> str:
    """The scope, as far as it is about texts; `some callers` for what the gateway says."""
    said: list[str] = []
    for scope in rule.scopes:
        said += [
            f"{name} {', '.join(sorted(one.value for one in chosen))}"
            for name, chosen in (("in a", scope.hooks), ("said by", scope.roles), ("as", scope.kinds))
            if chosen is not None
        ]
        if scope != scope.of_the_text_only():
            said.append("some callers")
    return "; ".join(said)


def _record(rule: CompiledRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "policy": rule.policy,
        "title": rule.title,
        "description": rule.description,
        "severity": rule.severity.word,
        "action": rule.action.word,
        "mode": rule.mode.value,
        "on_error": rule.on_error.value,
        "where": _where(rule),
        "escalate": rule.escalate and {"count": rule.escalate.count, "action": rule.escalate.action.word},
        "tags": rule.tags,
        "references": rule.references,
    }


def _list(found: Sequence[CompiledRule]) -> None:
    table = Table("rule", "severity", "action", "mode", "title", box=None, pad_edge=False)
    for rule in sorted(found, key=lambda one: one.id):
        table.add_row(rule.id, rule.severity.word, rule.action.word, rule.mode.value, rule.title)
    Console().print(table)


def _show(rule: CompiledRule) -> None:
    lines = [
        rule.id,
        f"  {rule.title}",
        f"  policy: {rule.policy}",
        f"  severity: {rule.severity.word}",
        f"  action: {rule.action.word}",
        f"  mode: {rule.mode.value}",
        f"  on_error: {rule.on_error.value}",
        f"  where: {_where(rule) or 'everywhere'}",
    ]
    if rule.escalate:
        lines.append(f"  escalate: {rule.escalate.action.word} from {rule.escalate.count} distinct values on")
    if rule.tags:
        lines.append(f"  tags: {', '.join(rule.tags)}")
    lines += [f"  reference: {one}" for one in rule.references]
    if rule.description:
        lines += ["", *(f"  {line}" for line in rule.description.strip().splitlines())]
    click.echo("\n".join(lines))
