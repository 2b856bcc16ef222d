"""`guardrails eval`: how well the detectors do on labelled data."""

from __future__ import annotations

import rich_click as click

from guardrails.cli.eval_content import content
from guardrails.cli.eval_pii import pii
from guardrails.cli.eval_secrets import secrets


@click.group(name="eval")
def evaluate() -> None:
    """Measure detectors on labelled data, side by side with peers."""


evaluate.add_command(content)
evaluate.add_command(secrets)
evaluate.add_command(pii)
