"""The README's examples run."""

import json
import re
from pathlib import Path

from litestar.testing import TestClient

from guardrails.cli.rules import markdown
from guardrails.policy.compile import compile_files, load_set
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove
from service.app import create_app
from service.settings import Settings, table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_policy_example_holds():
    """The README's policy loads, and its examples are as marked."""
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    compiled = compile_files([load_file(text, "README.md")])

    assert compiled.diagnostics == ()
    assert prove(compiled) == []


def test_the_curl_example_is_masked():
    """What the README sends to the service is answered with a mask."""
    (payload,) = re.findall(r"-d '(.*?)'", README)
    with TestClient(create_app(Settings(policies=str(ROOT / "policies")))) as client:
        assert client.post("/v1/hooks/before-request", content=payload).json()["verdict"] == "mask"


def test_the_portkey_configuration_is_json_and_names_our_route():
    """The configuration to paste parses, and its URL is the one that is served."""
    (text,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    config = json.loads(text)

    assert config["input_guardrails"][0]["default.webhook"]["webhookURL"].endswith("/v1/gateways/portkey")


def test_the_settings_table_is_the_generated_one():
    """The README's table is what `guardrails settings` prints."""
    assert table() in README


def test_the_policies_page_is_the_generated_one():
    """`policies/README.md` is what `guardrails rules --format markdown` prints."""
    page = markdown(load_set([ROOT / "policies"]).rules)

    assert page == (ROOT / "policies/README.md").read_text("utf-8")
