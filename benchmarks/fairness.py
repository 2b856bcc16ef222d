"""What large exchanges do to small ones: 1 KB requests alone, then beside 1 MB of new text after another."""

from __future__ import annotations

import http.client
import threading
import time

from benchmarks import servers, workloads
from benchmarks.report import Row

SECONDS = 6.0


def run() -> list[Row]:
    with servers.guard() as guard:
        alone = _latencies(guard)
        stop = threading.Event()
        large = threading.Thread(target=_keep_busy, args=(guard, stop))
        large.start()
        try:
            beside = _latencies(guard)
        finally:
            stop.set()
            large.join()
    return [
        Row(
            name,
            measured.quantile(0.99) * 1e3,
            "ms p99",
            measured.quantile(0.99) / alone.quantile(0.5),
            measured.quantile(0.5) * 1e3,
            measured.quantile(0.99) * 1e3,
        )
        for name, measured in (("1 KB alone", alone), ("1 KB beside 1 MB, new, one after another", beside))
    ]


def _latencies(guard: servers.Server) -> servers.Measured:
    connection = http.client.HTTPConnection("127.0.0.1", guard.port, timeout=60)
    latencies = []
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        body = b'{"body":' + workloads.encoded(workloads.chat(1_000, number)) + b"}"
        started = time.perf_counter()
        servers.ask(connection, guard.path, body)
        latencies.append(time.perf_counter() - started)
        number += 1
        time.sleep(0.003)
    connection.close()
    return servers.Measured([0.0], latencies)


def _keep_busy(guard: servers.Server, stop: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", guard.port, timeout=60)
    prepared = [
        b'{"body":' + workloads.encoded(workloads.conversation(110, seed=100 + number)) + b"}"
        for number in range(8)
    ]
    number = 0
    while not stop.is_set():
        # The tenant's memory must not know it: a word at the start of every text makes it new.
        body = prepared[number % len(prepared)].replace(b'"text": "', b'"text": "%d ' % number)
        servers.ask(connection, guard.path, body)
        number += 1
    connection.close()
