"""Which context words stand near a value: whole words, in any language of the catalogue, in linear time.

Words before a value count within `BEFORE` characters, words after it within `AFTER` and its line. A word
before another number belongs to that number, unless only list signs part the two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

BEFORE, AFTER = 90, 28
AFTER_COST = 4

_WORD = re.compile(r"[A-Z]{2,}s(?![^\W\d_])|[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+")
_UNSPACED = re.compile(r"[\u0900-\u0dff\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_OTHER_NUMBER = re.compile(r"[A-Za-z]{0,4}\d(?:[ .\-/]?\d){5,24}[A-Za-z]{0,2}")
_LIST = re.compile(r"[\s,;/&|\"'»«)(]*(?:and|or|und|oder|et|ou|y|o|e|en|i)?[\s,;/&|\"'«»)(]*", re.IGNORECASE)
_KEY = re.compile(r"[\"'`\])}\s]{0,4}(?:[:=]|=>)")
_ANNOUNCES = re.compile(
    _KEY.pattern + r"|[\W_]{0,4}(?:(?:number|no|nr|is)\b)?[\W_]{0,4}[A-Za-z]{0,3}\d", re.IGNORECASE
)
_END = re.compile(r"[.;!?]\s|\n")


class Near(msgspec.Struct, frozen=True):
    """A context word near a value: what it is, how many words away, and whether it stands after the value.

    A word right after a value is as far from it as one that stands `AFTER_COST` words before it.
    """

    word: str
    distance: int
    after: bool = False


class _Phrase(msgspec.Struct, frozen=True):
    """A context word or phrase: its words after the first, what it announces, and how it may be written."""

    rest: tuple[str, ...]
    shown: str
    topics: tuple[object, ...]
    abbreviation: bool


class Words:
    """Context words by what they announce (a topic: any hashable value). Frozen, safe in several threads."""

    def __init__(self, words: Iterable[tuple[str, object]]) -> None:
        topics: dict[str, list[object]] = {}
        for word, topic in words:
            topics.setdefault(word, []).append(topic)
        self._first: dict[str, list[_Phrase]] = {}
        self._unspaced: list[tuple[str, tuple[object, ...]]] = []
        for word, found in topics.items():
            if _UNSPACED.search(word):
                self._unspaced.append((word, tuple(found)))
                continue
            parts = tuple(fold(part) for part in _WORD.findall(word))
            written = {parts, (*parts[:-1], parts[-1] + "s")}
            joined = "".join(parts)
            if len(parts) > 1 and len(joined) >= 6:
                written.add((joined,))  # `taxid`
            for first, *rest in written:
                phrase = _Phrase(tuple(rest), word, tuple(found), word.isupper() and len(parts) == 1)
                self._first.setdefault(first, []).append(phrase)

    def near(self, text: str, start: int, end: int) -> Mapping[object, Near]:
        """The nearest context word of every topic that has one near `text[start:end]`.

        In a table the words at the head of the column count, else those of the row, and no others.
        """
        found: dict[object, Near] = {}
        head = column_head(text, start)
        if head:
            self._read_before(head, found)
            if found:
                return found
        before, after = _before(text, start), _after(text, end)
        if head:
            before = before.rpartition("\n")[2]
        self._read_before(before, found)
        self._read_after(after, found)
        return found

    def _read_before(self, before: str, found: dict[object, Near]) -> None:
        tokens = _tokens(before)
        for place, token in enumerate(tokens):
            for phrase in self._phrases(tokens, place):
                stop = place + len(phrase.rest)
                tail = before[tokens[stop][2] :]
                if phrase.abbreviation and not (token[0].isupper() or _KEY.match(tail)):
                    continue
                _put(found, phrase, len(tokens) - 1 - stop)
        if self._unspaced and not before.isascii():
            for word, topics in self._unspaced:
                at = before.rfind(word)
                if at >= 0:
                    _put(found, _Phrase((), word, topics, False), (len(before) - at) // 6)

    def _read_after(self, after: str, found: dict[object, Near]) -> None:
        tokens = _tokens(after)
        for place, token in enumerate(tokens):
            for phrase in self._phrases(tokens, place):
                tail = after[tokens[place + len(phrase.rest)][2] :]
                if _ANNOUNCES.match(tail) or (phrase.abbreviation and not token[0].isupper()):
                    continue  # `1234567, SSN: ...`, `1234567 and passport A123`: what follows is meant
                _put(found, phrase, place + AFTER_COST, after=True)
        if self._unspaced and not after.isascii():
            for word, topics in self._unspaced:
                if word in after:
                    _put(found, _Phrase((), word, topics, False), AFTER_COST, after=True)

    def _phrases(self, tokens: Sequence[tuple[str, str, int]], place: int) -> Iterator[_Phrase]:
        for phrase in self._first.get(tokens[place][1], ()):
            rest = phrase.rest
            if not rest or tuple(token[1] for token in tokens[place + 1 : place + 1 + len(rest)]) == rest:
                yield phrase


def _put(found: dict[object, Near], phrase: _Phrase, distance: int, *, after: bool = False) -> None:
    for topic in phrase.topics:
        known = found.get(topic)
        # Of two that end at the same place the longer says more: `british passport`, not `passport`.
        if known is None or (distance, -len(phrase.shown)) < (known.distance, -len(known.word)):
            found[topic] = Near(phrase.shown, distance, after)


def _before(text: str, start: int) -> str:
    first = max(0, start - BEFORE)
    # A word that the reach cuts in two is not a whole word.
    while first and first < start and text[first - 1].isalpha() and text[first].isalpha():
        first += 1
    before = text[first:start]
    at = len(before)
    for number in reversed(list(_OTHER_NUMBER.finditer(before))):
        if not _LIST.fullmatch(before, number.end(), at):
            return before[number.end() :]
        at = number.start()
    return before


def _after(text: str, end: int) -> str:
    last = min(len(text), end + AFTER)
    while end < last < len(text) and text[last].isalpha() and text[last - 1].isalpha():
        last -= 1
    after = text[end:last]
    stop = _END.search(after)
    return after[: stop.start()] if stop else after


_TABLE_REACH = 20_000
_TABLE_LINE = 2_000
_HEAD_LINES = 3


def column_head(text: str, start: int) -> str:
    """What stands at the head of the column of a table in which `start` lies, or "".

    A table is a block of lines, within `_TABLE_REACH` characters, whose first lines hold as many commas,
    semicolons, tabs or bars as the line at `start`; its head has no digits.
    """
    line = text.rfind("\n", max(0, start - _TABLE_LINE), start) + 1
    if line == 0:
        return ""
    stop = text.find("\n", start, start + _TABLE_LINE)
    row = text[line : stop if stop >= 0 else min(len(text), start + _TABLE_LINE)]
    delimiter = next((one for one in "\t|;," if one in row), "")
    if not delimiter:
        return ""
    block = text.rfind("\n\n", max(0, line - _TABLE_REACH), line)
    at = 0 if block < 0 and line <= _TABLE_REACH else block + 2 if block >= 0 else line
    for _ in range(_HEAD_LINES):
        following = text.find("\n", at, line)
        if following < 0:
            return ""
        head = text[at:following]
        if head.count(delimiter) == row.count(delimiter) and not any(char.isdigit() for char in head):
            return head.split(delimiter)[row.count(delimiter, 0, start - line)]
        at = following + 1
    return ""


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Words as written and folded, with where each ends."""
    return [(match[0], fold(match[0]), match.end()) for match in _WORD.finditer(text)]


_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae"})


def fold(word: str) -> str:
    """Lower case, without accents."""
    lower = word.lower()
    if lower.isascii():
        return lower
    plain = "".join(char for char in unicodedata.normalize("NFD", lower) if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", plain).translate(_LETTERS)
