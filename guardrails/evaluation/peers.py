"""Other scanners of secrets, run on the same texts in the same run.

A peer is told no more than the texts: each is a file of a folder that is gone afterwards.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from guardrails.model import Span

Which = Callable[[str], str | None]
"""Where a program is, by its name; None when it is not installed."""


class PeerRun(msgspec.Struct, frozen=True):
    """What a peer found, by text; `seconds` is its wall-clock time, start included.

    `missing` says why there is no result.
    """

    name: str
    version: str = ""
    spans: tuple[tuple[Span, ...], ...] = ()
    seconds: float = 0.0
    missing: str | None = None


def run(name: str, texts: Sequence[str], which: Which) -> PeerRun:
    """Runs one of `NAMES` over all texts. Raises `KeyError` for another name."""
    return _PEERS[name](texts, which)


def _detect_secrets(texts: Sequence[str], _which: Which) -> PeerRun:
    name = "detect-secrets"
    if find_spec("detect_secrets") is None:
        return PeerRun(name, missing="the package detect-secrets is not installed")
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import default_settings

    spans = []
    with tempfile.TemporaryDirectory() as folder, default_settings():
        files = _written(texts, Path(folder))
        start = time.perf_counter()
        for file, text in zip(files, texts, strict=True):
            found = SecretsCollection()
            found.scan_file(str(file))
            places = [(one.secret_value, one.line_number) for _, one in found]
            spans.append(tuple(_spans(text, [(value, line) for value, line in places if value])))
        seconds = time.perf_counter() - start
    return PeerRun(name, version("detect-secrets"), tuple(spans), seconds)


def _gitleaks(texts: Sequence[str], which: Which) -> PeerRun:
    arguments = ["dir", "--no-banner", "--log-level", "error", "--exit-code", "0"]
    arguments += ["--report-format", "json", "--report-path", "-"]

    def findings(output: str) -> list[tuple[str, str, int]]:
        records: list[dict[str, Any]] = json.loads(output or "[]")
        return [(one["File"], one["Secret"], one["StartLine"]) for one in records]

    return _program("gitleaks", ("version",), arguments, findings, texts, which)


def _kingfisher(texts: Sequence[str], which: Which) -> PeerRun:
    arguments = ["scan", "--no-validate", "--no-update-check", "--no-dedup", "--git-history", "none"]
    arguments += ["--format", "json", "--quiet", "--jobs", "1"]

    def findings(output: str) -> list[tuple[str, str, int]]:
        report = json.loads(output.splitlines()[0]) if output.strip() else {"findings": []}
        found = [one["finding"] for one in report["findings"]]
        return [(one["path"], one["snippet"], one["line"]) for one in found]

    return _program("kingfisher", ("--version",), arguments, findings, texts, which)


def _program(
    name: str,
    version_arguments: Sequence[str],
    arguments: Sequence[str],
    findings: Callable[[str], list[tuple[str, str, int]]],
    texts: Sequence[str],
    which: Which,
) -> PeerRun:
    program = which(name)
    if program is None:
        return PeerRun(name, missing=f"no program {name} on the search path")
    told = subprocess.run([program, *version_arguments], capture_output=True, text=True, check=False)  # noqa: S603
    with tempfile.TemporaryDirectory() as folder:
        files = _written(texts, Path(folder))
        numbers = {file.name: number for number, file in enumerate(files)}
        start = time.perf_counter()
        done = subprocess.run([program, *arguments, folder], capture_output=True, check=False)  # noqa: S603
        seconds = time.perf_counter() - start
    try:
        found = findings(done.stdout.decode("utf-8", "replace"))
    except (ValueError, KeyError, TypeError):
        return PeerRun(name, missing=f"{name} gave no report (exit code {done.returncode})")
    places: list[list[tuple[str, int]]] = [[] for _ in texts]
    for path, value, line in found:
        places[numbers[Path(path).name]].append((value, line))
    spans = tuple(tuple(_spans(text, one)) for text, one in zip(texts, places, strict=True))
    return PeerRun(name, told.stdout.split()[-1] if told.stdout.split() else "", spans, seconds)


def _written(texts: Sequence[str], folder: Path) -> list[Path]:
    files = [folder / f"{number:06}.txt" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8", errors="replace", newline="")
    return files


def _spans(text: str, places: Sequence[tuple[str, int]]) -> list[Span]:
    """Where values stand that a peer gives with their line: at the line or else where they come first."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = []
    for value, number in places:
        at = text.find(value, starts[min(max(number, 1), len(starts)) - 1])
        at = at if at >= 0 else text.find(value)
        if at >= 0 and value:
            spans.append(Span(at, at + len(value)))
    return spans


_PEERS: dict[str, Callable[[Sequence[str], Which], PeerRun]] = {
    "detect-secrets": _detect_secrets,
    "gitleaks": _gitleaks,
    "kingfisher": _kingfisher,
}
NAMES = tuple(_PEERS)
