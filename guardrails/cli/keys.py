"""`guardrails key`: make an API key."""

from __future__ import annotations

import rich_click as click


@click.command(epilog="Example: guardrails key acme >> keys.yaml")
@click.argument("tenant")
def key(tenant: str) -> None:
    """Make an API key for TENANT.

    The record for the keys file, which holds only the key's hash, goes to standard output; the key
    itself is shown once, on standard error.
    """
    import json

    from service.auth import new_key

    text, digest = new_key()
    click.echo(f"- tenant: {json.dumps(tenant)}\n  sha256: {digest}")
    click.echo(f"key for {tenant} (shown this once): {text}", err=True)
