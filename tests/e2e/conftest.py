"""The real gateway, the real service and a small upstream, each on a free loopback port."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import servers

HERE = Path(__file__).parent
KEY = "the end-to-end key"
START = HERE / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"

POLICY = """\
version: 1
policy: e2e
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {type: pii, entities: [EMAIL_ADDRESS]}
    action: mask
    mask: {with: placeholder}
  - id: word
    title: A forbidden word
    severity: high
    detect: {type: words, words: [DENYME]}
    action: deny
"""


@pytest.fixture(scope="session")
def upstream():
    spec = importlib.util.spec_from_file_location("e2e_upstream", HERE / "upstream.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Upstream()
    yield made
    made.close()


@pytest.fixture(scope="session")
def guard(tmp_path_factory):
    """The service's URL, and the file that all its output goes to."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "policies").mkdir()
    (folder / "policies/e2e.yaml").write_text(POLICY)
    with servers.guard(folder, folder / "policies", KEY) as running:
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
