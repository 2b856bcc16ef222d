"""A real Redis or Valkey server for tests."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest
import redis
import servers


@contextlib.contextmanager
def valkey(folder):
    """The port of a server of one's own; skips where none is installed, and fails in CI."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        reason = "no valkey-server and no redis-server: on Debian `make test` installs one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    port = servers.free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port))
        yield port
    finally:
        servers.stop(process)


def until(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def _answers(port):
    try:
        with redis.Redis(port=port) as made:
            return made.ping()
    except redis.ConnectionError:
        return False
