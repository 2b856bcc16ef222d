"""`guardrails vault`: says how much is kept, erases it, and never shows it."""

import time

import pytest
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.masking import Kept, Keys
from guardrails.masking.vault import SqliteStore, Vault

SECRET = "s" * 40
VALUE = "ada.unmistakable@example.com"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vault.sqlite"


@pytest.fixture
def vault(file):
    made = Vault(SqliteStore(file), Keys(SECRET.encode()), 60)
    for tenant, conversation in (("acme", "given:c1"), ("acme", "claude-code:s1"), ("other", "given:c1")):
        made.keep(tenant, conversation, {"MASKED_A_1": Kept(VALUE, "EMAIL_ADDRESS", ("mail",))}, time.time())
    made.keep("acme", "given:old", {"MASKED_A_1": Kept(VALUE, "EMAIL_ADDRESS", ("mail",))}, time.time() - 100)
    return made


def run(file, *arguments, **environment):
    environment = {"GUARDRAILS_SECRET": SECRET, "GUARDRAILS_VAULT": str(file), **environment}
    result = CliRunner().invoke(cli, ["vault", *arguments], env=environment)
    assert "unmistakable" not in result.output
    return result.exit_code, result.output.strip()


def test_stats_count_what_has_not_expired(vault, file):
    """All of it, or one tenant's."""
    assert run(file, "stats") == (0, "conversations 3\nvalues 3")
    assert run(file, "stats", "--tenant", "other") == (0, "conversations 1\nvalues 1")


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--tenant", "acme", "--conversation", "c1"], "1 value"),
        (["--tenant", "acme", "--conversation", "claude-code:s1"], "1 value"),
        (["--tenant", "acme"], "3 values"),
        (["--all"], "4 values"),
        (["--tenant", "nobody"], "0 values"),
    ],
)
def test_forget_erases_what_is_named(vault, file, arguments, count):
    """A conversation by the name that the gateway gave, or the one that the service made."""
    assert run(file, "forget", *arguments) == (0, f"{count} erased")
    assert run(file, "forget", *arguments) == (0, "0 values erased")


def test_purge_erases_what_has_expired(vault, file):
    """And nothing else."""
    assert run(file, "purge") == (0, "1 value erased")
    assert run(file, "stats") == (0, "conversations 3\nvalues 3")


@pytest.mark.parametrize("arguments", [[], ["--conversation", "c1"], ["--all", "--tenant", "acme"]])
def test_what_to_forget_must_be_said(vault, file, arguments):
    """Nothing is erased by a command that does not say what."""
    code, output = run(file, "forget", *arguments)

    assert code == 2
    assert "--all" in output
    assert vault.find("acme", "given:c1", time.time())


def test_an_erasure_that_could_not_be_made_is_no_success(file):
    """No vault at that place, no secret, none in the settings."""
    assert run(file, "forget", "--all")[0] == 3
    assert run(file, "forget", "--all", GUARDRAILS_VAULT="redis://127.0.0.1:1/0")[0] == 3
    assert run(file, "forget", "--all", GUARDRAILS_VAULT="none")[0] == 2
    assert run(file, "forget", "--all", GUARDRAILS_SECRET="", GUARDRAILS_VAULT="auto")[0] == 2
    assert run(file, "forget", "--all", GUARDRAILS_SECRET="short")[0] == 2
