"""Reads secrets that share a name: in the columns of a table, and the items of a list or a mapping.

Tables of Markdown, `psql` and `mysql`, comma- and tab-separated values, the columns of a SQL `INSERT`;
`API_KEYS = {"prod": "...", "dev": "..."}`, and lists of JSON, YAML and code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from guardrails.catalogue.names import Telling, telling
from guardrails.detectors.assignments import (
    OPEN,
    STRONG,
    Assignment,
    Join,
    name_end,
    name_start,
    quoted_end,
    words,
)
from guardrails.detectors.base import Foresight, Match, Pattern

MAX_TABLE = 4_096
"""How far behind its header a table is read, in characters."""

_NAME = r"[\w .$-]{0,30}"
_EDGE = r"[\"'`*]{0,3}[ \t]{0,40}"
MAX_LIST = 1_024
"""How far behind its name a list or a mapping is read, in characters."""

_COLUMNS = "insert columns"
_ITEMS = "items"
_LINES = "items by line"
_PLURAL = r"(?:pass(?:word|wd|phrase)|secret|token|credential|cred|api[_ -]?key|access[_ -]?key)s"
PATTERNS = (
    Pattern(
        id="table column",
        expression=rf"{STRONG}{_NAME}{_EDGE}(?:[|;\t]|,[\w\"'])",
        ignorecase=True,
        ascii=True,
        plain=True,
    ),
    Pattern(
        id="last table column",
        expression=rf"{STRONG}{_NAME}{_EDGE}\r?\n",
        ignorecase=True,
        ascii=True,
        plain=True,
    ),
    Pattern(
        id=_ITEMS,
        expression=(
            rf"{_PLURAL}\\{{0,3}}[\"'`\]]{{0,2}}\s?"
            r"(?::\s?[\w\[\]<>, ]{1,40}\s?=|:=|=>|[:=])\s{0,9}[\[({]"
        ),
        ignorecase=True,
        ascii=True,
        plain=True,
    ),
    Pattern(
        id=_LINES,
        expression=rf"{_PLURAL}[\"']?:[ \t]{{0,9}}\r?(?=\n[ \t]{{0,40}}- )",
        ignorecase=True,
        ascii=True,
        plain=True,
    ),
    Pattern(
        id=_COLUMNS,
        expression=(
            r"insert\s{1,9}into\s{1,9}[^\s()]{1,120}\s{0,9}"
            rf"\((?P<columns>[^()]{{0,300}}{STRONG}[^()]{{0,300}})\)\s{{0,9}}values\s{{0,9}}"
        ),
        ignorecase=True,
        ascii=True,
        plain=True,
    ),
)
# A header has none of what code is full of, and a line without a separator ends a table.
_GOES_ON = r"(?:\n[^\n|,;\t+]*[|,;\t+][^\n]*)*(?:\n[^\n|,;\t+]*)?"
FORESIGHT = (
    Foresight(MAX_TABLE, undecided=rf"[^\n(){{}}=:<>]*{_GOES_ON}"),
    Foresight(MAX_TABLE, undecided=rf"(?:[^\n]*{_GOES_ON})?"),
    Foresight(MAX_LIST, undecided=r"[^\])}]*"),
    Foresight(MAX_LIST, undecided=r"(?:\n[ \t]*(?:-[^\n]*)?)*"),
    # Literals and what is between them: a statement ends with anything else.
    Foresight(MAX_TABLE, undecided=r"(?:[\s(),\w.+-]|'[^']*'?|\"[^\"]*\"?)*"),
)
"""For each of `PATTERNS`."""

_NO_HEADER = re.compile(r"[(){}=:<>]")
_LONGEST_HEADER = 600
_SEPARATORS = "|\t;,"
_RULE = re.compile(r"[ \t|+:=-]+")
_COLUMN = re.compile(r"[\w.$#/-]{1,40}(?: [\w$#/()-]{1,20}){0,3}")
_CELL = re.compile(r"[ \t]*(?:\"((?:[^\"\r\n]|\"\")*)\"|'([^'\r\n]*)'|([^\r\n]*?))[ \t]*\Z")
_QUOTED = re.compile(r" {0,20}\"[^\"]*\"")
_LITERAL = re.compile(r"'((?:[^'\\]|''|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s,()'\"]+)|([(),])")
_MARKS = "`*"


def read(text: str, matches: Sequence[Match]) -> Iterator[Assignment]:
    """The pairs of a column's name and a value in it, for matches of `PATTERNS`, in order.

    `match.pattern` is the number among `PATTERNS`.
    """
    reached = -1
    for match in sorted(matches, key=lambda one: one.outer_start):
        other = _OTHERS.get(PATTERNS[match.pattern].id)
        if other is not None:
            yield from other(text, match)
        elif match.outer_end > reached:
            start = text.rfind("\n", 0, match.start) + 1
            end = text.find("\n", match.end - 1)
            reached = len(text) if end < 0 else end
            if reached - start <= _LONGEST_HEADER and _NO_HEADER.search(text, start, reached) is None:
                pairs, reached = _rows(text, start, reached)
                yield from pairs


def _rows(text: str, start: int, end: int) -> tuple[list[Assignment], int]:
    """What is below the header `[start, end)`, and where the table ends as far as it was read."""
    separator = next((one for one in _SEPARATORS if one in text[start:end]), ",")
    names = [text[first:last].strip(" \t\"'`*") for first, last in _cells(text, start, end, separator)]
    pairs: list[Assignment] = []
    if not all(map(_COLUMN.fullmatch, names)) or not (columns := _telling(names)):
        return pairs, end
    limit = min(len(text), end + MAX_TABLE)
    while end < limit:
        start = end + 1
        last = text.find("\n", start, limit)
        last = limit if last < 0 else last
        if not _RULE.fullmatch(text, start, last):
            cells = _cells(text, start, last, separator)
            if len(cells) != len(names):
                break
            for column, name in columns.items():
                pairs += _pair(text, *cells[column], name)
        end = last
    return pairs, end


def _cells(text: str, start: int, end: int, separator: str) -> list[tuple[int, int]]:
    """The spans of a line's cells, without those that a line begins and ends with for looks."""
    if text[end - 1 : end] == "\r":
        end -= 1
    cells: list[tuple[int, int]] = []
    at = start
    while at <= end:
        first = at
        quoted = _QUOTED.match(text, at, end) if separator != "|" else None  # within quotes it is none
        if quoted:
            first = quoted.end()
        stop = text.find(separator, first, end)
        stop = end if stop < 0 else stop
        cells.append((at, stop))
        at = stop + 1
    if separator == "|":
        line = text[start:end].strip()
        cells = cells[line.startswith("|") : len(cells) - line.endswith("|")]
    return cells


def _inserted(text: str, match: Match) -> Iterator[Assignment]:
    start, end = match.groups["columns"]
    telling_columns = _telling([name.strip(" \t\r\n\"'`[]") for name in text[start:end].split(",")])
    column = depth = 0
    for item in _LITERAL.finditer(text, match.outer_end, match.outer_end + MAX_TABLE):
        mark = item[4]
        if mark == "(":
            depth, column = depth + 1, 0 if depth == 0 else column
        elif mark == ")":
            depth -= 1
        elif mark == ",":
            column += depth == 1
        elif depth == 0:
            return
        elif depth == 1 and column in telling_columns and item[3] is None:
            yield from _pair(text, *item.span(1 if item[1] is not None else 2), telling_columns[column])


def _telling(names: Sequence[str]) -> dict[int, str]:
    """The columns that hold secrets, with their names; none of a table of one column."""
    if len(names) < 2:
        return {}
    return {
        number: name
        for number, name in enumerate(names)
        if telling(words(name)) in {Telling.PASSWORD, Telling.TOKEN}
    }


def _pair(text: str, start: int, end: int, name: str) -> Iterator[Assignment]:
    cell = _CELL.match(text, start, end)
    if cell is None:
        return
    group = next(number for number in (1, 2, 3) if cell[number] is not None)
    start, end = cell.span(group)
    while start < end and text[start] in _MARKS and text[end - 1] in _MARKS:
        start, end = start + 1, end - 1
    if end > start and " " not in text[start:end]:
        yield Assignment(start, end, text[start:end], words(name), " ", " ", Join.ENTRY, group != 3)


_ITEM = re.compile(
    rf"[\s,]{{0,40}}(?:(?:\\{{0,7}}[\"'][^\"'\\\r\n]{{1,60}}\\{{0,7}}[\"']|[\w.-]{{1,60}})\s{{0,3}}(?::|=>?)\s{{0,3}})?{OPEN}"
)
_LINE = re.compile(r"\r?\n[ \t]{0,40}- [ \t]{0,3}([\"']?)([^\s\"']{1,400})\1[ \t]{0,9}(?=\r?\n|\Z| #)")


def _items(text: str, match: Match) -> Iterator[Assignment]:
    name = text[name_start(text, match.start) : name_end(text, match.start)]
    at, limit = match.outer_end, match.outer_end + MAX_LIST
    while item := _ITEM.match(text, at, limit):
        end = quoted_end(text, item.end(), item["quote"], len(item["escapes"]))
        if end is None or end > limit:
            return
        yield from _pair(text, item.end(), end, name)
        at = end + len(item["quote"]) + len(item["escapes"])


def _lines(text: str, match: Match) -> Iterator[Assignment]:
    name = text[name_start(text, match.start) : name_end(text, match.start)]
    at, limit = match.outer_end, match.outer_end + MAX_LIST
    while line := _LINE.match(text, at, limit):
        yield from _pair(text, *line.span(2), name)
        at = line.end()


_OTHERS: dict[str, Callable[[str, Match], Iterator[Assignment]]] = {
    _COLUMNS: _inserted,
    _ITEMS: _items,
    _LINES: _lines,
}
