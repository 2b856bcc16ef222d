"""Starts real servers for tests, on loopback, and stops them."""

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(url, process):
    """Waits until something answers at `url`, however it answers."""
    for _ in range(600):
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


def stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Guard:
    """A running `guardrails serve`: its URL, its process, and the file that all its output goes to."""

    def __init__(self, url, process, output):
        self.url = url
        self.process = process
        self.output = output

    def written(self):
        return self.output.read_text("utf-8", "replace")


@contextlib.contextmanager
def guard(folder, policies, key, **settings):
    """Serves `policies` to the tenant `acme`, who has `key`; `settings` as in `service.settings`."""
    with _started(folder, ["serve", "-p", str(policies)], "/health/ready", key, settings) as running:
        yield running


@contextlib.contextmanager
def proxy(folder, policies, upstream, key=None, **settings):
    """`guardrails proxy` before `upstream`; with a `key`, which is that of the tenant `acme`."""
    command = ["proxy", "--upstream", upstream, "-p", str(policies)]
    with _started(folder, command, "/guardrails/health/ready", key, settings) as running:
        yield running


@contextlib.contextmanager
def _started(folder, command, ready, key, settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUARDRAILS_")}
    environment |= {"GUARDRAILS_SECRET": "s" * 40}
    environment |= {f"GUARDRAILS_{name.upper()}": str(value) for name, value in settings.items()}
    if key is not None:
        digest = hashlib.sha256(key.encode()).hexdigest()
        (folder / "keys.yaml").write_text(f"- tenant: acme\n  sha256: {digest}\n")
        environment["GUARDRAILS_KEYS_FILE"] = str(folder / "keys.yaml")
    port = free_port()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "guardrails", *command, "--port", str(port)],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait(f"http://127.0.0.1:{port}{ready}", process)
            yield Guard(f"http://127.0.0.1:{port}", process, folder / "output")
        finally:
            stop(process)
