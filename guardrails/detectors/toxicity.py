"""`type: toxicity` and `type: harm`: hateful, sexual or violent wording; requests for what does damage.

One small network over word vectors knows both, and n-grams beside it requests for harm: they read a text
in overlapping windows and give each class a score. They know wording, so that what is only meant, or said
in words they have not seen, gets past them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, Match, Pattern
from guardrails.model import Hit
from guardrails.text import View

if TYPE_CHECKING:
    from guardrails.detectors.ngrams.model import Classes

MODEL = "toxicity-2"
HARM = "harm"

Score = Annotated[float, msgspec.Meta(ge=0.0, le=0.9999)]
_SCORE = (
    "It is one minus the share of harmless texts of the same length that score as high: 0.99 flags about one "
    "in a hundred, 0.999 one in a thousand."
)


class Category(str, Enum):
    """Kinds of toxicity."""

    HATE = "hate"  # against people for what they are: origin, religion, sex, disability
    HARASSMENT = "harassment"  # insults and threats to a person
    SEXUAL = "sexual"  # explicit, not education
    VIOLENCE = "violence"  # threats, praise and graphic descriptions
    SELF_HARM = "self_harm"  # intent, instructions, encouragement
    PROFANITY = "profanity"  # swear words, whomever they are meant for


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Least scores of single categories; None: `min_score`."""

    hate: Annotated[Score | None, msgspec.Meta(description="For hate.")] = None
    harassment: Annotated[Score | None, msgspec.Meta(description="For insults and threats.")] = None
    sexual: Annotated[Score | None, msgspec.Meta(description="For explicit wording.")] = None
    violence: Annotated[Score | None, msgspec.Meta(description="For violent wording.")] = None
    self_harm: Annotated[Score | None, msgspec.Meta(description="For self-harm.")] = None
    profanity: Annotated[Score | None, msgspec.Meta(description="For swear words.")] = None


class ToxicitySpec(msgspec.Struct, frozen=True, tag_field="type", tag="toxicity", forbid_unknown_fields=True):
    """Finds toxic wording, by category."""

    categories: Annotated[
        tuple[Category, ...],
        msgspec.Meta(min_length=1, description="What to look for. Default: every category."),
    ] = tuple(Category)
    min_score: Annotated[Score, msgspec.Meta(description=f"Least score. {_SCORE}")] = 0.999
    thresholds: Annotated[
        Thresholds,
        msgspec.Meta(description="Least scores of single categories, instead of `min_score`."),
    ] = Thresholds()

    def detector(self) -> ClassDetector:
        own = {one.value: getattr(self.thresholds, one.value) for one in self.categories}
        least = {name: self.min_score if score is None else score for name, score in own.items()}
        return ClassDetector("toxicity", least)


class HarmSpec(msgspec.Struct, frozen=True, tag_field="type", tag="harm", forbid_unknown_fields=True):
    """Finds requests for weapons, malware and crime."""

    min_score: Annotated[Score, msgspec.Meta(description=f"Least score. {_SCORE}")] = 0.999

    def detector(self) -> ClassDetector:
        return ClassDetector("harm", {HARM: self.min_score})


class ClassDetector:
    """The model reads the text without disguise and every decoded piece; a hit for each class."""

    inspects = True
    patterns: Sequence[Pattern] = ()

    def __init__(self, name: str, least: Mapping[str, float]) -> None:
        # The model needs numpy: no policy without such a rule is to load it.
        from guardrails.detectors.ngrams.model import classes
        from guardrails.detectors.ngrams.reading import readings

        self.name = f"{name} {' '.join(sorted(least))}" if len(least) > 1 else name
        self._least = least
        self._readings = readings
        self._classes: Classes | CannotJudge
        try:
            self._classes = classes(MODEL)
        except CannotJudge as failure:
            self._classes = failure

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if isinstance(self._classes, CannotJudge):
            raise self._classes
        for reading in self._readings(views):
            for name, judged in self._classes.judge(reading.text, self._least, deadline).items():
                span = reading.place(judged.span)
                label = "HARMFUL_REQUEST" if name == HARM else name.upper()
                yield reading.view.hit(span.start, span.end, label, judged.score, f"model {MODEL}")
