"""The real gateway, the real service and a small upstream, each on a free loopback port."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import anthropic
import openai
import pytest
import servers
from ruamel.yaml import YAML

from policies import masking_mail

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEY = "the end-to-end key"
START = HERE / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"

POLICY = masking_mail(
    "e2e",
    """\
  - id: back
    title: A value that comes back
    severity: medium
    detect: {type: regex, pattern: 'BACK-[a-z]{4}', label: PROJECT}
    action: mask
    mask: {with: placeholder, restore: {kinds: [text]}}
  - id: dropin.word
    title: A word that only the drop-in endpoints deny
    severity: high
    detect: {type: words, words: [DROPINDENY]}
    action: deny
    scope: {routes: [presidio, lakera, gid, moderations, azure]}
  - id: dropin.value
    title: A value that only the drop-in endpoints mask
    severity: medium
    detect: {type: regex, pattern: 'dropin-[a-z]{4}', label: EMAIL_ADDRESS}
    action: mask
    mask: {with: placeholder}
    scope: {routes: [presidio, lakera, gid, moderations, azure]}
""",
)


@pytest.fixture(scope="session")
def upstream():
    spec = importlib.util.spec_from_file_location("e2e_upstream", HERE / "upstream.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Upstream()
    yield made
    made.close()


@pytest.fixture
def chat(url):
    """OpenAI's SDK, for a module with a fixture `url` that says where it asks."""
    with openai.OpenAI(api_key="sk-provider", base_url=f"{url}/v1", max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def claude(url):
    """Anthropic's SDK."""
    with anthropic.Anthropic(api_key="sk-provider", base_url=url, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def guard(tmp_path_factory):
    """The service's URL, and the file that all its output goes to."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "policies").mkdir()
    (folder / "policies/e2e.yaml").write_text(POLICY)
    with servers.guard(folder, folder / "policies", KEY, vault=folder / "vault.sqlite") as running:
        yield running.url, running.output


@pytest.fixture(scope="session")
def portkey(tmp_path_factory):
    """The real gateway's URL."""
    node = shutil.which("node")
    if node is None or not START.exists():
        reason = "the Portkey gateway is not installed: run `npm ci --prefix tests/e2e/portkey`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    port = servers.free_port()
    with (tmp_path_factory.mktemp("portkey") / "output").open("wb") as output:
        process = subprocess.Popen(
            [
                node,
                "--require",
                str(HERE / "portkey/loopback.cjs"),
                str(START),
                f"--port={port}",
                "--headless",
            ],
            env={**os.environ, "NODE_ENV": "production"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            servers.wait(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            servers.stop(process)


def _drop_ins(url):
    """LiteLLM's own guardrails for other products, pointed at the service."""
    base, key = f"{url}/compat", {"api_key": KEY}
    in_url = f"{url.replace('://', f'://any:{quote(KEY)}@')}/compat/presidio/"
    return {
        "presidio": {
            "guardrail": "presidio",
            "mode": "pre_call",
            "presidio_analyzer_api_base": in_url,
            "presidio_anonymizer_api_base": in_url,
            "pii_entities_config": {"EMAIL_ADDRESS": "MASK"},
        },
        "lakera": {"guardrail": "lakera_v2", "mode": "pre_call", "api_base": f"{base}/lakera", **key},
        "moderations": {
            "guardrail": "openai_moderation",
            "mode": "pre_call",
            "api_base": f"{base}/openai/v1",
            **key,
        },
        "bedrock": {
            "guardrail": "bedrock",
            "mode": "pre_call",
            "guardrailIdentifier": "gid",
            "guardrailVersion": "1",
            "aws_region_name": "us-east-1",
            "aws_access_key_id": KEY,
            "aws_secret_access_key": "any",
            "aws_bedrock_runtime_endpoint": f"{base}/bedrock",
            "mask_request_content": True,
        },
        "azure": {
            "guardrail": "azure/text_moderations",
            "mode": "pre_call",
            "api_base": f"{base}/azure",
            **key,
        },
        "shield": {
            "guardrail": "azure/prompt_shield",
            "mode": "pre_call",
            "api_base": f"{base}/azure",
            **key,
        },
    }


@pytest.fixture(scope="session")
def silent():
    """The URL of what takes calls and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(scope="session")
def litellm(tmp_path_factory, upstream, guard, silent):
    """The real LiteLLM proxy's URL, set up as `docs/gateways/litellm.md` says, and a few variants."""
    command = ROOT / ".venv-litellm/bin/litellm"
    if not command.exists():
        reason = "the LiteLLM proxy is not installed: run `make .venv-litellm/.done`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    (example,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs/gateways/litellm.md").read_text("utf-8"), re.DOTALL
    )
    config = YAML(typ="safe", pure=True).load(example.replace("http://127.0.0.1:8080", guard[0]))
    _, response = (one["litellm_params"] for one in config["guardrails"])
    variants = {
        "down": {**response, "mode": "pre_call", "api_base": "http://127.0.0.1:9"},
        "slow": {**response, "mode": "pre_call", "api_base": silent, "timeout": 0.5},
        "blocking": {**response, "headers": {"x-guardrails-on-mask": "block"}, "streaming_sampling_rate": 1},
        **_drop_ins(guard[0]),
        "wrong key": {**response, "mode": "pre_call", "api_key": "wrong"},
    }
    for name, params in variants.items():
        more = {"guardrail_name": name, "litellm_params": {**params, "default_on": False}}
        config["guardrails"].append(more)
    base = f"http://127.0.0.1:{upstream.port}"
    openai_, anthropic_ = f"{base}/v1", base
    config["model_list"] = [
        {"model_name": name, "litellm_params": {"model": model, "api_base": at, "api_key": "u"}}
        for name, model, at in (
            ("gpt", "openai/m", openai_),
            ("embed", "openai/e", openai_),
            ("claude", "anthropic/m", anthropic_),
        )
    ]
    config["general_settings"] = {"master_key": KEY}
    config["litellm_settings"] = {"drop_params": True, "telemetry": False, "num_retries": 0}
    folder = tmp_path_factory.mktemp("litellm")
    with (folder / "config.yaml").open("w") as file:
        YAML().dump(config, file)
    port = servers.free_port()
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "GUARDRAILS_KEY": KEY}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [command, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            servers.wait(f"http://127.0.0.1:{port}/health/liveliness", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            servers.stop(process)
