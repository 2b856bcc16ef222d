"""Phrase banks that are kept as text: `[section]` lines, then one phrase a line; `#` begins a remark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "banks"


@cache
def read(name: str) -> dict[str, tuple[str, ...]]:
    """The phrases of a bank by section. A literal `\\n` in a phrase is a line break."""
    sections: dict[str, list[str]] = {}
    phrases: list[str] = []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if (
            line.startswith("[")
            and line.endswith("]")
            and line[1:-1].replace("_", "").isalpha()
            and line.islower()
        ):
            phrases = sections.setdefault(line[1:-1], [])
        elif line.strip() and not (line.startswith("#") and not sections):
            phrases.append(line.replace("\\n", "\n"))
    return {name: tuple(found) for name, found in sections.items()}
