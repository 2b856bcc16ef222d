"""Starts what is measured, on loopback, counts its CPU time, and stops it."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Server:
    """A process that answers on a port of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, path: str) -> None:
        self.port = port
        self.path = path
        self._process = process

    def cpu(self) -> float:
        """Seconds of CPU that the process has used (Linux)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes of resident memory (Linux)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@contextlib.contextmanager
def started(command: Sequence[str], port: int, path: str, **environment: str) -> Iterator[Server]:
    process = subprocess.Popen(
        list(command),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield Server(process, port, path)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def guard(policies: str = "policies", **settings: object) -> Iterator[Server]:
    """Our service with the shipped policies."""
    port = free_port()
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "guardrails", "serve", "-p", policies, "--port", str(port)]
        environment = {f"GUARDRAILS_{name.upper()}": str(value) for name, value in settings.items()}
        environment |= {"GUARDRAILS_SECRET": "s" * 40, "GUARDRAILS_CACHE": cache}
        with started(command, port, "/v1/hooks/before-request", **environment) as server:
            # It is bound before its patterns are compiled: the answer waits for them.
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            connection.request("GET", "/health/ready")
            connection.getresponse().read()
            connection.close()
            yield server


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    port = free_port()
    with started([sys.executable, "-m", "benchmarks.echo", str(port)], port, "/") as server:
        yield server


class Measured:
    """CPU seconds a request by rounds, their median, and the latencies seen by the caller in seconds."""

    def __init__(self, rounds: list[float], latencies: list[float]) -> None:
        self.rounds = rounds
        self.cpu = statistics.median(rounds)
        self.latencies = latencies

    def quantile(self, share: float) -> float:
        return statistics.quantiles(self.latencies, n=1_000, method="inclusive")[round(share * 1_000) - 1]


ROUNDS = 5


def measure(server: Server, payload: Callable[[int], bytes], seconds: float = 0.5) -> Measured:
    """Sends requests one after the other, in rounds of so many seconds of the server's CPU time."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for number in range(3):
        ask(connection, server.path, payload(-1 - number))
    number = 0
    rounds: list[float] = []
    latencies: list[float] = []
    for _ in range(ROUNDS):
        before, first = server.cpu(), number
        end = time.monotonic() + 10 * seconds
        while (spent := server.cpu() - before) < seconds and time.monotonic() < end:
            for _ in range(20):
                body = payload(number)
                started_at = time.perf_counter()
                ask(connection, server.path, body)
                latencies.append(time.perf_counter() - started_at)
                number += 1
        rounds.append(spent / (number - first))
    connection.close()
    return Measured(rounds, latencies)


def ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    """One request; raises on anything but 200."""
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}")
    return data


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
