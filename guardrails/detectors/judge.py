"""`type: judge`: a larger model behind a provider's address answers a question about a text.

Nothing here talks to a network. Whoever judges an exchange hands in the answers (`base.Answers`); without
them, as on the command line, the rule is unjudged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from guardrails.detectors.base import Answers, CannotJudge, Deadline, Match, Pattern, Question, SpecError
from guardrails.detectors.injection import InjectionSpec
from guardrails.detectors.toxicity import HarmSpec, ToxicitySpec
from guardrails.model import Hit, Reason
from guardrails.text import View

LABEL = "JUDGED"

Doubted = InjectionSpec | HarmSpec | ToxicitySpec


class JudgeSpec(msgspec.Struct, frozen=True, tag_field="type", tag="judge", forbid_unknown_fields=True):
    """Asks a language model of your choice about a text."""

    provider: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=100,
            description="Who is asked: a name in the service's `judges_file`.",
        ),
    ]
    question: Annotated[
        str,
        msgspec.Meta(
            min_length=10,
            max_length=4_000,
            description="What is asked about the text. The answer is a score from 0, certainly not, to 1.",
        ),
    ]
    min_score: Annotated[
        float, msgspec.Meta(gt=0.0, le=1.0, description="Least score. It is the provider's own estimate.")
    ] = 0.5
    only_if: Annotated[
        Doubted | None,
        msgspec.Meta(
            description="Asks only about texts in which this block, of type `injection`, `harm` or "
            "`toxicity`, finds something."
        ),
    ] = None
    below: Annotated[
        float | None,
        msgspec.Meta(
            gt=0.0,
            le=1.0,
            description="Does not ask where the score of `only_if` is this high: it is sure by itself, and "
            "a rule of its own decides.",
        ),
    ] = None
    max_chars: Annotated[
        int,
        msgspec.Meta(ge=100, le=1_000_000, description="Longer texts are not sent: they are unjudged."),
    ] = 20_000

    def detector(self) -> JudgeDetector:
        if self.below is None:
            return JudgeDetector(self)
        if self.only_if is None:
            raise SpecError(("below",), "there is no score to be below", "add `only_if`, or remove `below`")
        if isinstance(self.only_if, InjectionSpec | HarmSpec) and self.only_if.min_score >= self.below:
            raise SpecError(("below",), "no score is in between", "let it exceed `min_score` of `only_if`")
        return JudgeDetector(self)


class JudgeDetector:
    """Works on a whole text, once the detector of `only_if` has read it."""

    inspects = False
    patterns: Sequence[Pattern] = ()
    foresight = None

    def __init__(self, spec: JudgeSpec) -> None:
        self.name = f"judge {spec.provider}"
        self._spec = spec

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def ask(self, source: View, doubts: Sequence[Hit], answers: Answers | None) -> Iterable[Hit]:
        spec = self._spec
        if spec.only_if is not None:
            if not doubts or (spec.below is not None and max(one.score for one in doubts) >= spec.below):
                return
        elif not source.text.strip():
            return
        if len(source.text) > spec.max_chars:
            raise CannotJudge(Reason.TOO_LONG, f"longer than the {spec.max_chars} characters that are sent")
        if answers is None:
            raise CannotJudge(Reason.NO_MODEL, f"there is nobody to ask provider `{spec.provider}`")
        score = answers.score(Question(spec.provider, spec.question, source.text))
        if score >= spec.min_score:
            # What the provider says beside the score may repeat the text: it is not kept.
            yield source.hit(0, len(source.text), LABEL, score, f"provider {spec.provider}")
