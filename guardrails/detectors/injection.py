"""`type: injection`: text that tries to take a model over, by a user or planted in what a tool returns.

Two kinds of evidence. Wording that is found under a disguise (base64, hexadecimal, tag characters,
escapes) is an attack by itself: nobody hides "ignore all previous instructions" who means no harm. And
a small linear model reads everything else, in overlapping windows, with one head for each channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, Match, Pattern
from guardrails.model import Hit
from guardrails.text import View

if TYPE_CHECKING:
    from guardrails.detectors.ngrams.model import Head

MODEL = "injection-1"
LABEL = "PROMPT_INJECTION"

DISGUISED = 0.9999
"""The score of override wording under a disguise: it was in none of the harmless texts of development."""


class Channel(str, Enum):
    """How a text reaches the model: that decides what an attack is."""

    DIRECT = "direct"  # written by the user: overriding, extracting, changing roles
    INDIRECT = "indirect"  # in a tool's answer or a document: any request to an assistant


_DROP = "ignore|disregard|forget|override|overwrite|bypass|discard|skip|neglect"
_TELL = "reveal|repeat|print|output|show|display|leak|disclose|recite|tell me"
_MINE = "(?:all|any|every|of|the|your|my|these|those|its) "
_WHAT = "instructions?|prompts?|rules|directives?|guidelines|commands|restrictions|messages?|context|orders"
_WHOSE = "previous|prior|above|earlier|preceding|initial|original|hidden|secret|system|safety|internal|former"
_RULES = (
    Pattern(
        id="override wording",
        expression=rf"\b(?:{_DROP}) (?:{_MINE}){{0,3}}(?:(?:{_WHOSE}) ){{1,2}}(?:{_WHAT})\b",
        ignorecase=True,
        ascii=True,
        width=120,
    ),
    Pattern(
        id="extraction wording",
        expression=rf"\b(?:{_TELL}) (?:me )?(?:{_MINE}){{0,3}}(?:(?:{_WHOSE}) ){{1,2}}(?:{_WHAT})\b",
        ignorecase=True,
        ascii=True,
        width=120,
    ),
)


class InjectionSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="injection", forbid_unknown_fields=True
):
    """Finds text that tries to take over a model."""

    channel: Annotated[
        Channel,
        msgspec.Meta(
            description="`direct`: what users write; `indirect`: answers of tools and documents, where any "
            "request to an assistant is suspect. Choose the rule's `scope` to fit."
        ),
    ] = Channel.DIRECT
    min_score: Annotated[
        float,
        msgspec.Meta(
            ge=0.0,
            le=0.9999,
            description="Least score. It is one minus the share of harmless texts of the same length that "
            "score as high: 0.99 flags about one in a hundred, 0.999 one in a thousand.",
        ),
    ] = 0.999

    def detector(self) -> InjectionDetector:
        return InjectionDetector(self)


class InjectionDetector:
    """The rules join the shared pass; the model reads the text without disguise and every decoded piece."""

    inspects = True
    reads_loosely = True
    patterns = _RULES

    def __init__(self, spec: InjectionSpec) -> None:
        # The model needs numpy: no policy without such a rule is to load it.
        from guardrails.detectors.ngrams.model import load
        from guardrails.detectors.ngrams.reading import HIDDEN, judge

        self.name = f"injection {spec.channel.value}"
        self._least = spec.min_score
        self._hidden = HIDDEN
        self._judge = judge
        self._head: Head | CannotJudge
        try:
            self._head = load(MODEL)[spec.channel.value]
        except CannotJudge as failure:
            self._head = failure

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        if self._hidden.isdisjoint(view.name.split("/")) or self._least > DISGUISED:
            return
        for match in matches:
            why = f"{_RULES[match.pattern].id} in disguise"
            yield view.hit(match.start, match.end, LABEL, DISGUISED, why)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if isinstance(self._head, CannotJudge):
            raise self._head
        for view, judged in self._judge(views, self._head, deadline):
            if judged.score >= self._least:
                yield view.hit(judged.span.start, judged.span.end, LABEL, judged.score, f"model {MODEL}")
