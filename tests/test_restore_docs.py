"""The examples in docs/restore.md run."""

import json
import re
import shlex
from pathlib import Path

from click.testing import CliRunner
from litestar.testing import TestClient

from guardrails.cli import cli
from guardrails.masking import Restore, Restored
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove
from service.app import create_app
from service.settings import Settings

PAGE = (Path(__file__).resolve().parents[1] / "docs/restore.md").read_text("utf-8")
(POLICY,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_policy_holds():
    """It loads, and its examples are as marked."""
    compiled = compile_files([load_file(POLICY, "restore.md")])

    assert compiled.diagnostics == ()
    assert prove(compiled) == []


def test_the_calls_give_the_value_back(tmp_path):
    """The first one's placeholder in the second one's response."""
    before, after = (json.loads(one) for one in re.findall(r"-d '(.*?)'\n", PAGE))
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = Settings(
        policies=str(tmp_path / "policy.yaml"), secret="s" * 40, vault=str(tmp_path / "vault")
    )
    with TestClient(create_app(settings)) as client:
        masked = client.post("/v1/hooks/before-request", json=before).json()["body"]["messages"][0]["content"]
        text = json.dumps(after).replace("MASKED_...", masked.removeprefix("mail "))
        answer = client.post("/v1/hooks/after-response", content=text).json()

    assert answer["body"]["choices"][0]["message"]["content"] == "Sent to ada@example.com"


def test_the_commands_run(tmp_path):
    """Each `guardrails vault` on the page does what it says."""
    lines = re.findall(r"^guardrails (vault .*)$", PAGE, re.MULTILINE)
    environment = {"GUARDRAILS_SECRET": "s" * 40, "GUARDRAILS_VAULT": str(tmp_path / "vault")}
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = Settings(
        policies=str(tmp_path / "policy.yaml"), secret="s" * 40, vault=str(tmp_path / "vault")
    )
    said = {"body": {"messages": [{"role": "user", "content": "mail ada@example.com"}]}}
    with TestClient(create_app(settings)) as client:
        client.post("/v1/hooks/before-request", json={**said, "context": {"conversation": "7c1f"}})

    assert len(lines) == 5
    for line in lines:
        result = CliRunner().invoke(cli, shlex.split(line), env=environment)
        assert result.exit_code == 0, result.output


def test_the_tables_name_every_key_and_outcome():
    """What a policy may say and what is counted is on the page."""
    for name in (*Restore.__struct_fields__, *Restored.__struct_fields__):
        assert f"| `{name}` |" in PAGE
