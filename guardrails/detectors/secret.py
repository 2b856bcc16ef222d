"""`type: secret`: credentials, by a catalogue of kinds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from guardrails.catalogue.secret_kinds import SecretKind, kinds
from guardrails.catalogue.validators import REQUIRED, SUPPORTING
from guardrails.detectors.base import Deadline, Match, Pattern, SpecError
from guardrails.model import Hit
from guardrails.text import View

Globs = tuple[Annotated[str, msgspec.Meta(min_length=1)], ...]


class SecretSpec(msgspec.Struct, frozen=True, tag_field="type", tag="secret", forbid_unknown_fields=True):
    """Finds credentials of the chosen kinds."""

    kinds: Annotated[Globs, msgspec.Meta(min_length=1, description="Ids of kinds; `*` for any.")]
    except_: Annotated[Globs, msgspec.Meta(description="Ids left out; `*` allowed.")] = msgspec.field(
        default=(), name="except"
    )
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1, description="Least score of a finding.")] = 0.5

    def detector(self) -> SecretDetector:
        catalogue = kinds()
        wanted = _chosen(self.kinds, "kinds", catalogue) - _chosen(self.except_, "except", catalogue)
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


class SecretDetector:
    """A match is a hit when it passes its kind's validators."""

    inspects = False

    def __init__(self, chosen: Sequence[SecretKind], min_score: float) -> None:
        self.name = "secret"
        self._kinds = tuple(chosen)
        self._min_score = min_score
        self.patterns = tuple(
            Pattern(id=f"secret {one.id}", expression=one.pattern, ignorecase=one.ignorecase, ascii=True)
            for one in chosen
        )

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            kind = self._kinds[match.pattern]
            value = view.text[match.start : match.end]
            if not value or not all(REQUIRED[one](value) for one in kind.validators if one in REQUIRED):
                continue
            proven = any(SUPPORTING[one](value) for one in kind.validators if one in SUPPORTING)
            score = 1.0 if proven else kind.score
            if score >= self._min_score:
                why = f"kind {kind.id}, checksum valid" if proven else f"kind {kind.id}"
                yield view.hit(match.start, match.end, kind.label, score, why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()
