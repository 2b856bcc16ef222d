"""`python -m benchmarks [NAME...]`: measures side by side with floors and peers, and prints ratios."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from pathlib import Path

import msgspec

from benchmarks import chart, fairness, growth, hook, peers, rules, scaling, streams
from benchmarks.report import KEPT, Run, Table, document, placed, summary

ALL = {
    "hook": ("HTTP hook, shipped policies", "echo", hook.run),
    "fairness": ("Small exchanges beside large ones", "p50 alone", fairness.run),
    "growth": ("A conversation of 100 turns growing to 800 KB", "full rescan", growth.run),
    "peers": ("16 KB of code, never seen before", "ours", peers.run),
    "streams": ("Streams through the proxy", "passing through", streams.run),
    "scaling": ("More callers and more workers, 16 KB of new code", "one caller", scaling.run),
    "rules": ("Cost by number of rules and by length of text", "first", rules.run),
}
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(ALL)}; all by default")
    parser.add_argument("--json", type=Path, help="file to keep the figures in")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the figures in the repository and write the tables and the chart of the documents anew; "
        "what is not measured now stays as it was",
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in ALL]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(ALL)}")
    tables: dict[str, Table] = {}
    for name in options.names or ALL:
        title, peer, measure = ALL[name]
        print(f"{title} ...", file=sys.stderr)
        tables[name] = Table(title, peer, tuple(measure()))
        print(f"## {title}\n\n{tables[name].markdown()}\n")
    if options.json:
        options.json.write_bytes(_encoded(_run(tables)))
    if options.keep:
        known = {**(Run.kept().tables if KEPT.exists() else {}), **tables}
        write(_run({name: known[name] for name in ALL if name in known}))


def write(run: Run) -> None:
    """Keeps a run, and writes what the documents say of it."""
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(_encoded(run))
    chart.draw(run, KEPT.with_name("peers.svg"))
    for file, name, content in (
        (ROOT / "benchmarks" / "README.md", "run", document(run)),
        (ROOT / "README.md", "benchmarks", summary(run)),
    ):
        file.write_text(placed(file.read_text("utf-8"), name, content), "utf-8")


def _run(tables: dict[str, Table]) -> Run:
    python = f"Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}"
    return Run(dt.datetime.now(dt.UTC).date().isoformat(), machine, tables)


def _encoded(run: Run) -> bytes:
    return msgspec.json.format(msgspec.json.encode(run)) + b"\n"


if __name__ == "__main__":
    main()
