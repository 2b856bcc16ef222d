"""The `guardrails` command: one file per subcommand."""

from __future__ import annotations

import os

import rich_click as click

from guardrails import __version__
from guardrails.cli.check import check
from guardrails.cli.entities import entities
from guardrails.cli.evaluate import evaluate
from guardrails.cli.importing import import_
from guardrails.cli.keys import key
from guardrails.cli.kinds import kinds
from guardrails.cli.rules import rules
from guardrails.cli.scan import scan
from guardrails.cli.schema import schema
from guardrails.cli.serve import serve, settings

click.rich_click.TEXT_MARKUP = "rich"
click.rich_click.MAX_WIDTH = 100


@click.group(
    epilog="Exit codes: 0 all well; 1 something was found (findings, errors in a policy); 2 the command line "
    "is wrong; 3 something could not be looked at; 4 the policies do not load."
)
@click.version_option(__version__, prog_name="guardrails")
def cli() -> None:
    """Guardrails for LLM traffic: allow, mask or deny what passes a gateway."""


for command in (
    check,
    entities,
    evaluate,
    import_,
    key,
    kinds,
    rules,
    scan,
    schema,
    serve,
    settings,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the `guardrails` command."""
    # Presidio's e-mail recogniser would otherwise ask the network for the public suffix list.
    os.environ.setdefault("TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS", "")
    cli(prog_name="guardrails")
