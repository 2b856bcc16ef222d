"""`type: pii`: personal data, by Presidio's names.

Identifiers are found by bounded patterns of the shared pass and proved by check digits, structure and the
words near them (`pii_recipes`, `pii_identifiers`); names by a model (`pii_names`). Presidio's recognisers
take part where a policy names an entity that only they know, or a file of its own ones (`pii_presidio`).
Presidio, `phonenumbers` and models are imported only when a detector that needs them is built or first
reads.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import regex

from guardrails.catalogue.identifier_kinds import aliases, identifiers
from guardrails.detectors import pii_identifiers, pii_names, pii_phone, pii_presidio
from guardrails.detectors.base import CannotJudge, Deadline, Foresight, Match, Pattern, SpecError
from guardrails.detectors.disguise import read_as_words
from guardrails.detectors.patterns import Index, PatternError, compile_regex
from guardrails.detectors.pii_custom import Custom
from guardrails.detectors.pii_documents import DOCUMENTS
from guardrails.detectors.pii_online import ONLINE
from guardrails.detectors.pii_recipes import (
    CONTEXT_BOOST,
    CONTEXT_LEAST,
    OWN,
    RESERVED,
    Candidate,
    Recipe,
)
from guardrails.model import Hit, Reason
from guardrails.text import View

PATTERN_SECONDS = 0.5
"""How long a pattern that cannot join the shared pass may run on one view."""

LEAST_SCORE = 0.5
LEAST_SCORES = {"PERSON": 0.42, "ORGANIZATION": 0.45}
"""Where our own model finds most of what is there for the fewest mistakes (training/pii/README.md)."""

OTHER_MODEL = "spacy:en_core_web_sm"
"""What finds the entities that our own model does not know, unless a policy names a model."""

PROOF_REACH = 32
"""How far behind a match its proof and its context words may stand, at most, and no further than its line."""


_PHONE = "PHONE_NUMBER"
_OWN = (*OWN, *ONLINE, *DOCUMENTS)
_RECIPES = frozenset({_PHONE, *(own.entity for own in _OWN)})

_FIXED_GROUPS: Mapping[str, frozenset[str]] = {
    "contact": frozenset({"EMAIL_ADDRESS", _PHONE}),
    "financial": frozenset({"CREDIT_CARD", "IBAN_CODE", "CRYPTO"}),
    "national-id": frozenset({"US_SSN"}),
    "network": frozenset({"IP_ADDRESS", "MAC_ADDRESS", "URL_CREDENTIALS"}),
    "passport": frozenset({"PASSPORT_MRZ"}),
    "birth": frozenset({"DATE_OF_BIRTH"}),
    "names": pii_names.OWN_ENTITIES,
}
_BY_NAME_ONLY = frozenset({"URL", "DATE_TIME", "PERSONAL_PATH", "NRP"})
"""What says little about anybody, stands in every line of an agent's talk, or needs another model."""


class PiiSpec(msgspec.Struct, frozen=True, tag_field="type", tag="pii", forbid_unknown_fields=True):
    """Finds personal data by Presidio's entity names."""

    entities: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            min_length=1,
            description="Presidio's names (`EMAIL_ADDRESS`, `PERSON`, `DE_TAX_ID`, ...), globs (`DE_*`) or "
            "groups: `names`, `contact`, `national-id`, `tax`, `health`, `financial`, `passport`, "
            "`driving-licence`, `birth`, `vehicle`, `company`, `network`; `identifiers` for all of them but "
            "names, `personal` for all.",
        ),
    ]
    except_: Annotated[
        tuple[str, ...], msgspec.Meta(description="Entities left out; groups and globs allowed.")
    ] = msgspec.field(default=(), name="except")
    min_score: Annotated[
        float | None,
        msgspec.Meta(
            ge=0,
            le=1,
            description=f"Least score of a finding. By default {LEAST_SCORE}, for names what serves best: "
            + ", ".join(f"{score} for {entity}" for entity, score in LEAST_SCORES.items())
            + ".",
        ),
    ] = None
    language: Annotated[
        str,
        msgspec.Meta(
            pattern="^[a-z]{2}$",
            description="ISO 639-1 code: which recognisers and phone regions come first.",
        ),
    ] = "en"
    model: Annotated[
        str | None,
        msgspec.Meta(
            pattern="^(own|spacy:[A-Za-z0-9_]+)$",
            description="What finds names: `own` (the model that ships) or `spacy:` and an installed "
            f"pipeline. By default our own, and {OTHER_MODEL} for NRP and DATE_TIME.",
        ),
    ] = None
    other_languages: Annotated[
        Literal["unjudged", "read"],
        msgspec.Meta(
            description="What to do with a text for names in a language that our own model does not know: "
            "call it unjudged, or read it all the same."
        ),
    ] = "unjudged"

    recognizers: Annotated[
        str | None,
        msgspec.Meta(
            min_length=1,
            description="A YAML file of Presidio recognisers, relative to the policy's file; `entities` "
            "names which of what they find is wanted.",
        ),
    ] = None

    def placed(self, folder: Path) -> PiiSpec:
        """This block with the paths in it taken as relative to `folder`."""
        if self.recognizers is None:
            return self
        return msgspec.structs.replace(self, recognizers=str(folder / self.recognizers))

    def detector(self) -> PiiDetector:
        """Builds the detector. Raises `SpecError` for an entity that there is not."""
        if not self.entities:
            raise SpecError(("entities",), "`entities` is empty", "name at least one entity or group")
        for number, entity in enumerate(self.entities):
            if self.model == pii_names.OWN and entity in pii_names.ENTITIES - pii_names.OWN_ENTITIES:
                message = f"the model `{self.model}` does not find `{entity}`"
                raise SpecError(("entities", number), message, "leave out `model`, or name a spaCy pipeline")
        return PiiDetector(self)


@lru_cache(maxsize=1)
def groups() -> Mapping[str, frozenset[str]]:
    """What each group of entities holds. `personal` is all but what is asked for by name only."""
    found = {name: set(members) for name, members in _FIXED_GROUPS.items()}
    for one in identifiers().values():
        found.setdefault(one.group, set()).add(one.entity)
    found["personal"] = set(own_entities()) - _BY_NAME_ONLY
    found["identifiers"] = found["personal"] - found["names"]
    return {name: frozenset(members) for name, members in sorted(found.items())}


@lru_cache(maxsize=1)
def own_entities() -> tuple[str, ...]:
    """Every entity that is found without Presidio's recognisers: what globs and groups are about."""
    return tuple(sorted({*_RECIPES, *identifiers(), *pii_names.ENTITIES}))


def chosen(names: Sequence[str], custom: Sequence[str] = (), *, field: str = "entities") -> tuple[str, ...]:
    """The entities that names, groups and globs stand for, each once, in the order of the names.

    `custom` are entities of the policy's own recognisers: names and globs stand for them as well. `field`
    is where the names are written.
    Raises `SpecError` for a name that is none of these and no recogniser of Presidio either.
    """
    found: list[str] = []
    ours = tuple(sorted({*own_entities(), *custom}))
    for number, name in enumerate(names):
        known = aliases().get(name, name)
        if known in ours:
            found.append(known)
        elif name in groups():
            found += sorted(groups()[name])
        elif "*" in name or "?" in name:
            matched = [one for one in ours if fnmatchcase(one, name)]
            if not matched:
                raise SpecError((field, number), f"no entity matches `{name}`", _ALL)
            found += matched
        elif name in entities():
            found.append(name)
        else:
            options = (*entities(), *custom, *groups(), *aliases())
            close = difflib.get_close_matches(name, options, n=1) or difflib.get_close_matches(
                name.upper(), options, n=1
            )
            help = f"did you mean `{close[0]}`?" if close else _ALL
            raise SpecError((field, number), f"no entity is called `{name}`", help)
    return tuple(dict.fromkeys(found))


_ALL = "`guardrails entities` lists them"


@lru_cache(maxsize=1)
def entities() -> tuple[str, ...]:
    """Every entity that a policy may ask for. Imports Presidio."""
    return tuple(sorted({*own_entities(), *pii_presidio.recognisers()}))


class PiiDetector:
    """Identifiers in every view, names in the source text and its readings with other words."""

    def __init__(self, spec: PiiSpec) -> None:
        custom = None if spec.recognizers is None else Custom(Path(spec.recognizers), spec.language)
        wanted = _wanted(spec, custom)
        without = f" except {'+'.join(spec.except_)}" if spec.except_ else ""
        self.name = f"pii {'+'.join(spec.entities)}{without}" + (f" {custom.digest}" if custom else "")
        self._min_score = spec.min_score
        numbers = [entity for entity in wanted if entity in identifiers()]
        self._family = pii_identifiers.Family(numbers) if numbers else None
        recipes = [recipe for entity in wanted for recipe in _recipes(entity, spec.language)]
        foreign = [recipe for entity in wanted if custom for recipe in custom.recipes(entity)]
        for entity in wanted:
            if entity not in own_entities() and (custom is None or entity not in custom.entities):
                foreign += pii_presidio.recipes(entity, spec.language)
        self._shared = (*recipes, *(recipe for recipe in foreign if _can_share(recipe.pattern)))
        self._alone = tuple(recipe for recipe in foreign if not _can_share(recipe.pattern))
        self._readers = _readers(spec, wanted)

    @property
    def patterns(self) -> Sequence[Pattern]:
        family = () if self._family is None else (pii_identifiers.PATTERN,)
        return (*(recipe.pattern for recipe in self._shared), *family)

    @property
    def inspects(self) -> bool:
        return bool(self._alone or self._readers)

    @property
    def foresight(self) -> Sequence[Foresight] | None:
        """Names hang on the whole of what is said around them."""
        if self.inspects:
            return None
        usual = Foresight(PROOF_REACH, after_break=0)
        own = [
            # Where its lowest score counts, a context word makes no difference.
            one.foresight if one.foresight and self._least(one.entity) <= RESERVED else usual
            for one in self._shared
        ]
        return [*own, *[usual] * (self._family is not None)]

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        own = len(self._shared)
        found = (
            (self._shared[match.pattern], match.start, match.end) for match in matches if match.pattern < own
        )
        hits = self._judged(view, found, deadline)
        numbers = [(match.start, match.end) for match in matches if match.pattern >= own]
        return _settled([*hits, *self._identified(view, numbers, deadline)])

    def _identified(self, view: View, places: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Hit]:
        if self._family is None:
            return
        for start, end in places:
            deadline.check()
            for one in self._family.find(view.text, start, end):
                if one.score >= self._least(one.entity):
                    yield view.hit(one.start, one.end, one.entity, one.score, one.why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        hits = [hit for view in views for hit in self._run_alone(view, deadline)]
        for view in read_as_words(views) if self._readers else ():
            for reader, named in self._readers.items():
                hits += self._named(view, *reader, named, deadline)
        return hits

    def _run_alone(self, view: View, deadline: Deadline) -> list[Hit]:
        """Runs what the shared pass cannot, each pattern under a limit of its own."""
        if not self._alone:
            return []
        found = ((recipe, *span) for recipe in self._alone for span in _spans(recipe, view.text, deadline))
        return self._judged(view, found, deadline)

    def _judged(self, view: View, found: Iterable[tuple[Recipe, int, int]], deadline: Deadline) -> list[Hit]:
        hits = []
        for recipe, start, end in found:
            deadline.check()
            hit = _judge(recipe, view, start, end)
            if hit is not None and hit.score >= self._least(hit.label):
                hits.append(hit)
        return _best(hits)

    def _named(
        self, view: View, model: str, other_languages: bool, wanted: frozenset[str], deadline: Deadline
    ) -> list[Hit]:
        return [
            view.hit(named.start, named.end, named.entity, named.score, f"model {model}")
            for named in pii_names.recogniser(model, other_languages).names(view.text, deadline)
            if named.entity in wanted and named.score >= self._least(named.entity)
        ]

    def _least(self, entity: str) -> float:
        """The least score of a finding."""
        return LEAST_SCORES.get(entity, LEAST_SCORE) if self._min_score is None else self._min_score


def _wanted(spec: PiiSpec, custom: Custom | None) -> tuple[str, ...]:
    """The entities of a block; what a file has for other languages only is an error, not silence."""
    if custom is not None:
        for number, name in enumerate(spec.entities):
            if name in custom.other_languages and name not in own_entities():
                message = f"the recognisers of `{name}` are not for texts in `{spec.language}`"
                raise SpecError(("entities", number), message, "set `language`, or give them the language")
    known = custom.entities if custom else ()
    without = {*chosen(spec.except_, known, field="except")}
    wanted = tuple(one for one in chosen(spec.entities, known) if one not in without)
    if not wanted:
        raise SpecError(("except",), "no entity is left", "remove some of the exceptions")
    return wanted


def _readers(spec: PiiSpec, wanted: Iterable[str]) -> dict[tuple[str, bool], frozenset[str]]:
    """Which of the wanted entities each model is asked for, by its name and whether it reads any language."""
    readers: dict[tuple[str, bool], frozenset[str]] = {}
    for entity in pii_names.ENTITIES.intersection(wanted):
        model = spec.model or (pii_names.OWN if entity in pii_names.OWN_ENTITIES else OTHER_MODEL)
        if model != pii_names.OWN and (spec.min_score or 0) > pii_names.SPACY_SCORE:
            continue  # whatever it finds has too low a score
        key = (model, spec.other_languages == "read")
        readers[key] = readers.get(key, frozenset()) | {entity}
    return readers


def _judge(recipe: Recipe, view: View, start: int, end: int) -> Hit | None:
    candidate = Candidate(view.text, start, end, recipe.words)
    judged = recipe.judge(candidate)
    if judged is None:
        return None
    score, why = judged.score, judged.how
    if score < 1.0 and not judged.final and candidate.word:
        score = min(1.0, max(score + CONTEXT_BOOST, CONTEXT_LEAST))
        why = f"{why}, context word {candidate.word}"
    first = start if judged.start is None else judged.start
    last = end if judged.end is None else judged.end
    return view.hit(first, last, recipe.entity, round(score, 2), why)


def _best(hits: list[Hit]) -> list[Hit]:
    """Of hits of one entity that overlap, the one with the best score, then the longest."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda one: (one.label, one.start, one.end)):
        last = kept[-1] if kept else None
        if last is None or last.label != hit.label or not last.span.overlaps(hit.span):
            kept.append(hit)
        elif (hit.score, hit.end - hit.start) > (last.score, last.end - last.start):
            kept[-1] = hit
    return sorted(kept, key=lambda one: (one.start, one.end))


def _settled(hits: list[Hit]) -> list[Hit]:
    """Without what a proven hit covers and is longer or surer than: one number is one thing."""
    proven = sorted(hit.span for hit in hits if hit.score == 1.0)
    starts = [span.start for span in proven]
    reach = [0, *accumulate((span.end for span in proven), max)]  # how far those up to this one go

    def covered(hit: Hit) -> bool:
        earlier = reach[bisect_left(starts, hit.start)]
        no_later = reach[bisect_right(starts, hit.start)]
        return earlier >= hit.end or no_later > hit.end or (hit.score < 1.0 and no_later == hit.end)

    return [hit for hit in hits if not covered(hit)]


def _recipes(entity: str, language: str) -> Iterator[Recipe]:
    if entity == _PHONE:
        yield pii_phone.recipe(language)
        return
    yield from (one for one in _OWN if one.entity == entity)


@lru_cache(maxsize=1_024)
def _can_share(pattern: Pattern) -> bool:
    try:
        Index.compile((pattern,))
    except PatternError:
        return False
    return True


@lru_cache(maxsize=1_024)
def _compiled(pattern: Pattern) -> regex.Pattern[str]:
    return compile_regex(pattern)


def _spans(recipe: Recipe, text: str, deadline: Deadline) -> Iterator[tuple[int, int]]:
    deadline.check()
    seconds = min(PATTERN_SECONDS, deadline.left())
    try:
        for match in _compiled(recipe.pattern).finditer(text, timeout=seconds, concurrent=True):
            yield match.span()
    except TimeoutError:
        reason = Reason.DEADLINE if deadline.left() <= 0 else Reason.PATTERN_TIMEOUT
        raise CannotJudge(reason, recipe.pattern.id) from None
