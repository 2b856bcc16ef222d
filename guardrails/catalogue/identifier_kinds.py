"""The catalogue of identifiers: YAML records, one per number or code that names a person, account or firm.

A record says how the value looks, what proves it and which words announce it. Most such numbers are bare
digits, of which one in ten has a right check digit: they count only where a context word stands near.
A record's `strong` forms are so particular (letters, grouping, several check digits) that they need none.

Context words are given by language, in lower case and without accents, and are compared as whole words.
A word in capitals is an abbreviation that is a common word in lower case somewhere (`SIN`, `PAN`): it
counts in capitals, or as a key before `:` or `=`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import msgspec.yaml

from guardrails.catalogue import proofs

_FOLDER = Path(__file__).parent / "identifiers"
_COUNTRIES = Path(__file__).parent / "countries.yaml"

T = TypeVar("T")

Group = Literal[
    "national-id",
    "tax",
    "health",
    "financial",
    "company",
    "passport",
    "driving-licence",
    "vehicle",
    "network",
]


class IdentifierExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in which the marked span is found, or in which nothing is.

    `{value}` stands for a generated value that the proof accepts, `{broken}` for one that it does not.
    """

    hit: str | None = None
    miss: str | None = None


class Identifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One identifier.

    `compact` matches the value without separators, in upper case. `strong` match written forms, separators
    included, that need no context word. `proof` names a function of `guardrails.catalogue.proofs` or a
    module of `python-stdnum`; without one only the shape and the context speak for a value. `raw` hands the
    proof the value as it is written. `aliases` are other names in use, which a policy may write as well.
    """

    entity: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]*$")]
    title: str
    group: Group
    compact: str
    context: Annotated[dict[str, tuple[str, ...]], msgspec.Meta(min_length=1)]
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] | None = None
    strong: tuple[str, ...] = ()
    proof: str = ""
    raw: bool = False
    aliases: tuple[str, ...] = ()
    examples: tuple[IdentifierExample, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Every context word, of all languages, once."""
        return tuple(dict.fromkeys(word for words in self.context.values() for word in words))

    def proven(self, written: str, compact: str) -> bool:
        """Whether the proof, where there is one, accepts the value."""
        return not self.proof or proofs.proof(self.proof)(written if self.raw else compact)


class Countries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that name a country, and nouns that name what a group of identifiers is."""

    countries: dict[str, tuple[str, ...]]
    nouns: dict[str, tuple[str, ...]]


class CatalogueError(Exception):
    """A record that is wrong: names the file and the record."""


@lru_cache(maxsize=1)
def identifiers() -> dict[str, Identifier]:
    """Every identifier by entity. Raises `CatalogueError`."""
    found: dict[str, Identifier] = {}
    names: set[str] = set()
    for file in sorted(_FOLDER.glob("*.yaml")):
        for one in _load(file, list[Identifier]):
            try:
                re.compile("|".join((one.compact, *one.strong)))
            except re.error as error:
                raise CatalogueError(f"{file.name}, {one.entity}: {error}") from None
            taken = names & {one.entity, *one.aliases}
            if taken:
                raise CatalogueError(f"{file.name}, {one.entity}: the name {sorted(taken)[0]} is used twice")
            names |= {one.entity, *one.aliases}
            found[one.entity] = one
    return found


@lru_cache(maxsize=1)
def aliases() -> dict[str, str]:
    """Other names of entities, and the entity each stands for."""
    return {alias: one.entity for one in identifiers().values() for alias in one.aliases}


@lru_cache(maxsize=1)
def countries() -> Countries:
    """Raises `CatalogueError`."""
    return _load(_COUNTRIES, Countries)


def _load(file: Path, type: type[T]) -> T:
    # PyYAML in C: ten times as fast as the YAML 1.2 reader that policies need.
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=type)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file.name}: {error}") from None
