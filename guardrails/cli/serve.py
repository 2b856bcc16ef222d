"""`guardrails serve` and `guardrails settings`."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from guardrails.cli.common import Exit, show
from guardrails.policy.compile import LoadError


@click.command(
    epilog="Example: GUARDRAILS_SECRET_FILE=secret.txt guardrails serve --policies policies --port 8080"
)
@click.option("--policies", "-p", help="Policy file or folder.")
@click.option("--host", help="Address to bind; other than loopback needs API keys.")
@click.option("--port", type=int, help="Port to bind.")
@click.option("--ext-proc", metavar="HOST:PORT", help="Serve Envoy over gRPC at this address too.")
@click.option("--workers", type=int, help="Worker processes; 0 means one per core.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of settings. The environment and the options here win over it.",
)
def serve(
    policies: str | None,
    host: str | None,
    port: int | None,
    ext_proc: str | None,
    workers: int | None,
    settings_file: Path | None,
) -> None:
    """Serve the hook endpoints, and Envoy's external processor with `--ext-proc`.

    Policies are read again when they change, or on SIGHUP; a set that does not load leaves the old one
    in force. SIGTERM answers what is in flight, then stops. `guardrails settings` lists every setting.
    """
    run(settings_file, policies=policies, host=host, port=port, ext_proc=ext_proc, workers=workers)


def run(settings_file: Path | None, *, proxy: bool = False, **given: object) -> None:
    """Serves until it is told to stop; what is wrong with settings or policies is said, and ends it."""
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
