"""Draws how many times our cost the peers take."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Run


def draw(run: Run, file: Path) -> None:
    """A bar for each peer on a logarithmic axis, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "guardrails"  # the same figures give the same file
    import matplotlib.pyplot as plt

    rows = [row for row in reversed(run.tables["peers"].rows) if row.ratio is not None]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.4 * len(rows)), layout="constrained")
    bars = axes.barh([row.what for row in rows], [row.ratio for row in rows], color="#4477aa")
    axes.bar_label(bars, labels=[f"{row.ratio:.3g}" for row in rows], padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("CPU for 16 KB of new code, in times of ours (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.15)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
