"""Identifiers of the catalogue: one pattern for all of them, then length, shape, context and proof.

A pattern for each country would make nearly every number a candidate many times over. So one pattern
finds runs of digits, with a few letters and single separators among them; a run's length and letters say
which identifiers it could be, the words near it which of them are meant, and the proof whether it is one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from guardrails.catalogue.identifier_kinds import Identifier, countries, identifiers
from guardrails.detectors.base import Pattern
from guardrails.detectors.pii_context import AFTER_COST, Near, Words

_ITEM = r"(?:[ .\-/]?\d|[\-./]?[A-Za-z]| [A-Z]{1,2}(?![A-Za-z]))"
PATTERN = Pattern(
    "pii identifiers",
    r"\b(?<![0-9][.:/+])(?<![A-Za-z][./@+])(?<![0-9A-Fa-f]-)"
    rf"(?:[A-Za-z]{{3,6}}[\-./]?\d{_ITEM}{{3,4}}|(?:[A-Za-z]{{1,8}}[\-./]?|[A-Z]{{1,3}} )?\d{_ITEM}{{5,24}})"
    r"(?:\([0-9A]\)(?![A-Za-z0-9_])|\b(?![.\-/:+@][A-Za-z0-9]))",
    ascii=True,
    triggers=(r"[0-9](?:[ .\-/]?[0-9A-Za-z]){3,}\b",),
    beyond=len("(7)"),
    plain=True,
)
"""Runs of 6 to 31 digits, letters and single separators: a superset of every form in the catalogue."""

PROVEN, LIKELY = 1.0, 0.6
"""Scores of a value with a proof, and of one that only its shape and a context word speak for."""

_MAX_GROUPS = 8
_SHORTEST, _LONGEST = 6, 36  # characters of a match of `PATTERN`
_PLAINLY = 6
_SEPARATORS = re.compile(r"[ .\-/()]")
_GROUP = re.compile(r"[^ ]+")
_INNER_WORD = re.compile(r"[A-Za-z]{2,}")
_DECIMAL = re.compile(r"\d+\.\d+")
_WHEN = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?: \d{1,2}){0,2}|\d{3,4}-\d{2,3}-\d{3,4}")


class Identified(msgspec.Struct, frozen=True):
    """What a stretch of text was found to be, and how."""

    entity: str
    start: int
    end: int
    score: float
    why: str


class _Kind:
    """An identifier with its expressions compiled."""

    def __init__(self, record: Identifier, order: int) -> None:
        self.record = record
        self.order = order
        self.compact = re.compile(record.compact)
        self.shape = re.compile(_shapes(record.compact))
        anything = re.compile(_ATOM.sub(lambda atom: _any(atom[0]), record.compact))
        self.lengths = {length for length in range(_LONGEST + 1) if anything.fullmatch("-" * length)}
        self.strong = [re.compile(rf"(?<![A-Za-z0-9])(?:{form})(?![A-Za-z0-9])") for form in record.strong]


class Family:
    """All identifiers that a detector is asked for. Frozen, safe in several threads."""

    def __init__(self, entities: Iterable[str]) -> None:
        self._kinds = [_kind(entity) for entity in dict.fromkeys(entities)]
        forms = [form.pattern for kind in self._kinds for form in kind.strong]
        self._any_strong = re.compile("|".join(forms)) if forms else None
        self._words = Words(_context(self._kinds))
        self._by_place: dict[tuple[str | None, str], list[_Kind]] = {}
        for kind in self._kinds:
            if kind.record.country:
                place = (kind.record.country, kind.record.group)
                self._by_place.setdefault(place, []).append(kind)
        self._by_length = [
            [kind for kind in self._kinds if length in kind.lengths] for length in range(_LONGEST + 1)
        ]
        self._candidates = lru_cache(maxsize=4_096)(self._shaped_like)

    def find(self, text: str, start: int, end: int) -> list[Identified]:
        """What the match of `PATTERN` at `text[start:end]` holds: longest first, none overlapping another."""
        run = _Run(self, text, start, end)
        if _DECIMAL.fullmatch(run.raw):
            return []
        found: list[Identified] = []
        if self._any_strong is not None and self._any_strong.search(run.raw):
            found += self._strong(run)
        for first, last in _windows(run.raw):
            if any(one.start < start + last and start + first < one.end for one in found):
                continue
            judged, settled = self._announced(run, first, last)
            if judged is not None:
                found.append(judged)
            elif settled:
                break
        return found

    def _strong(self, run: _Run) -> Iterator[Identified]:
        """Values whose written form needs no context word."""
        matches = [
            (match.start(), -match.end(), kind.order, kind)
            for kind in self._kinds
            for form in kind.strong
            for match in form.finditer(run.raw)
        ]
        reached = 0
        for first, minus_last, _, kind in sorted(matches, key=lambda one: one[:3]):
            last = -minus_last
            if first < reached:
                continue
            found, _ = self._announced(run, first, last)
            written = run.raw[first:last]
            if found is None and kind.record.proven(written, _SEPARATORS.sub("", written)):
                found = run.found(kind, first, last, "form")
            if found is not None:
                reached = last
                yield found

    def _announced(self, run: _Run, first: int, last: int) -> tuple[Identified | None, bool]:
        """What a context word near it announces a part of the run to be, if that is proven.

        The second value says that nothing more is to be found in the part: no word stands near the run, or
        one did announce such a value, but the proof refuted it.
        """
        kinds = self._candidates(run.raw[first:last].translate(_SHAPE))
        near = run.near(first, last) if kinds else {}
        if not near:
            return None, bool(kinds) and not run.has_words
        written = run.raw[first:last].upper()
        compact = _SEPARATORS.sub("", written)
        best: tuple[tuple[int, bool, bool, int, int], _Kind, Near] | None = None
        settled = False
        for kind in kinds:
            word = near.get(kind)
            if word is None or not kind.compact.fullmatch(compact):
                continue
            record = kind.record
            if not record.proof and (_WHEN.fullmatch(written) or not _plainly(word)):
                continue
            settled = True
            key = (word.distance, not record.proof, not record.country, -len(word.word), kind.order)
            if (best is None or key < best[0]) and record.proven(written, compact):
                best = (key, kind, word)
        if best is None:
            return None, settled
        return run.found(best[1], first, last, "shape", best[2].word), True

    def near(self, text: str, start: int, end: int) -> Mapping[_Kind, Near]:
        """The context word of every kind that has one near, a country and a noun counting as one."""
        topics = self._words.near(text, start, end)
        if not topics:
            return {}
        near = {topic: word for topic, word in topics.items() if isinstance(topic, _Kind)}
        places = [(topic, word) for topic, word in topics.items() if isinstance(topic, _Country)]
        nouns = [(topic, word) for topic, word in topics.items() if isinstance(topic, _Noun)]
        for place, country in places:
            for noun, word in nouns:
                for kind in self._by_place.get((place.code, noun.group), ()):
                    distance = max(country.distance, word.distance) + 1
                    if kind not in near or distance < near[kind].distance:
                        near[kind] = Near(f"{country.word} {word.word}", distance)
        return near

    def _shaped_like(self, shape: str) -> tuple[_Kind, ...]:
        """The kinds that a value of this shape (9 for a digit, A for a letter) could be: a superset."""
        kinds = self._by_length[len(shape)] if len(shape) <= _LONGEST else ()
        return tuple(kind for kind in kinds if kind.shape.fullmatch(shape))


class _Run:
    """One match of the pattern, and the context words near it, looked for when first asked for."""

    def __init__(self, family: Family, text: str, start: int, end: int) -> None:
        self.raw = text[start:end]
        self._family = family
        self._text = text
        self._start = start
        self._end = end
        self.has_words = _INNER_WORD.search(self.raw) is not None
        self._near: dict[int, Mapping[_Kind, Near]] = {}

    def near(self, first: int, last: int) -> Mapping[_Kind, Near]:
        """Context words near a part of the run: those around the run, unless it holds words itself."""
        if not self.has_words:
            first, last = 0, len(self.raw)
        if first not in self._near:
            self._near[first] = self._family.near(self._text, self._start + first, self._start + last)
        return self._near[first]

    def found(self, kind: _Kind, first: int, last: int, how: str, word: str = "") -> Identified:
        record = kind.record
        why = [f"{how} of {record.entity}"]
        why += [f"proof {record.proof}"] if record.proof else []
        why += [f"context word {word}"] if word else []
        score = PROVEN if record.proof else LIKELY
        return Identified(record.entity, self._start + first, self._start + last, score, ", ".join(why))


class _Country(msgspec.Struct, frozen=True):
    code: str


class _Noun(msgspec.Struct, frozen=True):
    group: str


def _context(kinds: Sequence[_Kind]) -> Iterator[tuple[str, object]]:
    for kind in kinds:
        for word in kind.record.words:
            yield word, kind
    wanted = {kind.record.country for kind in kinds}
    groups = {kind.record.group for kind in kinds if kind.record.country}
    known = countries()
    for code, words in known.countries.items():
        if code in wanted:
            yield from ((word, _Country(code)) for word in words)
    for group, words in known.nouns.items():
        if group in groups:
            yield from ((word, _Noun(group)) for word in words)


def _kind(entity: str) -> _Kind:
    records = identifiers()
    return _Kind(records[entity], list(records).index(entity))


def _plainly(word: Near) -> bool:
    """Whether a word is near enough to announce what nothing else speaks for."""
    return word.distance <= AFTER_COST if word.after else word.distance <= _PLAINLY


_SHAPE = str.maketrans(
    dict.fromkeys(string.digits, "9") | dict.fromkeys(string.ascii_letters, "A") | dict.fromkeys(" .-/()")
)
"""From a value to its shape: 9 for a digit, A for a letter, nothing for a separator."""
_ATOM = re.compile(r"\\d|\[[^\]]*\]|\{[\d,]*\}|[^\W_]|\W")


def _any(atom: str) -> str:
    """What stands for any character in place of an atom, quantifiers and grouping as they are."""
    return "." if atom == "\\d" or atom[0] == "[" or atom.isalnum() else atom


def _shapes(compact: str) -> str:
    """An expression of the catalogue, over shapes: every class and literal becomes 9, A or either."""

    def shape(match: re.Match[str]) -> str:
        atom = match[0]
        if atom == "\\d":
            return "9"
        if atom[0] == "[":
            digit = any(char.isdigit() for char in atom)
            return f"[{'9' * digit}{'A' * any(char.isalpha() for char in atom.replace(chr(92) + 'd', '9'))}]"
        if atom.isalnum():
            return "9" if atom.isdigit() else "A"
        return atom

    return _ATOM.sub(shape, compact)


def _windows(raw: str) -> Iterator[tuple[int, int]]:
    """Stretches of whole groups between spaces, the longest first."""
    if " " not in raw:
        yield 0, len(raw)
        return
    groups = [match.span() for match in _GROUP.finditer(raw)]
    for count in range(min(len(groups), _MAX_GROUPS), 0, -1):
        for place in range(len(groups) - count + 1):
            first, last = groups[place][0], groups[place + count - 1][1]
            if last - first - count + 1 >= _SHORTEST:
                yield first, last
