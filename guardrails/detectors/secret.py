"""`type: secret`: credentials, by a catalogue of kinds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from guardrails.catalogue.secret_kinds import SecretKind, kinds
from guardrails.catalogue.validators import REQUIRED, SUPPORTING, no_placeholder
from guardrails.detectors import listed
from guardrails.detectors.assigned import AssignedKinds, stems
from guardrails.detectors.assignments import MAX_REACH, Assignment, Reader
from guardrails.detectors.base import Deadline, Foresight, Match, Pattern, SpecError
from guardrails.detectors.generic import generic_score
from guardrails.detectors.readers import READERS
from guardrails.model import Hit, Severity, Span
from guardrails.text import View

Globs = tuple[Annotated[str, msgspec.Meta(min_length=1)], ...]


class SecretSpec(msgspec.Struct, frozen=True, tag_field="type", tag="secret", forbid_unknown_fields=True):
    """Finds credentials of the chosen kinds."""

    kinds: Annotated[Globs, msgspec.Meta(min_length=1, description="Ids of kinds; `*` for any.")]
    except_: Annotated[Globs, msgspec.Meta(description="Ids left out; `*` allowed.")] = msgspec.field(
        default=(), name="except"
    )
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1, description="Least score of a finding.")] = 0.5
    min_severity: Annotated[
        Literal["low", "medium", "high", "critical"],
        msgspec.Meta(description="Kinds below it are left out; ids and publishable keys are low or medium."),
    ] = "low"

    def detector(self) -> SecretDetector:
        catalogue = kinds()
        wanted = _chosen(self.kinds, "kinds", catalogue) - _chosen(self.except_, "except", catalogue)
        least = Severity[self.min_severity.upper()]
        wanted = {one for one in wanted if Severity[catalogue[one].severity.upper()] >= least}
        if not wanted:
            raise SpecError(("except",), "no kind is left", "remove some of the exceptions")
        return SecretDetector([catalogue[one] for one in sorted(wanted)], self.min_score)


def _chosen(globs: Sequence[str], field: str, catalogue: dict[str, SecretKind]) -> set[str]:
    chosen: set[str] = set()
    for number, glob in enumerate(globs):
        expression = re.compile(re.escape(glob).replace(r"\*", ".*"))
        found = {one for one in catalogue if expression.fullmatch(one)}
        if not found:
            close = difflib.get_close_matches(glob, catalogue, n=1)
            help = f"did you mean `{close[0]}`?" if close else "`guardrails kinds` lists them all"
            raise SpecError((field, number), f"no kind of secret is called `{glob}`", help)
        chosen |= found
    return chosen


GENERIC = "generic-assignment"


def _surest(hits: Iterable[Hit]) -> Iterable[Hit]:
    """One hit for each span: a header's credential is called after its vendor where that is known."""
    best: dict[tuple[int, int], Hit] = {}
    for hit in hits:
        known = best.setdefault((hit.start, hit.end), hit)
        if hit.score > known.score:
            best[hit.start, hit.end] = hit
    return best.values()


class SecretDetector:
    """A match is a hit when it passes its kind's validators.

    Pairs of name and value go to the kinds that a name betrays, and only those that none takes to
    `generic-assignment`. A pair's hit on what a pattern has found is dropped.
    """

    inspects = False

    def __init__(self, chosen: Sequence[SecretKind], min_score: float) -> None:
        self.name = "secret"
        self._min_score = min_score
        pairs = [(one, structure) for one in chosen for structure in one.patterns]
        self._assigned = AssignedKinds(chosen)
        self._generic = next((one for one in chosen if one.id == GENERIC), None)
        read = [
            (one, pattern)
            for one in chosen
            if one.reader in READERS
            for pattern in READERS[one.reader].patterns
        ]
        self._kinds = tuple(one for one, _ in [*pairs, *read])
        own = tuple(
            Pattern(
                id=f"secret {one.id}",
                expression=structure.pattern,
                ignorecase=one.ignorecase,
                ascii=True,
                triggers=() if structure.trigger is None else (structure.trigger,),
            )
            for one, structure in pairs
        ) + tuple(pattern for _, pattern in read)
        self._reader = Reader(stems(chosen))
        self._listed = len(own) + len(self._reader.patterns)  # the number of the first of their patterns
        self.patterns = own
        if self._assigned or self._generic:
            self.patterns += (*self._reader.patterns, *listed.PATTERNS)

    @property
    def foresight(self) -> Sequence[Foresight]:
        """What is assigned to a name may go on behind the match that located it."""
        own = [
            READERS[one.reader].foresight if one.reader in READERS else Foresight(0) for one in self._kinds
        ]
        if len(self.patterns) == len(own):
            return own
        located = [Foresight(MAX_REACH, decided=self._reader.has_all)] * len(self._reader.patterns)
        return [*own, *located, *listed.FORESIGHT]

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        own = len(self._kinds)
        found: list[Hit] = []
        taken: list[tuple[int, int]] = []
        for match in matches:
            if match.pattern < own:
                kind = self._kinds[match.pattern]
                reader = READERS.get(kind.reader or "")
                spans = reader.spans(view.text, match) if reader else (Span(match.start, match.end),)
                for span in spans:
                    for hit in self._validated(view, kind, span.start, span.end):
                        found.append(hit)
                        taken.append((span.start, span.end))
        for pair in self._pairs(view.text, [match for match in matches if match.pattern >= own]):
            overlaps = any(pair.start < end and start < pair.end for start, end in taken)
            found += self._judged(view, pair, known=overlaps)
        return _surest(found)

    def _pairs(self, text: str, located: Sequence[Match]) -> Iterator[Assignment]:
        yield from self._reader.read(text, [match for match in located if match.pattern < self._listed])
        yield from listed.read(
            text,
            [
                msgspec.structs.replace(match, pattern=match.pattern - self._listed)
                for match in located
                if match.pattern >= self._listed
            ],
        )

    def _judged(self, view: View, pair: Assignment, *, known: bool) -> Iterator[Hit]:
        kind = self._assigned.match(pair)
        if kind is not None and no_placeholder(pair.value):
            hits = list(self._validated(view, kind, pair.start, pair.end))
            if hits:
                yield from hits
                return
        if self._generic is not None and not known:
            score = generic_score(pair)
            if score > 0 and score >= self._min_score:
                why = f"kind {GENERIC}, {pair.join.value}"
                yield view.hit(pair.start, pair.end, self._generic.label, score, why)

    def _validated(self, view: View, kind: SecretKind, start: int, end: int) -> Iterator[Hit]:
        value = view.text[start:end]
        if not value or not all(REQUIRED[one](value) for one in kind.validators if one in REQUIRED):
            return
        proven = any(SUPPORTING[one](value) for one in kind.validators if one in SUPPORTING)
        score = 1.0 if proven else kind.score
        if score >= self._min_score:
            why = f"kind {kind.id}, checksum valid" if proven else f"kind {kind.id}"
            yield view.hit(start, end, kind.label, score, why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()
