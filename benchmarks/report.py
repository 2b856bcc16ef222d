"""What a benchmark found: rows with a ratio to the peer that was measured in the same run."""

from __future__ import annotations

import msgspec

from benchmarks.servers import Measured


class Row(msgspec.Struct, frozen=True):
    """One figure; `ratio` is to the floor or peer of the same run, None where there is none."""

    what: str
    value: float
    unit: str
    ratio: float | None
    p50_ms: float | None = None
    p99_ms: float | None = None

    @classmethod
    def of(cls, what: str, measured: Measured, floor: Measured) -> Row:
        return cls(
            what,
            measured.cpu * 1e3,
            "ms CPU",
            measured.cpu / floor.cpu,
            measured.quantile(0.5) * 1e3,
            measured.quantile(0.99) * 1e3,
        )


def table(title: str, rows: list[Row], peer: str) -> str:
    """The rows as a Markdown table."""
    lines = [f"## {title}", "", f"| what | value | x {peer} | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        times = ["" if one is None else f"{one:.2f}" for one in (row.p50_ms, row.p99_ms)]
        lines.append(f"| {row.what} | {row.value:.2f} {row.unit} | {ratio} | {times[0]} | {times[1]} |")
    return "\n".join(lines) + "\n"
