"""Streams through the proxy: CPU for 1,000 tokens, time to the first token, and how much is held back.

The peer is the same proxy with a policy that has nothing to say about responses: it passes the bytes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks import servers, workloads
from benchmarks.report import Row
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context
from guardrails.policy.compile import load_set
from guardrails.streams.judge import Stream, StreamEngine

TOKENS = 1_000
_TOKEN = 4  # characters
_SILENT = """\
version: 1
policy: silent
rules:
  - id: none
    title: Nothing
    severity: low
    detect: {type: words, words: [x]}
    action: flag
    scope: {hooks: [request]}
"""


def run() -> list[Row]:
    texts = {
        "prose": (workloads.CHAT * 40)[: TOKENS * _TOKEN],
        "code": workloads.code(TOKENS * _TOKEN, seed=3),
        "prose with an address every 50 tokens": _with_mail(workloads.CHAT * 40)[: TOKENS * _TOKEN],
    }
    rows: list[Row] = []
    with _upstream(texts) as port, tempfile.TemporaryDirectory() as folder:
        silent = Path(folder) / "silent.yaml"
        silent.write_text(_SILENT)
        with _proxy(port, str(silent)) as passing, _proxy(port, "policies") as judging:
            for name in texts:
                floor = _measure(passing, name)
                judged = _measure(judging, name)
                rows.append(Row.of(f"{name}, {TOKENS} tokens", judged, floor))
    on = StreamEngine(Engine(load_set([Path("policies")]), Keys(b"k" * 32)))
    for name, text in texts.items():
        held = _held(on, text)
        rows += [
            Row(f"{name}, held back, median", statistics.median(held), "characters", None),
            Row(f"{name}, held back, mean", statistics.mean(held), "characters", None),
            Row(f"{name}, held back, p99", statistics.quantiles(held, n=100)[98], "characters", None),
        ]
    return rows


def _with_mail(text: str) -> str:
    size = 50 * _TOKEN
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(f"{part} user{number}@example.com " for number, part in enumerate(parts))


def _held(on: StreamEngine, text: str) -> list[int]:
    """How many characters are held back after each token."""
    stream = Stream(on, Context(), dt.date(2026, 11, 23))
    judge = stream.channel()
    held = []
    for at in range(0, len(text), _TOKEN):
        judge.feed(text[at : at + _TOKEN], Deadline.after(10))
        held.append(judge.held)
    return held


@contextlib.contextmanager
def _proxy(upstream: int, policies: str) -> Iterator[servers.Server]:
    port = servers.free_port()
    command = [sys.executable, "-m", "guardrails", "proxy", "--upstream", f"http://127.0.0.1:{upstream}"]
    command += ["-p", policies, "--port", str(port)]
    path = "/v1/chat/completions"
    with servers.started(command, port, path, GUARDRAILS_SECRET="s" * 40) as server:
        yield server


def _measure(server: servers.Server, name: str, seconds: float = 0.5) -> servers.Measured:
    """CPU seconds of the proxy for a stream, by rounds, and the times to the first token, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps(
        {"model": name, "stream": True, "messages": [{"role": "user", "content": "go"}]}
    ).encode()
    _ask(connection, server.path, body)
    rounds: list[float] = []
    firsts: list[float] = []
    for _ in range(servers.ROUNDS):
        before, first = server.cpu(), len(firsts)
        while (spent := server.cpu() - before) < seconds:
            firsts.append(_ask(connection, server.path, body))
        rounds.append(spent / (len(firsts) - first))
    connection.close()
    return servers.Measured(rounds, firsts)


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> float:
    begun = time.perf_counter()
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    line = b""
    while not line.startswith(b"data: "):
        line = answer.readline()
    first = time.perf_counter() - begun
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}")
    return first


@contextlib.contextmanager
def _upstream(texts: dict[str, str]) -> Iterator[int]:
    """Streams the text that the model is named after, each token in a packet of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = texts[asked["model"]]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for at in range(0, len(text), _TOKEN):
                delta = {"content": text[at : at + _TOKEN]}
                chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
                data = f"data: {json.dumps(chunk)}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            done = b"data: [DONE]\n\n"
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
