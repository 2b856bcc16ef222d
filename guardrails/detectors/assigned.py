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
        self._lengths = sorted({len(word) for word in self._by_word if len(word) >= _GLUED})

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
        return bool(self._by_word)

    def match(self, pair: Assignment) -> SecretKind | None:
        """The kind that takes the pair: one named by the name itself before one named before it."""
        for named in (pair.words, pair.context):
            for entry in self._named(named):
                if self._fits(entry, pair) and entry.value.fullmatch(pair.value):
                    return entry.kind
        return None

    def _named(self, named: str) -> Iterator[_Entry]:
        for word in named.split():
            first = [word, *(word[:length] for length in self._lengths if length < len(word))]
            for entry in (entry for one in first for entry in self._by_word.get(one, ())):
                if entry.names.search(named):
                    yield entry

    def _fits(self, entry: _Entry, pair: Assignment) -> bool:
        if entry.suffixes is not None:
            return entry.suffixes.search(pair.words) is not None
        return not entry.any_telling or telling(pair.words) is not Telling.NOTHING


def stems(chosen: Iterable[SecretKind]) -> list[str]:
    """Names that betray a secret without a telling word among them: the extractor must look for these too."""
    found: set[str] = set()
    for kind in chosen:
        assigned = kind.assigned
        if assigned is None or assigned.suffixes is None:
            continue
        names = [name.lower() for name in assigned.names]
        if not assigned.suffixes:
            found.update(name for name in names if not has_stem(name))
        found.update(
            f"{name} {suffix.lower()}"
            for suffix in assigned.suffixes
            for name in names
            if not has_stem(suffix) and not has_stem(name)
        )
    return sorted(found)


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
