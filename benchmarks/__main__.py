"""`python -m benchmarks [NAME...]`: runs benchmarks and prints tables; `--json FILE` keeps the figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from benchmarks import fairness, growth, hook, peers, rules, streams
from benchmarks.report import Row, table

ALL = {
    "hook": ("HTTP hook, shipped policies", hook.run, "echo"),
    "fairness": ("Small exchanges beside large ones", fairness.run, "p50 alone"),
    "growth": ("A conversation of 100 turns growing to 800 KB", growth.run, "full rescan"),
    "peers": ("16 KB of code, never seen before", peers.run, "ours"),
    "streams": ("Streams through the proxy", streams.run, "passing through"),
    "rules": ("Cost by number of rules and by length of text", rules.run, "first"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(ALL)}; all by default")
    parser.add_argument("--json", type=Path, help="file to keep the figures in")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in ALL]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(ALL)}")
    figures: dict[str, list[Row]] = {}
    for name in options.names or ALL:
        title, run, peer = ALL[name]
        print(f"{title} ...", file=sys.stderr)
        figures[name] = run()
        print(table(title, figures[name], peer))
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
