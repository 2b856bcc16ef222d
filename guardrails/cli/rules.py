"""`guardrails rules`: what is in force."""

from __future__ import annotations

import difflib
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from guardrails.cli.common import load_or_exit, policies_option
from guardrails.policy.policyset import CompiledRule


@click.command(epilog="Example: guardrails rules secret.credential")
@click.argument("rule_id", required=False)
@policies_option
def rules(rule_id: str | None, policies: tuple[Path, ...]) -> None:
    """List the rules in force, or show one of them."""
    found = load_or_exit(policies).rules
    if rule_id is None:
        _list(found)
        return
    by_id = {rule.id: rule for rule in found}
    if rule_id not in by_id:
        close = difflib.get_close_matches(rule_id, by_id, n=1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise click.UsageError(f"no rule is called `{rule_id}`{hint}")
    _show(by_id[rule_id])


def _list(found: tuple[CompiledRule, ...]) -> None:
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
    ]
    if rule.escalate:
        lines.append(f"  escalate: {rule.escalate.action.word} from {rule.escalate.count} distinct values on")
    if rule.tags:
        lines.append(f"  tags: {', '.join(rule.tags)}")
    lines += [f"  reference: {one}" for one in rule.references]
    if rule.description:
        lines += ["", *(f"  {line}" for line in rule.description.strip().splitlines())]
    click.echo("\n".join(lines))
