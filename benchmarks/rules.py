"""Cost against the number of rules, which should be flat, and against length, which should be linear."""

from __future__ import annotations

import datetime as dt
import time

from benchmarks import workloads
from benchmarks.report import Row
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Address, Context, Hook, Kind, Role, Segment
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file

COUNTS = (10, 100, 1_000)
LENGTHS = (4_000, 64_000, 1_000_000)


def run() -> list[Row]:
    rows: list[Row] = []
    text = workloads.code(64_000, seed=3)
    first = None
    for count in COUNTS:
        spent = _spent(_engine(count), text)
        first = first or spent
        rows.append(Row(f"64 KB of code, {count} rules", spent * 1e3, "ms CPU", spent / first))
    engine = _engine(100)
    first = None
    for length in LENGTHS:
        spent = _spent(engine, workloads.code(length, seed=4)) / length
        first = first or spent
        rows.append(
            Row(f"{length} characters of code, 100 rules", spent * 1e9, "ns a character", spent / first)
        )
    return rows


def _engine(count: int) -> Engine:
    rules = "".join(
        f"  - {{id: r.{number}, title: r, severity: low, action: flag, "
        f"detect: {{type: regex, pattern: 'ticket-{number}-[A-Z]{{3}}\\d{{4}}'}}}}\n"
        for number in range(count)
    )
    compiled = compile_files([load_file(f"version: 1\npolicy: many\nrules:\n{rules}", "many.yaml")])
    assert compiled.policies is not None
    return Engine(compiled.policies, Keys(b"b" * 32))


def _spent(engine: Engine, text: str) -> float:
    """The least of several runs, in seconds of CPU."""
    segment = Segment(Address(""), Role.TOOL, Kind.TOOL_OUTPUT, text)
    runs = []
    for _ in range(7):
        started = time.process_time()
        engine.judge(
            [segment], Hook.REQUEST, Context(), deadline=Deadline.after(60), today=dt.date(2026, 1, 1)
        )
        runs.append(time.process_time() - started)
    return min(runs)
