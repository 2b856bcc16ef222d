"""What a conversation costs over its turns, with a memory and without."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from benchmarks import workloads
from benchmarks.report import Row
from guardrails.cache import Cache
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Hook
from guardrails.policy.compile import load_set

TURNS = 100


def run() -> list[Row]:
    policies = load_set([Path(__file__).resolve().parents[1] / "policies"])
    keys = Keys(b"b" * 32)
    bodies = [workloads.encoded(workloads.conversation(turn, seed=2)) for turn in range(1, TURNS + 1)]
    remembering = Engine(policies, keys, Cache(64_000_000))
    forgetful = Engine(policies, keys)
    _spent(forgetful, bodies[-1:])  # what is compiled on first use
    full = _spent(forgetful, bodies)
    known = _spent(remembering, bodies)
    return [
        Row("full rescan at every turn", full * 1e3, "ms CPU", 1.0),
        Row("with a memory", known * 1e3, "ms CPU", known / full),
    ]


def _spent(engine: Engine, bodies: list[bytes]) -> float:
    started = time.process_time()
    for body in bodies:
        engine.judge_json(
            body, Hook.REQUEST, Context(), deadline=Deadline.after(600), today=dt.date(2026, 1, 1)
        )
    return time.process_time() - started
