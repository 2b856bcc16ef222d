"""`guardrails proxy`."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from guardrails.cli.serve import run


@click.command(
    epilog="Example: guardrails proxy --upstream https://api.anthropic.com --port 8090, then start the "
    "client with ANTHROPIC_BASE_URL=http://127.0.0.1:8090"
)
@click.option("--upstream", help="Address of the gateway or provider behind it.")
@click.option("--policies", "-p", help="Policy file or folder.")
@click.option("--host", help="Address to bind; other than loopback needs API keys.")
@click.option("--port", type=int, help="Port to bind.")
@click.option("--workers", type=int, help="Worker processes; 0 means one per core.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of settings. The environment and the options here win over it.",
)
def proxy(
    upstream: str | None,
    policies: str | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    settings_file: Path | None,
) -> None:
    """Judge what passes between a client and a gateway or provider.

    OpenAI, Anthropic, Gemini and Bedrock requests and responses, streams included, are judged on their
    way; everything else is passed through. The client's own credentials are sent on and never looked at.
    """
    run(
        settings_file,
        proxy=True,
        upstream=upstream,
        policies=policies,
        host=host,
        port=port,
        workers=workers,
    )
