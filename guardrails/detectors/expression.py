"""`type: regex`: one expression of the policy author's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from guardrails.catalogue.validators import entropy
from guardrails.detectors.base import Deadline, Foresight, Match, Pattern, SpecError
from guardrails.detectors.patterns import PatternError, check
from guardrails.model import Hit
from guardrails.text import View


class RegexSpec(msgspec.Struct, frozen=True, tag_field="type", tag="regex", forbid_unknown_fields=True):
    """Finds what an expression matches; a group named `secret` narrows the span."""

    pattern: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="Expression in the syntax of the Python package `regex`. Every repetition needs an "
            "upper bound. A group named `secret` marks the part that is found.",
        ),
    ]
    ignorecase: Annotated[bool, msgspec.Meta(description="Match letters in either case.")] = False
    multiline: Annotated[bool, msgspec.Meta(description="`^` and `$` match at line borders.")] = False
    dotall: Annotated[bool, msgspec.Meta(description="`.` matches a line break too.")] = False
    keywords: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
        msgspec.Meta(
            description="Texts of which at least one must be part of the match, in the letters' case or "
            "another. A match without any is no hit."
        ),
    ] = ()
    min_entropy: Annotated[
        float,
        msgspec.Meta(ge=0, le=8, description="Least Shannon entropy of what is found, in bits a character."),
    ] = 0.0
    label: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]*$", description="Label of the finding.")] = (
        "REGEX"
    )

    def detector(self) -> RegexDetector:
        pattern = Pattern(
            id=f"regex {self.pattern[:40]}",
            expression=self.pattern,
            ignorecase=self.ignorecase,
            multiline=self.multiline,
            dotall=self.dotall,
        )
        try:
            check(pattern)
        except PatternError as error:
            raise SpecError(("pattern",), error.message, error.help) from None
        return RegexDetector(self, pattern)


class RegexDetector:
    """Every match of one expression that holds one of its keywords is a hit."""

    inspects = False
    foresight = Foresight(0)

    def __init__(self, spec: RegexSpec, pattern: Pattern) -> None:
        self.name = "regex"
        self.patterns = (pattern,)
        self._label = spec.label
        self._min_entropy = spec.min_entropy
        self._keywords = tuple(keyword.casefold() for keyword in spec.keywords)

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            if self._keywords:
                found = view.text[match.outer_start : match.outer_end].casefold()
                if not any(keyword in found for keyword in self._keywords):
                    continue
            if self._min_entropy and entropy(view.text[match.start : match.end]) < self._min_entropy:
                continue
            yield view.hit(match.start, match.end, self._label, why="regex")

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()
