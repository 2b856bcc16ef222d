"""What more callers at once, and more workers, do to throughput and latency: 16 KB of code, all of it new."""

from __future__ import annotations

import asyncio
import email
import statistics
import time

from benchmarks import servers, workloads
from benchmarks.report import Row

SECONDS = 4.0
WORKERS = (1, 2)
CALLERS = (1, 8, 64)


def run() -> list[Row]:
    rows: list[Row] = []
    first = None
    for workers in WORKERS:
        # More than the callers there are: what is measured is waiting, not being refused.
        with servers.guard(workers=workers, max_in_flight=256, max_in_flight_per_tenant=256) as guard:
            for callers in CALLERS:
                latencies = asyncio.run(_together(guard, callers))
                rate = len(latencies) / SECONDS
                first = first or rate
                quantiles = statistics.quantiles(latencies, n=100)
                rows.append(
                    Row(
                        f"{workers} worker{'s' * (workers > 1)}, {callers} caller{'s' * (callers > 1)}",
                        rate,
                        "a second",
                        rate / first,
                        quantiles[49] * 1e3,
                        quantiles[98] * 1e3,
                    )
                )
    return rows


async def _together(guard: servers.Server, callers: int) -> list[float]:
    bodies = [
        [workloads.encoded(workloads.retrieval(16_000, caller * 4 + one)) for one in range(4)]
        for caller in range(callers)
    ]
    end = time.monotonic() + SECONDS
    found = await asyncio.gather(*(_call(guard, one, end) for one in bodies))
    return [latency for one in found for latency in one]


async def _call(guard: servers.Server, bodies: list[bytes], end: float) -> list[float]:
    """The latencies of one caller, who asks again as soon as it is answered."""
    head = f"POST {guard.path} HTTP/1.1\r\nhost: guard\r\ncontent-type: application/json\r\ncontent-length: "
    reader, writer = await asyncio.open_connection("127.0.0.1", guard.port)
    latencies: list[float] = []
    while time.monotonic() < end:
        # The memory must not know it: a number before the text makes it new.
        number = len(latencies)
        body = bodies[number % len(bodies)].replace(b'"content": "', b'"content": "%d ' % number)
        body = b'{"body":' + body + b"}"
        started = time.perf_counter()
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, _, fields = answer.partition("\r\n")
        if " 200" not in status:
            raise RuntimeError(status)
        await reader.readexactly(int(email.message_from_string(fields)["content-length"]))
        latencies.append(time.perf_counter() - started)
    writer.close()
    return latencies
