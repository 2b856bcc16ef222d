"""`guardrails schema`: the JSON Schema of policy files."""

from __future__ import annotations

import json

import rich_click as click

from guardrails.policy.schema import json_schema


@click.command(epilog="Example: guardrails schema > policy-v1.json")
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
