"""Reads secrets that share a name: in the columns of a table, and the items of a list or a mapping.

Tables of Markdown, `psql` and `mysql`, comma- and tab-separated values, the columns of a SQL `INSERT`;
`API_KEYS = {"prod": "...", "dev": "..."}`, and lists of JSON, YAML and code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

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

MAX_LIST = 1_024
"""How far behind its name a list or a mapping is read, in characters."""

_LONGEST_HEADER = 600
_NO_HEADER = re.compile(r"[(){}=:<>]")  # a header has none of what code is full of
_SEPARATORS = "|\t;,"
_RULE = re.compile(r"[ \t|+:=-]+")
_COLUMN = re.compile(r"[\w.$#/-]{1,40}(?: [\w$#/()-]{1,20}){0,3}")
_CELL = re.compile(r"[ \t]*(?:\"((?:[^\"\r\n]|\"\")*)\"|'([^'\r\n]*)'|([^\r\n]*?))[ \t]*\Z")
_QUOTED = re.compile(r" {0,20}\"[^\"]*\"")
_MARKS = "`*"
_LITERAL = re.compile(r"'((?:[^'\\]|''|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s,()'\"]+)|([(),])")
_ITEM = re.compile(
    r"[\s,]{0,40}(?:(?:\\{0,7}[\"'][^\"'\\\r\n]{1,60}\\{0,7}[\"']|[\w.-]{1,60})\s{0,3}(?::|=>?)\s{0,3})?"
    + OPEN
)
_LINE = re.compile(r"\r?\n[ \t]{0,40}- [ \t]{0,3}([\"']?)([^\s\"']{1,400})\1[ \t]{0,9}(?=\r?\n|\Z| #)")


class _Table(msgspec.Struct, frozen=True):
    """What stands below a header, as far as it was read: up to `end`, where it is `over` or the text is."""

    pairs: list[Assignment]
    end: int
    over: bool


def _table(text: str, at: int, until: int) -> _Table:
    """The table whose header has a telling name at `at`, in a text that is there up to `until`."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at, until)
    if end < 0:
        over = until - start > _LONGEST_HEADER or _NO_HEADER.search(text, start, until) is not None
        return _Table([], until, over)
    pairs: list[Assignment] = []
    separator = next((one for one in _SEPARATORS if one in text[start:end]), ",")
    columns: dict[int, str] = {}
    names: list[str] = []
    if end - start <= _LONGEST_HEADER and _NO_HEADER.search(text, start, end) is None:
        names = [text[first:last].strip(" \t\"'`*") for first, last in _cells(text, start, end, separator)]
        columns = _telling(names) if all(map(_COLUMN.fullmatch, names)) else {}
    if not columns:
        return _Table(pairs, end, over=True)
    limit = min(until, end + MAX_TABLE)
    while end < limit:
        start = end + 1
        last = text.find("\n", start, limit)
        whole, last = last >= 0, limit if last < 0 else last
        if not _RULE.fullmatch(text, start, last):
            cells = _cells(text, start, last, separator)
            if len(cells) != len(names):
                return _Table(pairs, end, over=whole or limit < until)
            for column, name in columns.items():
                pairs += _pair(text, *cells[column], name)
        end = last
    return _Table(pairs, end, over=limit < until)


def _is_over(text: str, start: int, _end: int, until: int) -> bool:
    """Whether nothing behind `until` belongs to a table with a column that is named at `start`."""
    return _table(text, start, until).over


def _cells(text: str, start: int, end: int, separator: str) -> list[tuple[int, int]]:
    """The spans of a line's cells, without those that a line begins and ends with for looks."""
    if text[end - 1 : end] == "\r":
        end -= 1
    cells: list[tuple[int, int]] = []
    at = start
    while at <= end:
        quoted = _QUOTED.match(text, at, end) if separator != "|" else None  # within quotes it is none
        stop = text.find(separator, quoted.end() if quoted else at, end)
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


def _items(text: str, match: Match) -> Iterator[Assignment]:
    at, limit = match.outer_end, match.outer_end + MAX_LIST
    while item := _ITEM.match(text, at, limit):
        end = quoted_end(text, item.end(), item["quote"], len(item["escapes"]))
        if end is None or end > limit:
            return
        yield from _pair(text, item.end(), end, _name(text, match))
        at = end + len(item["quote"]) + len(item["escapes"])


def _lines(text: str, match: Match) -> Iterator[Assignment]:
    at, limit = match.outer_end, match.outer_end + MAX_LIST
    while line := _LINE.match(text, at, limit):
        yield from _pair(text, *line.span(2), _name(text, match))
        at = line.end()


def _name(text: str, match: Match) -> str:
    return text[name_start(text, match.start) : name_end(text, match.start)]


class _Form(msgspec.Struct, frozen=True):
    """A way to list values: what locates it, how it is read (None for tables), and how far that looks."""

    pattern: Pattern
    foresight: Foresight
    read: Callable[[str, Match], Iterator[Assignment]] | None = None


_located = partial(Pattern, ignorecase=True, ascii=True, plain=True)
_PLURAL = r"(?:pass(?:word|wd|phrase)|secret|token|credential|cred|api[_ -]?key|access[_ -]?key)s"
_NAMED = rf"{STRONG}[\w .$-]{{0,30}}[\"'`*]{{0,3}}[ \t]{{0,40}}"
_COLUMN_TO_COME = Foresight(_LONGEST_HEADER + MAX_TABLE, decided=_is_over)
_FORMS = (
    _Form(_located(id="table column", expression=rf"{_NAMED}(?:[|;\t]|,[\w\"'])"), _COLUMN_TO_COME),
    _Form(_located(id="last table column", expression=rf"{_NAMED}\r?\n"), _COLUMN_TO_COME),
    _Form(
        _located(
            id="items",
            expression=(
                rf"{_PLURAL}\\{{0,3}}[\"'`\]]{{0,2}}\s?"
                r"(?::\s?[\w\[\]<>, ]{1,40}\s?=|:=|=>|[:=])\s{0,9}[\[({]"
            ),
        ),
        Foresight(MAX_LIST, undecided=r"[^\])}]*"),
        _items,
    ),
    _Form(
        _located(id="items by line", expression=rf"{_PLURAL}[\"']?:[ \t]{{0,9}}\r?(?=\n[ \t]{{0,40}}- )"),
        Foresight(MAX_LIST, undecided=r"(?:\n[ \t]*(?:-[^\n]*)?)*"),
        _lines,
    ),
    _Form(
        _located(
            id="insert columns",
            expression=(
                r"insert\s{1,9}into\s{1,9}[^\s()]{1,120}\s{0,9}"
                rf"\((?P<columns>[^()]{{0,300}}{STRONG}[^()]{{0,300}})\)\s{{0,9}}values\s{{0,9}}"
            ),
        ),
        # Literals and what is between them: a statement ends with anything else.
        Foresight(MAX_TABLE, undecided=r"(?:[\s(),\w.+-]|'[^']*'|\"[^\"]*\")*(?:'[^']*|\"[^\"]*)?"),
        _inserted,
    ),
)
PATTERNS = tuple(one.pattern for one in _FORMS)
FORESIGHT = tuple(one.foresight for one in _FORMS)
"""For each of `PATTERNS`."""


def read(text: str, matches: Sequence[Match]) -> Iterator[Assignment]:
    """The pairs of a shared name and a value, for matches of `PATTERNS`, in order.

    `match.pattern` is the number among `PATTERNS`.
    """
    reached = -1
    for match in sorted(matches, key=lambda one: one.outer_start):
        form = _FORMS[match.pattern]
        if form.read is not None:
            yield from form.read(text, match)
        elif match.outer_end > reached:  # a row is no header of those below it
            table = _table(text, match.start, len(text))
            reached = table.end
            yield from table.pairs
