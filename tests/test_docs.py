"""The README's examples run."""

import datetime as dt
import json
import re
import shlex
from pathlib import Path

from litestar.testing import TestClient

from guardrails.cli.proxy import proxy
from guardrails.cli.rules import markdown
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Hook, Verdict
from guardrails.policy.compile import compile_files, load_set
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove
from service.app import create_app
from service.proxy.routes import route
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


def test_the_proxys_commands_have_the_options_they_are_shown_with():
    """Every `guardrails proxy` in the documentation is a command line that the program takes."""
    pages = README + (ROOT / "docs/proxy.md").read_text("utf-8")
    shown = re.findall(r"^guardrails proxy ([^#\n]*)", pages, re.MULTILINE)
    assert shown
    for line in shown:
        made = proxy.make_context("proxy", shlex.split(line), resilient_parsing=False)
        assert made.params["upstream"].startswith("https://")


def test_the_proxys_example_request_is_masked():
    """What the page sends through the proxy reaches the upstream without the address."""
    (payload,) = re.findall(r"-d '(.*?)'", (ROOT / "docs/proxy.md").read_text("utf-8"))
    judged = Engine(load_set([ROOT / "policies"]), Keys(b"k" * 32)).judge_json(
        payload.encode(), Hook.REQUEST, Context(), deadline=Deadline.after(10), today=dt.date(2026, 11, 24)
    )

    assert judged.decision.verdict is Verdict.MASK
    assert route("POST", "/v1/chat/completions") is not None
