"""The pages about gateways: their configurations parse, and name what is served."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from guardrails.cli.hook import settings
from service.dialects import LOOKS, ROUTES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs/gateways").glob("*.md"))
PATHS = {path for one in (*ROUTES, *LOOKS) for path in (one.path, *one.aliases)}
ENVOY = "envoy"  # which speaks gRPC: `service.extproc` is its dialect
NAMES = {
    "agentgateway": "agentgateway",
    "azure": "azure",
    "bedrock": "bedrock",
    "claude-code": "agents",
    "codex": "agents",
    "cursor": "agents",
    "gemini-cli": "agents",
    "kong": "kong",
    "lakera": "lakera",
    "litellm": "litellm",
    "llm-guard": "llm-guard",
    "moderations": "openai-moderations",
    "portkey": "portkey",
    "presidio": "presidio",
    "truefoundry": "truefoundry",
}


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_holds_a_configuration_that_parses(page):
    """JSON is JSON and YAML is YAML, and there is one to copy."""
    found = [json.loads(one) for one in blocks(page, "json")]
    found += [YAML(typ="safe", pure=True).load(one) for one in blocks(page, "yaml")]

    assert found or blocks(page, "python")
    assert all(isinstance(one, dict) for one in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_address_on_a_page_is_served(page):
    """A path, or the beginning of one that the client completes."""
    urls = re.findall(r"http://[^\s\"'`,)]+", page.read_text("utf-8"))
    wrong = []
    for url in urls:
        parts = urlsplit(url)
        path = parts.path.rstrip("/")
        if path and not any(one == path or one.startswith(f"{path}/") for one in PATHS):
            wrong.append(url)
        assert parts.hostname == "127.0.0.1"
        assert parts.port == 8080

    assert wrong == []


def test_every_dialect_has_a_page_and_the_readme_links_it():
    """A gateway that is served and not described is not found."""
    readme = (ROOT / "README.md").read_text("utf-8")

    pages = {*NAMES.values(), ENVOY}

    assert {route.name for route in ROUTES} - {"own"} == set(NAMES)
    assert pages == {page.stem for page in PAGES}
    for name in pages:
        assert f"(docs/gateways/{name}.md)" in readme


def test_the_agents_page_has_what_install_prints():
    """The page's settings for Codex are those that the command prints."""
    page = ROOT / "docs/gateways/agents.md"

    assert settings("codex", "http://127.0.0.1:8080") in [json.loads(one) for one in blocks(page, "json")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_happens_when_the_service_fails(page):
    """The failure mode is the first thing that an operator has to know."""
    assert "When the service fails" in page.read_text("utf-8")


def test_envoy_gateway_takes_the_attributes_that_its_page_names():
    """Its CRD has a rule for their names, and refuses a policy with others."""
    allowed = re.compile(
        r"(?:(?:connection|source|destination|request|response|upstream)\.|xds\.route_)[a-z_1-9]*"
    )
    found = [YAML(typ="safe", pure=True).load(one) for one in blocks(ROOT / "docs/gateways/envoy.md", "yaml")]
    (policy,) = (one for one in found if one.get("kind") == "EnvoyExtensionPolicy")
    modes = policy["spec"]["extProc"][0]["processingMode"]

    named = [name for side in ("request", "response") for name in modes[side].get("attributes", ())]
    assert named
    assert all(allowed.fullmatch(name) for name in named)
