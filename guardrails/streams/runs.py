"""Where a run begins at the end of a text that a decoder would read as one with what follows.

Encoded runs are decoded as a whole (`guardrails.text`), so none is cut: base64 with its wrapped lines,
hexadecimal, percent and backslash escapes, entities, terminal codes, characters with their marks,
invisible characters, and strings in pieces. Every function here is a superset: it may hold back a word
that is no code.
"""

from __future__ import annotations

import re
import string
import unicodedata

from guardrails.text import joins_or_hides

WORD = string.ascii_letters + string.digits + "+/-_="
"""What base64 is made of, and most words."""

_LEAST = 16  # shorter runs of base64 are not decoded, and no line of them is taken for a wrapped one
_HEX = string.hexdigits
_BETWEEN = " \t\r\n,;:-"
_GROUPS = re.compile(
    rf"(?:(?:0[xX])?[0-9A-Fa-f]{{2}}(?:[0-9A-Fa-f]{{2}})?[{_BETWEEN}]{{1,3}})+(?:0?[xX]?[0-9A-Fa-f]{{0,4}})\Z"
)
_GROUPS_MOST = 4_096
_NO_PIECE = " \t\r\n\"'`"  # what no piece of a word or string holds; escapes and codes may be in one
_JOINT = re.compile(r"(?:[\"'`][ \t\r\n\\+.&|~<>]+[\"'`]|\\\r?\n)\Z")
_CUT_JOINT = re.compile(r"(?:[\"'`][ \t\r\n\\+.&|~<>]*[\"'`]?|\\\r?\n?)\Z")
_JOINT_MOST = 200
_PIECES_MOST = 4_096
_NEAR = 80
_WIDEST = 12  # characters of one escape
_ESCAPE = re.compile(r"(?:%|\\|&)[#0-9A-Za-z{}%\\]*\Z")
_BREAK = re.compile(r"\\[nrtbf][A-Za-z0-9_.@+(\-?\x80-\U0010ffff]{0,6}\Z")
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*)?\Z")


def start(text: str) -> int:
    """Where the earliest run begins that goes on to the end; `len(text)` for none."""
    return min(_base64(text), _groups(text), _pieces(text), unsettled(text))


def unsettled(text: str) -> int:
    """Where the last character begins, or what stands for it: what follows may make another of it."""
    return min(escape(text), cluster(text))


def _base64(text: str) -> int:
    first = at = len(text.rstrip(WORD))
    length = len(text) - at
    width = 0
    while True:
        # The line before goes on here where it ends in a run of the same width, the first such one excepted.
        edge = len(text[:at].rstrip(" \t")) if at > 0 and text[at - 1] in " \t" else at
        if edge == 0 or text[edge - 1] != "\n":
            return first
        edge -= 2 if text[edge - 2 : edge] == "\r\n" else 1
        before = len(text[:edge].rstrip(WORD))
        size = edge - before
        if size < _LEAST or size < length or (width and size != width):
            return first
        width, at, length = size, before, size
        first = before


def _groups(text: str) -> int:
    length = len(text)
    tail = text[-_GROUPS_MOST:]
    kept = len(tail.rstrip(_HEX + _BETWEEN + "xX"))
    found = _GROUPS.search(tail, kept)
    return length if found is None else length - len(tail) + found.start()


def _pieces(text: str) -> int:
    """Where the first piece of a word or string in pieces begins, of which another may follow."""
    first = at = len(text)
    low = max(0, at - _PIECES_MOST)
    joint = _CUT_JOINT.search(text, max(low, at - _JOINT_MOST))
    while True:
        end = at if joint is None else joint.start()
        at = max(low, 1 + max(text.rfind(char, low, end) for char in _NO_PIECE))
        if at == end:
            return first
        if joint is not None:
            first = at
        joint = _JOINT.search(text, max(low, at - _JOINT_MOST), at)
        if joint is None:
            return first


def escape(text: str) -> int:
    """Where percent or backslash escapes, entities or a terminal code begin that go on to the end."""
    length = len(text)
    low = max(0, length - _NEAR)
    first = length
    found = _ESCAPE.search(text, low)
    if found is not None:
        first = found.start()
        while low > 0 and first - low < _WIDEST:  # the run may begin earlier
            low = max(0, low - 2 * _NEAR)
            found = _ESCAPE.search(text, low)
            if found is None or found.start() == first:
                break
            first = found.start()
    for expression in (_BREAK, _TERMINAL):
        found = expression.search(text, max(0, length - _NEAR))
        if found is not None:
            first = min(first, found.start())
    return first


def cluster(text: str) -> int:
    """The last character that is seen, with what joins it or cannot be seen."""
    at = len(text)
    while at > 0:
        at -= 1
        char = text[at]
        if char.isascii():
            if char.isprintable() or char in "\t\n\r":
                break
        elif not joins_or_hides(char) and unicodedata.category(char) != "Cc":
            break
    return at
