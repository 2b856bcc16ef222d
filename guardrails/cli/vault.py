"""`guardrails vault`: what is kept so that masked values can come back, and how it is erased."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from guardrails.cli.common import Exit

if TYPE_CHECKING:
    from guardrails.masking.vault import Vault


@click.group(
    epilog="Exit codes: 0 done; 2 the command line or a setting is wrong; 3 the vault could not be used, so "
    "nothing is certain."
)
def vault() -> None:
    """The vault of masked values: look how much it holds, erase from it.

    Which vault it is say the settings of the service (GUARDRAILS_VAULT and GUARDRAILS_SECRET_FILE, or a
    file of settings). Values and names are never shown.
    """


def _with_vault(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the vault of the settings, and says where it could not be used."""

    @click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="YAML file of settings, as for `guardrails serve`.",
    )
    @wraps(command)
    def run(settings_file: Path | None, **given: Any) -> None:
        from guardrails.masking.vault import VaultError

        try:
            command(_opened(settings_file), **given)
        except VaultError as error:
            click.echo(str(error), err=True)
            sys.exit(Exit.UNJUDGED)

    return run


def _opened(settings_file: Path | None) -> Vault:
    from guardrails.masking import Keys
    from service.settings import SettingsError, from_process, secret_of
    from service.vault import vault_of

    try:
        settings = from_process(settings_file)
        secret = secret_of(settings)
        opened = None if secret is None else vault_of(settings, Keys(secret))
    except (SettingsError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    if secret is None:
        raise click.UsageError("the vault needs the service's secret: set GUARDRAILS_SECRET_FILE")
    if opened is None:
        raise click.UsageError("the settings name no vault")
    return opened


@vault.command(epilog="Example: guardrails vault forget --tenant acme --conversation 7c1f")
@click.option("--tenant", help="Erase what is kept of this tenant.")
@click.option("--conversation", help="Only of this conversation, as it was named to the service.")
@click.option("--all", "everything", is_flag=True, help="Erase all that is kept, of every tenant.")
@_with_vault
def forget(opened: Vault, tenant: str | None, conversation: str | None, everything: bool) -> None:
    """Erase kept values, of a tenant, of one of its conversations, or all.

    A conversation is named as in the header or the member `conversation`; those of agents and of the
    Responses API are `claude-code:SESSION`, `response:ID` and `conversation:ID`.
    """
    if everything == (tenant is not None) or (conversation is not None and tenant is None):
        raise click.UsageError("say `--tenant`, with or without `--conversation`, or `--all`")
    names = [None] if conversation is None else [conversation, f"given:{conversation}"]
    count = sum(opened.forget(tenant, name) for name in names)
    click.echo(f"{count} value{'' if count == 1 else 's'} erased")


@vault.command()
@_with_vault
def purge(opened: Vault) -> None:
    """Erase what has expired. The service does so too, every now and then while it keeps values."""
    count = opened.purge(_now())
    click.echo(f"{count} value{'' if count == 1 else 's'} erased")


@vault.command()
@click.option("--tenant", help="Only of this tenant.")
@_with_vault
def stats(opened: Vault, tenant: str | None) -> None:
    """Say how many values of how many conversations are kept."""
    size = opened.size(tenant, _now())
    click.echo(f"conversations {size.conversations}\nvalues {size.values}")


def _now() -> float:
    import time

    return time.time()
