"""What a benchmark found: rows with a ratio to the peer that was measured in the same run."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.servers import Measured

KEPT = Path(__file__).parent / "results" / "latest.json"
"""The run that the tables in the documents and the chart are made from."""


class Row(msgspec.Struct, frozen=True):
    """One figure: a median, and how far its rounds lie apart (half of the middle half, as a share of it).

    `ratio` is to the floor or peer of the same run, None where there is none.
    """

    what: str
    value: float
    unit: str
    ratio: float | None
    p50_ms: float | None = None
    p99_ms: float | None = None
    spread: float | None = None

    @classmethod
    def of(cls, what: str, measured: Measured, floor: Measured) -> Row:
        return cls(
            what,
            measured.cpu * 1e3,
            "ms CPU",
            measured.cpu / floor.cpu,
            measured.quantile(0.5) * 1e3,
            measured.quantile(0.99) * 1e3,
            spread(measured.rounds),
        )


class Table(msgspec.Struct, frozen=True):
    """What one benchmark found. `peer` is what the ratios are to."""

    title: str
    peer: str
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        columns = ("what", "value", "±", f"x {self.peer}", "p50 ms", "p99 ms")
        used = [any(cell[place] for cell in map(_cells, self.rows)) for place in range(len(columns))]
        lines = [_line(columns, used), _line(["---"] * len(columns), used)]
        return "\n".join([*lines, *(_line(_cells(row), used) for row in self.rows)])


class Run(msgspec.Struct, frozen=True):
    """A run of benchmarks: when, on what, and what came of each, by name."""

    date: str
    machine: str
    tables: dict[str, Table]

    @classmethod
    def kept(cls) -> Run:
        return msgspec.json.decode(KEPT.read_bytes(), type=cls)


def spread(rounds: Sequence[float]) -> float | None:
    """Half the distance between the quartiles, as a share of the median; None for fewer than four."""
    if len(rounds) < 4:
        return None
    low, middle, high = statistics.quantiles(rounds, n=4)
    return (high - low) / 2 / middle


def document(run: Run) -> str:
    """The tables of a run, as they stand in `benchmarks/README.md`."""
    head = f"{run.date}, {run.machine}.\n"
    return "\n".join([head, *(f"### {one.title}\n\n{one.markdown()}\n" for one in run.tables.values())])


def summary(run: Run) -> str:
    """The rows for the README: how many times what our personal data and secret rules cost, in one run."""
    rows = [row for row in run.tables["peers"].rows if row.ratio is not None and row.ratio != 1.0]
    lines = [f"| {row.what} | {_ratio(row.ratio)} |" for row in rows]
    return "\n".join(
        ["| 16 KB of new code, CPU | times ours for personal data and secrets |", "|---|---|", *lines]
    )


def placed(text: str, name: str, content: str) -> str:
    """A document with what stands between its marks `<!-- name -->` and `<!-- /name -->` replaced."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    return marks.sub(lambda match: f"{match[1]}{content.strip()}{match[2]}", text)


def _line(cells: Sequence[str], used: Sequence[bool]) -> str:
    return f"| {' | '.join(cell for cell, wanted in zip(cells, used, strict=True) if wanted)} |"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        f"{row.value:.3g} {row.unit}",
        "" if row.spread is None else f"{row.spread:.0%}",
        _ratio(row.ratio),
        "" if row.p50_ms is None else f"{row.p50_ms:.2f}",
        "" if row.p99_ms is None else f"{row.p99_ms:.2f}",
    )


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.2g}"
