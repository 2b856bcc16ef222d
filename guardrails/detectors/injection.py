"""`type: injection`: text that tries to take a model over, by a user or planted in what a tool returns.

Two kinds of evidence. Wording that is found under a disguise (base64, hexadecimal, tag characters,
escapes) is an attack by itself: nobody hides "ignore all previous instructions" who means no harm. And
a small model (n-grams, and a network over word vectors) reads everything else, in overlapping windows, with
one head for each channel.
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

MODEL = "injection-4"
LABEL = "PROMPT_INJECTION"

DISGUISED = 0.9999
"""The score of override wording under a disguise: it was in none of the harmless texts of development."""

WORDED = 0.995
"""The score of override wording in plain sight, in what users write: two in ten thousand of the harmless
texts of development hold it, and one in thirteen of those that were made to look like attacks."""


class Channel(str, Enum):
    """How a text reaches the model: that decides what an attack is."""

    DIRECT = "direct"  # written by the user: overriding, extracting, changing roles
    INDIRECT = "indirect"  # in a tool's answer or a document: any request to an assistant


_DROP = "ignore|disregard|forget|override|overwrite|bypass|discard|skip|neglect"
_TELL = "reveal|repeat|print|output|show|display|leak|disclose|recite|tell me"
_MINE = "(?:all|any|every|of|the|your|my|these|those|its) "
_WHAT = "instructions?|prompts?|rules|directives?|guidelines|commands|restrictions|messages?|context|orders"
_WHOSE = "previous|prior|above|earlier|preceding|initial|original|hidden|secret|system|safety|internal|former"
_OVERRIDE = Pattern(
    id="override wording",
    expression=rf"\b(?:{_DROP}) (?:{_MINE}){{0,3}}(?:(?:{_WHOSE}) ){{1,2}}(?:{_WHAT})\b",
    ignorecase=True,
    ascii=True,
    width=120,
)
_RULES = (
    _OVERRIDE,
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
        from guardrails.detectors.ngrams.model import load, sentences
        from guardrails.detectors.ngrams.reading import HIDDEN, readings

        self.name = f"injection {spec.channel.value}"
        self._direct = spec.channel is Channel.DIRECT
        self._least = spec.min_score
        self._hidden = HIDDEN
        self._readings = readings
        self._sentences = sentences
        self._head: Head | CannotJudge
        try:
            self._head = load(MODEL)[spec.channel.value]
        except CannotJudge as failure:
            self._head = failure

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        disguised = not self._hidden.isdisjoint(view.name.split("/"))
        for match in matches:
            rule = _RULES[match.pattern]
            if disguised and self._least <= DISGUISED:
                yield view.hit(match.start, match.end, LABEL, DISGUISED, f"{rule.id} in disguise")
            elif rule is _OVERRIDE and self._direct and self._least <= WORDED:
                span = self._sentences(view.text, match.start, match.end)  # as the model places it
                yield view.hit(span.start, span.end, LABEL, WORDED, rule.id)

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if isinstance(self._head, CannotJudge):
            raise self._head
        for reading in self._readings(views):
            judged = self._head.judge(reading.text, deadline)
            if judged.score >= self._least:
                span = reading.place(judged.span)
                yield reading.view.hit(span.start, span.end, LABEL, judged.score, f"model {MODEL}")
