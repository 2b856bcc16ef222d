"""Presidio's YAML files of custom recognisers, run by our rules.

Presidio runs such patterns without a bound and skips one that takes too long. Here every pattern must have
an upper bound, runs under a deadline, and counts as not judged when it cannot be finished; context words
are whole words. A file keeps Presidio's format: a list `recognizers` of custom ones (`patterns` or a
`deny_list`, `context`, languages, `enabled`) and of predefined ones by the name of their class.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import msgspec.yaml

from guardrails.detectors import pii_presidio
from guardrails.detectors.base import Pattern, SpecError
from guardrails.detectors.patterns import PatternError, check
from guardrails.detectors.pii_recipes import Candidate, Judge, Judged, Recipe, announced_by

_PRESIDIO_FLAGS = re.DOTALL | re.MULTILINE | re.IGNORECASE
_SCORE = msgspec.Meta(ge=0, le=1)


class CustomPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expression of a recogniser and the score of its matches."""

    name: str
    regex: Annotated[str, msgspec.Meta(min_length=1)]
    score: Annotated[float, _SCORE]


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language of a recogniser, with context words of its own."""

    language: str
    context: tuple[str, ...] = ()


class CustomRecognizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file, in Presidio's words."""

    name: str
    type: Literal["custom", "predefined"] = "custom"
    supported_entity: str = ""
    supported_language: str = ""
    supported_languages: tuple[str | Language, ...] = ()
    patterns: tuple[CustomPattern, ...] = ()
    deny_list: tuple[str, ...] = ()
    deny_list_score: Annotated[float, _SCORE] = 1.0
    context: tuple[str, ...] = ()
    enabled: bool = True

    def speaks(self, language: str) -> bool:
        """Whether the recogniser is for texts of the language; one without a language is for all."""
        names = [one if isinstance(one, str) else one.language for one in self.supported_languages]
        names += [self.supported_language] if self.supported_language else []
        return not names or language in names

    def words(self, language: str) -> tuple[str, ...]:
        """Its context words for the language, in lower case."""
        own = [
            word
            for one in self.supported_languages
            if not isinstance(one, str) and one.language == language
            for word in one.context
        ]
        return tuple(dict.fromkeys(word.lower() for word in (*self.context, *own)))


class CustomFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of recognisers; its own `supported_languages` says nothing that its entries do not."""

    recognizers: tuple[CustomRecognizer, ...]
    supported_languages: tuple[str, ...] = ()
    global_regex_flags: int = int(_PRESIDIO_FLAGS)


class Custom:
    """The recognisers of one file that a detector may use. `digest` names the file's content."""

    def __init__(self, path: Path, language: str) -> None:
        """Raises `SpecError` when the file cannot be read, is wrong, or holds a pattern without a bound."""
        try:
            data = path.read_bytes()
            self._file = msgspec.yaml.decode(data, type=CustomFile)
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise SpecError(
                _AT, f"`{path.name}` {reason}", "the path is relative to the policy's file"
            ) from None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            message = f"`{path.name}` is no file of Presidio recognisers: {_first_line(error)}"
            raise SpecError(_AT, message, "its format is that of Presidio's `recognizers` lists") from None
        self.digest = hashlib.sha256(data).hexdigest()[:12]
        self._recipes: dict[str, list[Recipe]] = {}
        others: set[str] = set()
        for one in self._file.recognizers:
            if not one.enabled:
                continue
            entity, recipes = self._built(path, one, language)
            if one.speaks(language):
                self._recipes.setdefault(entity, []).extend(recipes)
            else:
                others.add(entity)
        self.other_languages = frozenset(others - set(self._recipes))

    @property
    def entities(self) -> tuple[str, ...]:
        """What the file finds in texts of the language."""
        return tuple(sorted(self._recipes))

    def recipes(self, entity: str) -> Sequence[Recipe]:
        """How the file finds the entity; none when it does not."""
        return self._recipes.get(entity, ())

    def _built(self, path: Path, one: CustomRecognizer, language: str) -> tuple[str, list[Recipe]]:
        if one.type == "predefined":
            return self._predefined(path, one, language)
        where = f"`{path.name}`, recogniser `{one.name}`"
        if not one.supported_entity:
            raise SpecError(_AT, f"{where} has no `supported_entity`", "name the entity that it finds")
        if not one.patterns and not one.deny_list:
            raise SpecError(_AT, f"{where} has no `patterns` and no `deny_list`", "give it one of them")
        words = announced_by(one.words(language))
        recipes = []
        for pattern in self._patterns(one):
            try:
                check(pattern[0])
            except PatternError as error:
                raise SpecError(_AT, f"{where}: {error.message}", error.help) from None
            recipes.append(Recipe(one.supported_entity, pattern[0], _judge(*pattern[1:]), words))
        return one.supported_entity, recipes

    def _patterns(self, one: CustomRecognizer) -> list[tuple[Pattern, float, str]]:
        flags = self._file.global_regex_flags
        written = [(each.name, each.regex, each.score, f"pattern {each.name}") for each in one.patterns]
        if one.deny_list:
            listed = "|".join(re.escape(each) for each in sorted(one.deny_list, key=len, reverse=True))
            expression = rf"(?<!\w)(?:{listed})(?!\w)"
            written.append(("deny list", expression, one.deny_list_score, "deny list"))
        return [
            (
                Pattern(
                    f"pii {one.supported_entity} {name}",
                    expression,
                    ignorecase=bool(flags & re.IGNORECASE),
                    multiline=bool(flags & re.MULTILINE),
                    dotall=bool(flags & re.DOTALL),
                    ascii=bool(flags & re.ASCII),
                ),
                score,
                f"{how} of {one.name}",
            )
            for name, expression, score, how in written
        ]

    def _predefined(self, path: Path, one: CustomRecognizer, language: str) -> tuple[str, list[Recipe]]:
        for entity, known in pii_presidio.recognisers().items():
            if any(type(recogniser).__name__ == one.name for recogniser in known):
                return entity, list(pii_presidio.recipes(entity, language))
        message = f"`{path.name}`: Presidio has no pattern recogniser `{one.name}`"
        raise SpecError(_AT, message, "only recognisers that work by patterns can take part; leave it out")


_AT = ("recognizers",)


def _judge(score: float, how: str) -> Judge:
    def judge(_candidate: Candidate) -> Judged:
        return Judged(score, how)

    return judge


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
