"""The running process: signals, load, hostile bodies, policies that vanish."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import servers

ROOT = Path(__file__).resolve().parents[2]
KEY = "a key of the running process"
MAIL = "zelda.unmistakable@example.com"
HOOK = "/v1/hooks/before-request"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    return tmp_path


def client(guard):
    return httpx.Client(base_url=guard.url, headers={"x-api-key": KEY}, timeout=60, trust_env=False)


def chat(text):
    return {"body": {"messages": [{"role": "user", "content": text}]}}


def until(check):
    """Waits for what the process does in its own time."""
    for _ in range(400):
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def test_a_request_in_flight_is_answered_before_the_process_ends(folder):
    """SIGTERM in the middle of a body: the body is read to its end, judged and answered; then it is over."""
    payload = json.dumps(chat(f"mail {MAIL}")).encode()
    with servers.guard(folder, folder / "policies", KEY) as guard:
        host, port = guard.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = (
                f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: {len(payload)}\r\n"
            )
            connection.sendall(head.encode() + b"\r\n" + payload[:20])
            time.sleep(0.3)
            guard.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            connection.sendall(payload[20:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
        guard.process.wait(20)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"verdict":"mask"' in answer
    assert MAIL not in guard.written()


def test_a_signal_reloads_and_a_vanished_folder_changes_nothing(folder):
    """SIGHUP reads the policies again; when they are gone the last good set goes on judging, and says so."""
    with servers.guard(folder, folder / "policies", KEY, reload_seconds=0) as guard, client(guard) as http:
        before = http.get("/health/ready").json()
        (folder / "policies/content.yaml").unlink()
        guard.process.send_signal(signal.SIGHUP)
        state = until(lambda: (s := http.get("/health/ready").json())["reloads"] and s)
        assert state["policy"] != before["policy"]

        shutil.rmtree(folder / "policies")
        guard.process.send_signal(signal.SIGHUP)
        assert until(lambda: http.get("/health/ready").json()["problem"])
        assert http.post(HOOK, json=chat(f"mail {MAIL}")).json()["verdict"] == "mask"
        assert http.get("/health/ready").json()["policy"] == state["policy"]


def test_beyond_the_limits_a_caller_is_told_when_to_come_back(folder):
    """While one exchange is judged and no more may be, the next is refused with `Retry-After`."""
    words = " ".join(f"user{number}@example.com" for number in range(150_000))
    limits = {"max_in_flight": 1, "threads": 1, "deadline_seconds": 20}
    with servers.guard(folder, folder / "policies", KEY, **limits) as guard, client(guard) as http:
        done = threading.Event()

        def keep_busy():
            while not done.is_set():
                assert other.post(HOOK, json=chat(words)).status_code in {200, 503}

        def refusal():
            answer = http.post(HOOK, json=chat("hi"))
            return answer if answer.status_code != 200 else None

        with ThreadPoolExecutor(1) as pool, client(guard) as other:
            busy = pool.submit(keep_busy)
            try:
                refused = until(refusal)
            finally:
                done.set()
            busy.result()
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert until(lambda: http.post(HOOK, json=chat("hi")).status_code == 200)


def test_hostile_bodies_are_answered_and_the_service_goes_on(folder):
    """Too large, too deep, a megabyte without a space, all escapes: an answer, no crash, no pass."""
    with servers.guard(folder, folder / "policies", KEY, deadline_seconds=20) as guard, client(guard) as http:
        too_large = http.post(HOOK, content=b'{"body":"' + b"x" * 64_000_000 + b'"}')
        assert too_large.status_code == 413

        def endless():
            for _ in range(64):
                yield b"x" * 1_000_000

        assert http.post(HOOK, content=endless()).status_code == 413  # no length is announced

        deep = b"[" * 10_000 + b"]" * 10_000
        assert http.post(HOOK, content=b'{"body":' + deep + b"}").status_code == 400
        assert http.post("/v1/gateways/portkey", content=deep).json()["verdict"] is False

        for text in (
            "a" * 1_000_000,
            "1" * 1_000_000,
            "%41" * 300_000,
            "\\u0041" * 160_000,
            "&#65;" * 200_000,
            "QUFB" * 250_000,
            "a@" * 500_000,
            "eyJ" * 333_000,
            "-----BEGIN " * 90_000,
            "password=" * 110_000,
            "\u200b" * 300_000,
            '{"a":' * 100_000,
        ):
            answer = http.post(HOOK, json=chat(f"{text} {MAIL}"))
            assert answer.status_code == 200
            # Whether all of it could be looked at or not, the address does not pass.
            assert answer.json()["verdict"] in {"mask", "deny"}, text[:12]
            assert MAIL not in answer.text, text[:12]
        assert http.post(HOOK, json=chat("hello")).json()["verdict"] == "allow"
        assert MAIL not in guard.written()


def test_policies_that_do_not_load_stop_the_start(folder):
    """The process ends with 4, naming file and line, before it listens."""
    (folder / "policies/content.yaml").write_text("version: 1\npolicy: x\nrules:\n  - id: a\n    titel: b\n")
    with (
        pytest.raises(AssertionError, match="ended with 4"),
        servers.guard(folder, folder / "policies", KEY),
    ):
        pass
    assert "content.yaml:5" in (folder / "output").read_text()
    assert "did you mean `title`" in (folder / "output").read_text()


def test_several_workers_serve_as_one(folder):
    """Workers share a port and their counters, reload alike, are replaced when they die, stop together."""
    with servers.guard(folder, folder / "policies", KEY, workers=2) as guard, client(guard) as http:

        def workers():
            return [
                int(file.name)
                for file in Path("/proc").glob("[0-9]*")
                if (file / "stat").exists() and _parent(file) == guard.process.pid
            ]

        def judged():
            text = http.get("/metrics").text
            return sum(float(line.split()[-1]) for line in re.findall(r"guardrails_verdicts_total{.*", text))

        first = until(lambda: len(found := workers()) == 2 and found)
        for number in range(20):
            with client(guard) as other:  # another connection may meet the other worker
                assert other.post(HOOK, json=chat(f"mail {number} {MAIL}")).json()["verdict"] == "mask"
        assert judged() == 20

        os.kill(first[0], signal.SIGKILL)
        until(lambda: len(found := workers()) == 2 and first[0] not in found)
        before = http.get("/health/ready").json()["policy"]
        rules = folder / "policies" / "content.yaml"
        kept = rules.read_text("utf-8")
        rules.write_text(kept.replace("severity: low", "severity: info"), "utf-8")
        try:
            until(lambda: all(_policy(guard) != before for _ in range(10)))
        finally:
            rules.write_text(kept, "utf-8")
    assert guard.process.returncode == 0


def _policy(guard):
    with client(guard) as http:
        return http.get("/health/ready").json()["policy"]


def _parent(process):
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
