"""The `guardrails` command: one file per subcommand."""

from __future__ import annotations

import importlib
import os

import rich_click as click

from guardrails import __version__

COMMANDS = {
    "check": "guardrails.cli.check:check",
    "entities": "guardrails.cli.entities:entities",
    "eval": "guardrails.cli.evaluate:evaluate",
    "hook": "guardrails.cli.hook:hook",
    "import": "guardrails.cli.importing:import_",
    "key": "guardrails.cli.keys:key",
    "kinds": "guardrails.cli.kinds:kinds",
    "proxy": "guardrails.cli.proxy:proxy",
    "rules": "guardrails.cli.rules:rules",
    "scan": "guardrails.cli.scan:scan",
    "schema": "guardrails.cli.schema:schema",
    "serve": "guardrails.cli.serve:serve",
    "settings": "guardrails.cli.serve:settings",
    "vault": "guardrails.cli.vault:vault",
}
"""By name: where a subcommand is. It is imported when it is called: `hook` starts anew for every event."""


class _Lazy(click.RichGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


click.rich_click.TEXT_MARKUP = "rich"
click.rich_click.MAX_WIDTH = 100


@click.group(
    cls=_Lazy,
    epilog="Exit codes: 0 all well; 1 something was found (findings, errors in a policy); 2 the command line "
    "is wrong; 3 something could not be looked at; 4 the policies do not load.",
)
@click.version_option(__version__, prog_name="guardrails")
def cli() -> None:
    """Guardrails for LLM traffic: allow, mask or deny what passes a gateway."""


def main() -> None:
    """Entry point of the `guardrails` command."""
    # Presidio's e-mail recogniser would otherwise ask the network for the public suffix list.
    os.environ.setdefault("TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS", "")
    cli(prog_name="guardrails")
