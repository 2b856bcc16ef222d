"""The command line: exit codes that mean one thing each, and output without values."""

import json

import pytest
from click.testing import CliRunner

from guardrails.cli import cli

MAIL = "ada.lovelace@example.com"


def run(*arguments, **more):
    return CliRunner().invoke(cli, [str(one) for one in arguments], **more)


def test_check_passes_the_shipped_policies():
    """`guardrails check` exits with 0 and counts what it checked."""
    result = run("check")

    assert result.exit_code == 0
    assert "0 errors" in result.output


@pytest.mark.parametrize("output", ["text", "json", "sarif", "github"])
def test_check_reports_errors_in_every_format(tmp_path, output):
    """A bad file exits with 1, and each format names the place."""
    (tmp_path / "bad.yaml").write_text("version: 1\npolicy: p\nruls: []\n")
    result = run("check", tmp_path, "--format", output)

    assert result.exit_code == 1
    assert "ruls" in result.output
    if output in {"json", "sarif"}:
        json.loads(result.stdout)


@pytest.mark.parametrize("output", ["text", "json", "jsonl", "sarif"])
def test_scan_says_where_and_hides_what(tmp_path, output):
    """A finding has a line and a column; the value is nowhere in the output."""
    file = tmp_path / "prompt.txt"
    file.write_text(f"first line\nmail {MAIL} now\n")
    result = run("scan", file, "--format", output)

    assert result.exit_code == 1
    assert "pii.contact" in result.output
    assert MAIL not in result.output
    if output == "text":
        assert f"{file}:2:6" in result.output


def test_scan_reads_standard_input_and_jsonl(tmp_path):
    """`-` is standard input; a `.jsonl` file is a prompt a line, as a text or a gateway's body."""
    assert run("scan", "-", input="nothing here").exit_code == 0
    file = tmp_path / "log.jsonl"
    body = {"messages": [{"role": "user", "content": MAIL}]}
    file.write_text(json.dumps("fine") + "\n" + json.dumps(body) + "\n")
    record = json.loads(run("scan", file, "--format", "jsonl").output)

    assert record["record"] == 2
    assert record["pointer"] == "/messages/0/content"


def test_what_cannot_be_read_is_not_nothing_found(tmp_path):
    """A missing file, or a line that is not JSON, exits with 3."""
    assert run("scan", tmp_path / "absent").exit_code == 3
    file = tmp_path / "log.jsonl"
    file.write_text("{broken\n")

    assert run("scan", file).exit_code == 3


def test_fail_on_sets_the_threshold(tmp_path):
    """Below the asked severity, or with `never`, findings do not fail."""
    file = tmp_path / "prompt.txt"
    file.write_text(MAIL)

    assert run("scan", file, "--fail-on", "critical").exit_code == 0
    assert run("scan", file, "--fail-on", "never").exit_code == 0
    assert run("scan", file, "--fail-on", "medium").exit_code == 1


def test_values_are_shown_at_a_terminal_only(tmp_path):
    """`--show-values` into a pipe is a usage error."""
    assert run("scan", tmp_path, "--show-values").exit_code == 2


def test_policies_that_do_not_load_exit_with_4(tmp_path):
    """A scan without policies does not pass for a clean one."""
    assert run("scan", "-", "--policies", tmp_path / "none", input="x").exit_code == 4


def test_rules_and_schema_answer():
    """The rules are listed, one is shown, an unknown one is suggested for; the schema is JSON."""
    assert "secret.credential" in run("rules").output
    assert "A live credential" in run("rules", "secret.credential").output
    assert "did you mean `secret.credential`" in run("rules", "secret.credentials").output
    listed = json.loads(run("rules", "--format", "json").output)
    assert {"id": "secret.credential", "action": "mask"}.items() <= next(
        one for one in listed if one["id"] == "secret.credential"
    ).items()
    assert json.loads(run("schema").output)["$id"] == "policy-v1.json"


@pytest.mark.parametrize("command", ["check", "scan", "serve", "rules", "schema", "key", "settings"])
def test_every_command_has_help(command):
    """Each command explains itself."""
    result = run(command, "--help")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_scan_explains_without_the_value(tmp_path):
    """`--explain` says which pattern, proof, context word and score led to a finding, and no value."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\npolicy: p\nrules:\n  - id: pii.id\n    title: A number\n    severity: low\n"
        "    detect: {type: pii, entities: [PL_PESEL]}\n    action: flag\n"
    )
    file = tmp_path / "prompt.txt"
    file.write_text("my PESEL is 44051401458")
    result = run("scan", file, "-p", policy, "--explain")

    assert result.exit_code == 1
    assert "why: shape of PL_PESEL, proof pl.pesel, context word pesel; score 1.00" in result.output
    assert "44051401458" not in result.output
    assert "why" not in run("scan", file, "-p", policy).output
    assert run("scan", file, "-p", policy, "--explain", "--format", "json").exit_code == 2


def test_entities_are_listed_with_their_groups():
    """`guardrails entities` resolves groups and globs, and suggests names."""
    result = run("entities", "DE_*", "contact", "--format", "json")
    rows = {row["entity"]: row for row in json.loads(result.stdout)}

    assert rows["DE_TAX_ID"]["aliases"] == ["DE_STEUER_ID"]
    assert "contact" in rows["EMAIL_ADDRESS"]["groups"]
    assert run("entities", "EMAIL_ADRESS").exit_code == 2
    assert "DE_TAX_ID" in run("entities").output
