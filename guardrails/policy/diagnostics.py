"""What is wrong with a policy, for the one who wrote it: file, line, column, the line itself, a help."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import Enum

import msgspec

_WIDTH = 120
_QUOTED = 60
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Level(str, Enum):
    """How much a diagnostic matters: only an error keeps a policy from loading."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Lines and columns count from 1, in code points; None where there is no place to show."""

    level: Level
    code: str
    message: str
    file: str
    line: int | None = None
    column: int | None = None
    source_line: str | None = None
    length: int = 1
    help: str = ""


def render(one: Diagnostic) -> str:
    """The message as text, without colours and without a final line break.

    Characters that could move a terminal's cursor or turn the direction of text are shown as `\ufffd`.
    """
    where = one.file if one.line is None else f"{one.file}:{one.line}:{one.column or 1}"
    gutter = " " * len(str(one.line or 0))
    lines = [_visible(f"{one.level.value}: {one.message}"), f"{gutter}--> {_visible(where)}"]
    if one.source_line is not None and one.line is not None:
        shown, before, marks = _excerpt(one.source_line, (one.column or 1) - 1, one.length)
        lines += [f"{gutter} |", f"{one.line} | {shown}".rstrip(), f"{gutter} | {' ' * before}{'^' * marks}"]
    if one.help:
        lines.append(f"{gutter} = help: {_visible(one.help)}")
    return "\n".join(lines)


def sort_key(one: Diagnostic) -> tuple[str, int, int, str, str]:
    """Orders diagnostics as a reader goes through the files."""
    return one.file, one.line or 0, one.column or 0, one.code, one.message


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them keeps the policy from loading."""
    return any(one.level is Level.ERROR for one in diagnostics)


def quoted(text: str) -> str:
    """What the author wrote, in backticks: on one line, cut when long."""
    short = text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"
    return f"`{short.translate(_ESCAPES)}`"


_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _excerpt(line: str, column: int, length: int) -> tuple[str, int, int]:
    """The part of a line around a column, the cells before its marks, and the cells that they take."""
    column = min(column, len(line))
    left = 0 if len(line) <= _WIDTH else max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    right = min(len(line), left + _WIDTH)
    head = "…" if left else ""
    tail = "…" if right < len(line) else ""
    before = _visible(line[left:column])
    marked = _visible(line[column : min(column + max(1, length), right)])
    shown = f"{head}{_visible(line[left:right])}{tail}"
    return shown, len(head) + _cells(before), max(1, _cells(marked))


def _visible(text: str) -> str:
    return "".join(
        " " if char == "\t" else "\ufffd" if unicodedata.category(char) in _UNSEEN else char for char in text
    )


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
