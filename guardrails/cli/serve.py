"""`guardrails serve` and `guardrails settings`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from guardrails.cli.common import Exit, show
from guardrails.policy.compile import LoadError


def served(command: Callable[..., None]) -> Callable[..., None]:
    """The options of what serves: the settings that are most often given."""
    for option in reversed(
        (
            click.option("--policies", "-p", help="Policy file or folder."),
            click.option("--host", help="Address to bind; other than loopback needs API keys."),
            click.option("--port", type=int, help="Port to bind."),
            click.option("--workers", type=int, help="Worker processes; 0 means one per core."),
            click.option(
                "--settings",
                "settings_file",
                type=click.Path(path_type=Path, dir_okay=False),
                help="YAML file of settings. The environment and the options here win over it.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command(
    epilog="Example: GUARDRAILS_SECRET_FILE=secret.txt guardrails serve --policies policies --port 8080"
)
@click.option("--ext-proc", metavar="HOST:PORT", help="Serve Envoy over gRPC at this address too.")
@served
def serve(settings_file: Path | None, **given: object) -> None:
    """Serve the hook endpoints, and Envoy's external processor with `--ext-proc`.

    Policies are read again when they change, or on SIGHUP; a set that does not load leaves the old one
    in force. SIGTERM answers what is in flight, then stops. `guardrails settings` lists every setting.
    """
    run(settings_file, given)


def run(settings_file: Path | None, given: Mapping[str, Any], *, proxy: bool = False) -> None:
    """Serves until it is told to stop, by a file of settings and those `given`.

    What is wrong with settings or policies is said, and ends it.
    """
    from service import server  # the other subcommands need no server
    from service.settings import SettingsError, from_process

    try:
        server.serve(from_process(settings_file, **given), proxy=proxy)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    except LoadError as error:
        show(error.diagnostics)
        sys.exit(Exit.POLICIES)


@click.command()
def settings() -> None:
    """List the settings of the service, as a Markdown table."""
    from service.settings import table

    click.echo(table(), nl=False)
