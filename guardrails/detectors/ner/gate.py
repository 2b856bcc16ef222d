"""Where in a text a name can be: prose is read in full; of code, logs and data only lines that may hold one.

Lines are told apart by counts over their characters, for the whole text at once. Of code and data a line is
read when two capitalised words follow each other in it, a capitalised word fills a cell, or something is
assigned to a field that is called like one of a person's or a place's. In a line of code only what stands
in a string, in a comment or as such a field's value may be a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guardrails import catalogue

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Characters = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_TABLE = 0x250
"""Characters below are looked up; all above count as lower-case letters: any script can be prose."""


def _table(test: str) -> Bools:
    return np.array([getattr(chr(code), test)() for code in range(_TABLE)], dtype=np.bool_)


_LETTER, _UPPER, _SPACE = _table("isalpha"), _table("isupper"), _table("isspace")
_STRONG = np.array([chr(code) in "{}[]=<>\\|^~$`_;" for code in range(_TABLE)], dtype=np.bool_)
_CELL = np.array([chr(code) in ",;\t\"'|\n" for code in range(_TABLE)], dtype=np.bool_)


class Piece(NamedTuple):
    """A part of the text to read. In `code` only strings, comments and personal fields count."""

    start: int
    end: int
    code: bool


_KEYWORD = re.compile(
    r"\s*(?:import|from \S+ import|def|class|return|func|fn|let|const|var|public|private|static|elif|except"
    r"|raise|package|struct|enum|namespace|include|export|async|await|SELECT|INSERT|UPDATE|CREATE|DELETE"
    r"|if \(|for \(|else|try|finally|pass|break|continue|end|#include|#!|\$ |>>>|@\w+$|@@ |[+-]{3} "
    r"|\W?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\W?\d\d:\d\d:\d\d)\b"
)
"""How a line starts that is code, a log or a command although it has only words."""

_CODE = re.compile(
    r"[{};]\s*$|^\s*[})\]]|[=!<>]=|=>|->|::|&&|\|\||</?[a-z]|\w\([^ s)]|\w\(\)|\w\.\w+\(|\w=\S"
    r"|\w\s[:+-]?=\s|\w\[['\"\d]"
)
"""A line of code rather than of data: what is found in it counts only inside of strings and comments."""

_FIELDS = frozenset(catalogue.lines("personal_fields.txt"))
"""Words in the names of fields that hold a person, a place or an organisation."""

_ASSIGNMENT = re.compile(r"(?::=|=>|[:=])[ \t\"'`\[]{0,4}(?=[^\W\d_]{2})")
_FIELD = re.compile(r"[^\W\d_][\w.-]{0,40}\Z")
_FIELD_WIDTH = 48
_PART = re.compile(r"[A-ZÀ-Ý]?[a-zß-ÿœęąłńóśźżć]+1?|[A-Z]+(?![a-z])")

_INSIDE = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`\n]*`|(?:#|//|/\*|--|<!--|;;|^\s*\*|\"\"\"|''').*|>[^<>]*<"
)
"""Strings, comments and text between tags."""

_BARE = re.compile(r"(?:[^\"'(){}\[\]=,;.\n]|\.(?!\w))*(?![(\[.])")
"""A value without quotes that is no call and no attribute."""


@lru_cache(maxsize=8_192)
def _is_personal(field: str) -> bool:
    return any(part.lower() in _FIELDS for part in _PART.findall(field))


def _personal_values(text: str, start: int, end: int) -> Iterator[int]:
    """Where the value of each field begins that is called like a person's or a place's."""
    for match in _ASSIGNMENT.finditer(text, start, end):
        before = text[max(start, match.start() - _FIELD_WIDTH) : match.start()].rstrip(" \t\"'’")
        field = _FIELD.search(before)
        if field and _is_personal(field[0]):
            yield match.end()


def pieces(text: str) -> list[Piece]:
    """What to read, in order; neighbouring lines of prose are one piece."""
    if not text:
        return []
    characters = _characters(text)
    starts = np.concatenate(([0], np.flatnonzero(characters[:-1] == 10) + 1))
    lines = _Lines(characters, starts)
    ends = np.append(starts[1:], len(text))
    prose = lines.prose
    command = np.zeros_like(prose)
    for number in np.flatnonzero(prose):
        if _KEYWORD.match(text, starts[number], ends[number]):
            command[number] = True
    prose &= ~command
    prose |= lines.beside(prose) & ~command
    if prose.all():
        return [Piece(0, len(text), False)]
    candidates = lines.may_name() & ~prose
    fields = list(_personal_values(text, 0, len(text)))
    candidates[np.searchsorted(starts, fields, side="right") - 1] = True
    candidates &= ~prose
    found: list[Piece] = []
    for number in np.flatnonzero(prose | candidates):
        start, end = int(starts[number]), int(ends[number])
        if not prose[number]:
            found.append(Piece(start, end, _CODE.search(text, start, end) is not None))
        elif found and not found[-1].code and found[-1].end == start:
            found[-1] = Piece(found[-1].start, end, False)
        else:
            found.append(Piece(start, end, False))
    return found


def _characters(text: str) -> Characters:
    """The code points of a text; in the place of one beyond the tables, a letter."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.where(codes < _TABLE, codes, ord("a")).astype(np.uint16)


class _Lines:
    """What counts over the characters of a text say about each of its lines."""

    def __init__(self, low: Characters, starts: Ints) -> None:
        bounds = np.append(starts, len(low))
        letter, space, strong = _LETTER[low], _SPACE[low], _STRONG[low]
        # A bracket right after a word is a call.
        strong[1:] |= (low[1:] == ord("(")) & (letter[:-1] | (low[:-1] == ord("_")))

        # A quote that is escaped is a quote.
        strong[:-1] &= ~((low[:-1] == ord("\\")) & ((low[1:] == ord('"')) | (low[1:] == ord("'"))))
        # Nor is the mark of a quoted mail a bracket.
        strong &= ~((low == ord(">")) & np.concatenate(([True], (low[:-1] == 10) | (low[:-1] == ord(">")))))

        def total(mask: Bools) -> Ints:
            return np.diff(np.searchsorted(np.flatnonzero(mask), bounds))

        written = np.diff(bounds) - total(space)
        letters, calls = total(letter), total(strong)
        inner = np.zeros(len(low), dtype=np.bool_)
        inner[1:-1] = space[1:-1] & ~space[:-2] & ~space[2:]
        self._starts = starts
        self._blank = written == 0
        self._plain = (letters >= 2) & (calls * 30 <= written)
        self.prose = self._plain & (letters * 2 >= written) & (total(inner) > 0)
        if len(starts) == 1:
            self.prose |= self._plain & (letters * 2 >= written)
        self._low, self._letter = low, letter

    def beside(self, prose: Bools) -> Bools:
        """Lines that could be either (a lone word, a house number, a blank) and stand beside prose."""
        either = (self._plain | self._blank) & ~prose
        run = np.cumsum(~(either | prose))
        # A run of such lines is prose when one line of it is.
        has = np.zeros(int(run[-1]) + 1, dtype=np.bool_)
        has[run[prose]] = True
        inside: Bools = either & has[run]
        return inside

    def may_name(self) -> Bools:
        """Lines with two capitalised words in a row, or one that fills a cell."""
        low, letter = self._low, self._letter
        marked = np.zeros(len(self._starts), dtype=np.bool_)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], letter, [False])).astype(np.int8)))
        first, last = edges[::2], edges[1::2]
        if not len(first):
            return marked
        capital = _UPPER[low[first]] & (last - first >= 2)
        initial = _UPPER[low[first]]
        gap = first[1:] - last[:-1]
        beside = ((gap == 1) & (low[last[:-1]] == ord(" "))) | (
            (gap == 2)
            & (low[last[:-1]] == ord("."))
            & (low[np.minimum(last[:-1] + 1, len(low) - 1)] == ord(" "))
        )
        pair = beside & initial[:-1] & capital[1:]
        before = np.where(first > 0, low[np.maximum(first - 1, 0)], 10)
        after = np.where(last < len(low), low[np.minimum(last, len(low) - 1)], 10)
        cell = capital & _CELL[before] & _CELL[after] & ~((before == 10) & (after == 10))
        cell &= (before != ord('"')) | (after != ord('"'))
        cell &= (before != ord("'")) | (after != ord("'"))
        places = np.concatenate((first[:-1][pair], first[cell]))
        marked[np.searchsorted(self._starts, places, side="right") - 1] = True
        return marked


def counts(text: str, piece: Piece, start: int, end: int) -> bool:
    """Whether what was found at `start` to `end` of a piece may be a name there."""
    if not piece.code:
        return True
    for inside in _INSIDE.finditer(text, piece.start, piece.end):
        if inside.start() <= start and end <= inside.end():
            return True
    for value in _personal_values(text, piece.start, piece.end):
        bare = _BARE.match(text, value, piece.end)
        if bare and value <= start and end <= bare.end():
            return True
    return False
