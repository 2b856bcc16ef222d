"""The real gateway, the real service and a small upstream, each on a free loopback port."""

import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
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


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(url, process):
    for _ in range(300):
        if process.poll() is not None:
            raise AssertionError(f"{url}: the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


def _stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    (folder / "keys.yaml").write_text(f"- tenant: acme\n  sha256: {digest}\n")
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUARDRAILS_")}
    environment |= {"GUARDRAILS_KEYS_FILE": str(folder / "keys.yaml"), "GUARDRAILS_SECRET": "s" * 40}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "guardrails",
                "serve",
                "-p",
                str(folder / "policies"),
                "--port",
                str(port),
            ],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health/ready", process)
            yield f"http://127.0.0.1:{port}", folder / "output"
        finally:
            _stop(process)


@pytest.fixture(scope="session")
def portkey(tmp_path_factory):
    """The real gateway's URL."""
    node = shutil.which("node")
    if node is None or not START.exists():
        reason = "the Portkey gateway is not installed: run `npm ci --prefix tests/e2e/portkey`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    port = _free_port()
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
            _wait(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)
