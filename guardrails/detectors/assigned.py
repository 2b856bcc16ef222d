"""Kinds that only the name betrays: each pair is tried on those whose names are in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import regex

from guardrails.catalogue.names import Telling, telling
from guardrails.catalogue.secret_kinds import Assigned, SecretKind
from guardrails.detectors.assignments import Assignment, has_stem, words

_GLUED = 5  # from this length on a word also counts at the start of a longer one


class _Entry(msgspec.Struct, frozen=True):
    kind: SecretKind
    value: regex.Pattern[str]
    names: re.Pattern[str]
    suffixes: re.Pattern[str] | None
    any_telling: bool


class AssignedKinds:
    """The chosen kinds, by the first word of their names."""

    def __init__(self, chosen: Iterable[SecretKind]) -> None:
        self._by_word: dict[str, list[_Entry]] = {}
        for kind in chosen:
            if kind.assigned is not None:
                self._add(kind, kind.assigned)
        self._first = re.compile(rf" ({_alternatives(self._by_word)})") if self._by_word else None

    def _add(self, kind: SecretKind, assigned: Assigned) -> None:
        flags = regex.IGNORECASE if kind.ignorecase else 0
        entry = _Entry(
            kind,
            regex.compile(assigned.value, flags),
            _phrases(assigned.names),
            _phrases(assigned.suffixes) if assigned.suffixes else None,
            assigned.suffixes is None,
        )
        for word in {word for name in assigned.names for word in _first_words(name)}:
            self._by_word.setdefault(word, []).append(entry)

    def __bool__(self) -> bool:
        return self._first is not None

    def match(self, pair: Assignment) -> SecretKind | None:
        """The kind that takes the pair: one named by the name itself before one named before it."""
        if self._first is None:
            return None
        for named in (pair.words, pair.context):
            for entry in self._named(named):
                if self._fits(entry, pair) and entry.value.fullmatch(pair.value):
                    return entry.kind
        return None

    def _named(self, named: str) -> Iterator[_Entry]:
        assert self._first is not None
        for found in self._first.finditer(named):
            for entry in self._by_word[found[1]]:
                if entry.names.search(named):
                    yield entry

    def _fits(self, entry: _Entry, pair: Assignment) -> bool:
        if entry.suffixes is not None:
            return entry.suffixes.search(pair.words) is not None
        return not entry.any_telling or telling(pair.words) is not Telling.NOTHING


def stems(chosen: Iterable[SecretKind]) -> list[str]:
    """Names that may betray a secret without any telling word beside them: the extractor looks for them."""
    return sorted(
        {
            name.lower()
            for kind in chosen
            if kind.assigned is not None and _may_stand_alone(kind.assigned)
            for name in kind.assigned.names
        }
    )


def _may_stand_alone(assigned: Assigned) -> bool:
    suffixes = assigned.suffixes
    return suffixes is not None and (not suffixes or not all(map(has_stem, suffixes)))


def _first_words(name: str) -> set[str]:
    split = words(name).split()
    return {split[0], "".join(split)}


def _phrases(names: Sequence[str]) -> re.Pattern[str]:
    """Any of the names as whole words, spaced or glued."""
    parts = []
    for name in names:
        split = words(name).split()
        glued = "".join(split)
        parts.append(re.escape(" ".join(split)) + (" " if len(glued) < _GLUED else ""))
        if len(split) > 1:
            parts.append(re.escape(glued))
    return re.compile(rf" (?:{'|'.join(sorted(set(parts), key=len, reverse=True))})")


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(names, key=len, reverse=True))
