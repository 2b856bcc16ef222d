"""`guardrails import`: rules of other tools, turned into ours."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from guardrails.cli.common import Exit
from guardrails.model import Severity
from guardrails.policy import gitleaks as turning


@click.group(name="import")
def import_() -> None:
    """Turn rules of other tools into a policy."""


@import_.command(
    epilog="Example: guardrails import gitleaks .gitleaks.toml > policies/gitleaks.yaml. Exit codes: 0 all "
    "was turned; 2 the file cannot be read; 3 something could not be turned (it is named on standard error)."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--policy", default="gitleaks", show_default=True, help="Name of the policy.")
@click.option(
    "--severity",
    type=click.Choice([one.word for one in Severity]),
    default="high",
    show_default=True,
    help="Severity of every rule; gitleaks has none.",
)
@click.option("--action", type=click.Choice(["flag", "mask", "deny"]), default="mask", show_default=True)
def gitleaks(file: Path, policy: str, severity: str, action: str) -> None:
    """Turn the rules of the gitleaks configuration FILE into a policy, on standard output."""
    try:
        rules, left = turning.turn(file.read_text("utf-8"))
    except OSError as error:
        raise click.UsageError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is no UTF-8 text") from None
    except turning.ImportFailure as error:
        raise click.UsageError(f"{file} {error}") from None
    if rules:
        click.echo(turning.document(rules, policy, severity, action), nl=False)
    for one in left:
        where = f"rule `{one.rule}`" if one.rule else str(file)
        click.echo(f"not turned: {where}: {one.why}", err=True)
    click.echo(f"{len(rules)} rule{'s' * (len(rules) != 1)} turned, {len(left)} notes", err=True)
    sys.exit(Exit.UNJUDGED if left else Exit.OK)
