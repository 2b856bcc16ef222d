"""`guardrails kinds`: the catalogue of secrets."""

from __future__ import annotations

import difflib
import json

import rich_click as click
from rich.console import Console
from rich.table import Table

from guardrails.catalogue.secret_kinds import SecretKind, expand
from guardrails.catalogue.secret_kinds import kinds as catalogue


@click.command(
    epilog="Examples: guardrails kinds; guardrails kinds --vendor GitHub; guardrails kinds github-oauth-token"
)
@click.argument("kind_id", required=False)
@click.option("--vendor", help="Those of one vendor only; case does not count.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def kinds(kind_id: str | None, vendor: str | None, output: str) -> None:
    """List the kinds of secrets that `type: secret` finds, or show one of them."""
    found = catalogue()
    if kind_id is not None:
        if kind_id not in found:
            close = difflib.get_close_matches(kind_id, found, n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"no kind of secret is called `{kind_id}`{hint}")
        found = {kind_id: found[kind_id]}
    chosen = [found[id] for id in sorted(found)]
    if vendor is not None:
        chosen = [kind for kind in chosen if kind.vendor.casefold() == vendor.casefold()]
        if not chosen:
            raise click.UsageError(f"no kind is of the vendor `{vendor}`")
    if output == "json":
        click.echo(json.dumps([_record(kind) for kind in chosen], indent=2, ensure_ascii=False))
    elif kind_id is not None:
        _show(chosen[0])
    else:
        table = Table("kind", "vendor", "severity", "found by", "title", box=None, pad_edge=False)
        for kind in chosen:
            table.add_row(kind.id, kind.vendor, kind.severity, _how(kind), kind.title)
        Console().print(table)


def _how(kind: SecretKind) -> str:
    if kind.assigned is not None:
        return "its name"
    return "a reader" if kind.reader is not None else "its format" if kind.token is not None else "its place"


def _record(kind: SecretKind) -> dict[str, object]:
    return {
        "id": kind.id,
        "label": kind.label,
        "title": kind.title,
        "vendor": kind.vendor,
        "severity": kind.severity,
        "score": kind.score,
        "found_by": _how(kind),
        "validators": list(kind.validators),
        "references": list(kind.references),
    }


def _show(kind: SecretKind) -> None:
    lines = [
        kind.id,
        f"  {kind.title}",
        f"  vendor: {kind.vendor}",
        f"  severity: {kind.severity}",
        f"  label: {kind.label}",
        f"  score: {kind.score}",
        f"  found by: {_how(kind)}",
    ]
    if kind.assigned is not None:
        lines.append(f"  names: {', '.join(kind.assigned.names)}")
    lines += [f"  reference: {one}" for one in kind.references]
    for example in kind.examples:
        # Values in examples are made up at every call; none is anybody's.
        text = expand(example.hit or example.miss or "", kind.id)
        lines.append(f"  {'hit' if example.hit is not None else 'miss'}: {text}")
    click.echo("\n".join(lines))
