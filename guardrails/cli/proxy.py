"""`guardrails proxy`."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from guardrails.cli.serve import run, served


@click.command(
    epilog="Example: guardrails proxy --upstream https://api.anthropic.com --port 8090, then start the "
    "client with ANTHROPIC_BASE_URL=http://127.0.0.1:8090"
)
@click.option("--upstream", help="Address of the gateway or provider behind it.")
@served
def proxy(settings_file: Path | None, **given: object) -> None:
    """Judge what passes between a client and a gateway or provider.

    OpenAI, Anthropic, Gemini and Bedrock requests and responses, streams included, are judged on their
    way; everything else is passed through. The client's own credentials are sent on and never looked at.
    """
    run(settings_file, given, proxy=True)
