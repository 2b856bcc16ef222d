"""Which disguises a text could hold, in one fast pass over it.

Decoding is slow and most texts hide nothing, so a decoder runs only where this pass saw something
that it could read. What the pass tells of base64 and hexadecimal rests on their arithmetic: bytes of
plain text have their highest bits clear, which leaves four base64 digits one combination in eight.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import hyperscan
import msgspec


class EvidenceError(Exception):
    """The pass could not be made. Holds nothing of the text."""


class Evidence(msgspec.Struct, frozen=True):
    """What may be worth decoding."""

    percent: bool
    backslash: bool
    entity: bool
    control: bool
    hex: bool
    hex_groups: bool
    in_pieces: bool
    base64: bool


def look(data: bytes) -> Evidence:
    """What `data`, a text with one byte for each character, could hide.

    Takes time linear in its length. Raises `EvidenceError` when the pass fails.
    """
    percent, backslash, entity, control, hex_run = _escaped.seen(data)
    return Evidence(
        percent,
        backslash,
        entity,
        control,
        hex_run,
        hex_groups=any(_grouped.seen(data)),
        in_pieces=any(_pieces.seen(data)),
        base64=any(_encoded.seen(data)),
    )


def base64_places(data: bytes) -> list[int]:
    """Ascending offsets into the runs of base64 digits that could be encoded text.

    That is any run with nine bytes of ASCII in it, or of forty digits. Raises `EvidenceError`.
    """
    return [end - 1 for _, end in _telling.ends(data)]


def joints(data: bytes) -> list[int]:
    """Ascending offsets behind the first character of each later piece of a word or string in pieces.

    The joint itself is at most `JOINT` characters before. Raises `EvidenceError`.
    """
    return [end for _, end in _joined.ends(data)]


class Patterns:
    """Some expressions over bytes, compiled when they are first needed."""

    def __init__(self, expressions: Sequence[str], *, once: bool) -> None:
        """`once`: each is reported once for a text, which is much faster."""
        self._expressions = expressions
        self._flag = hyperscan.HS_FLAG_SINGLEMATCH if once else 0
        self._database: hyperscan.Database | None = None
        self._compiling = threading.Lock()
        self._local = threading.local()

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """(number of the expression, offset behind its match), by offset."""
        found: list[tuple[int, int]] = []

        def report(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((number, end))

        try:
            # Scratch space shared by two threads gives wrong answers without an error.
            database, scratch = getattr(self._local, "ready", None) or self._prepare()
            database.scan(data, match_event_handler=report, scratch=scratch)
        except hyperscan.HyperscanError as error:
            raise EvidenceError(f"hyperscan {type(error).__name__}") from None
        return found

    def seen(self, data: bytes) -> list[bool]:
        """For each expression whether it matches."""
        seen = [False] * len(self._expressions)
        for number, _ in self.ends(data):
            seen[number] = True
        return seen

    def _prepare(self) -> tuple[hyperscan.Database, hyperscan.Scratch]:
        with self._compiling:
            if self._database is None:
                database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
                database.compile(
                    expressions=[expression.encode() for expression in self._expressions],
                    ids=list(range(len(self._expressions))),
                    flags=[self._flag] * len(self._expressions),
                )
                self._database = database
        self._local.ready = (self._database, hyperscan.Scratch(self._database))
        return self._local.ready  # type: ignore[no-any-return]


# RFC 4648 digits by the bits that they carry; the alphabet is A-Z a-z 0-9 + / (or - _).
_ANY = r"[A-Za-z0-9+/_\-]"
_ASCII_BYTES = (
    "(?:[C-Za-f]"  # the high six bits of a byte from 0x09 to 0x7f
    "[A-HQ-Xg-nw-z0-3]"  # two bits, then the high four of a byte below 0x80
    "[ABEFIJMNQRUVYZcdghklopstwx014589]"  # four bits, then the high two of a byte below 0x80
    f"{_ANY}){{3}}"
)
_DIGIT = "[0-9A-Fa-f]"
_BYTE = f"[2-9A-Fa-f]{_DIGIT}"  # of printable text in ASCII or UTF-8
# `\n` alone is everywhere in code. It matters where it sticks to a word that could be a value: the
# word then begins with a letter that is not its own. Characters beyond Latin-1 are `?` here.
_STICKS = r"[A-Za-z_.@+\-?\x80-\xff]"
_BACKSLASH = (
    rf"\\(?:u{_DIGIT}{{4}}|u\{{{_DIGIT}|U{_DIGIT}{{8}}|x{_DIGIT}{{2}}|[0-3][0-7]{{2}}|[\"'/\\]"
    rf"|[nrtbf](?:[+(]{{0,2}}[0-9]|{_STICKS}(?:{_STICKS}|[0-9]){{5}}))"
)
_QUOTE = "[\"'`]"
_IN_WORD = r"[A-Za-z0-9_/+=.@\-]"
JOINT = 110
"""The most characters that part two pieces, and one of each."""

_JOINTS = (
    # A string in pieces: joined by an operator, or over a line break; a word that a backslash continues.
    rf"{_IN_WORD}{_QUOTE}[ \t\r\n\\]{{0,9}}[+.&|~<][+.&|~<> \t\r\n\\]{{0,90}}{_QUOTE}{_IN_WORD}",
    rf"{_IN_WORD}{_QUOTE}[ \t\\]{{0,4}}\r?\n[+.&|~<> \t\r\n\\]{{0,90}}{_QUOTE}{_IN_WORD}",
    rf"{_IN_WORD}\\\r?\n{_IN_WORD}",
)
_ESCAPED = (
    f"%(?:{_DIGIT}{{2}}|u{_DIGIT}{{4}})",
    _BACKSLASH,
    "&(?:#[0-9xX]|[A-Za-z][A-Za-z0-9]{1,31};|amp|lt|gt|quot)",
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
    f"{_DIGIT}{{16}}",
)
_GROUPED = (rf"{_BYTE}(?:{_BYTE})?(?:[ \t\r\n,;:\-]{{1,3}}(?:0[xX])?{_BYTE}(?:{_BYTE})?){{3}}",)
# Apart, because together they take a quarter longer.
_escaped = Patterns(_ESCAPED, once=True)
_grouped = Patterns(_GROUPED, once=True)
_encoded = Patterns((_ASCII_BYTES, f"{_ANY}{{40}}"), once=True)
_pieces = Patterns(_JOINTS, once=True)
_telling = Patterns((_ASCII_BYTES, rf"(?:^|[^A-Za-z0-9+/_\-]){_ANY}{{40}}"), once=False)
_joined = Patterns(_JOINTS, once=False)
