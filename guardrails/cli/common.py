"""What the subcommands share: exit codes, and how diagnostics are shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import platformdirs
import rich_click as click

from guardrails import DISTRIBUTION
from guardrails.policy.compile import LoadError, load_set
from guardrails.policy.diagnostics import Diagnostic, render
from guardrails.policy.policyset import PolicySet


class Exit(IntEnum):
    """Each code means one thing, for every subcommand."""

    OK = 0
    FOUND = 1
    USAGE = 2  # click's own
    UNJUDGED = 3
    POLICIES = 4


def shipped_policies() -> Path:
    """The policies of a checkout or image: `policies` here, or beside the package."""
    here = Path("policies")
    return here if here.is_dir() else Path(__file__).resolve().parents[2] / "policies"


def cache_folder() -> Path:
    """Where compiled pattern databases are kept for the next time."""
    return platformdirs.user_cache_path(DISTRIBUTION)


policies_option = click.option(
    "--policies",
    "-p",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Policy file or folder; may be given several times. Default: the shipped policies.",
)


def load_or_exit(paths: Sequence[Path]) -> PolicySet:
    """The compiled set; prints what is wrong and exits with 4 when there is none."""
    try:
        return load_set(list(paths) or [shipped_policies()], cache=cache_folder())
    except LoadError as error:
        show(error.diagnostics)
        sys.exit(Exit.POLICIES)


def not_read(error: Exception) -> NoReturn:
    """Says which data could not be read, and exits with 3: no figure is better than one of half the data."""
    click.echo(f"not read: {error}", err=True)
    sys.exit(Exit.UNJUDGED)


def show(diagnostics: Sequence[Diagnostic]) -> None:
    """Prints diagnostics to standard error."""
    for diagnostic in diagnostics:
        click.echo(render(diagnostic) + "\n", err=True)
