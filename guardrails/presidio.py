"""Our own model of names as a recogniser of Presidio's analyser.

    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    registry = RecognizerRegistry(supported_languages=["de"])
    registry.add_recognizer(NameRecognizer(supported_language="de"))

Importing this module imports Presidio. Nothing else of the library imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult

from guardrails.detectors.base import Deadline
from guardrails.detectors.ner.language import LANGUAGES
from guardrails.detectors.pii_names import OWN, OWN_ENTITIES, recogniser

SECONDS = 60.0
"""How long one text may take: Presidio has no deadline of its own."""


class NameRecognizer(EntityRecognizer):
    """Finds PERSON, LOCATION and ORGANIZATION with the model that ships with the product.

    It needs nothing of Presidio's NLP engine. `supported_language` says only for which of Presidio's
    languages it is asked; one model reads all of `guardrails.detectors.ner.language.LANGUAGES`.
    Unlike Presidio's own recognisers it raises `CannotJudge` when it could not look: in time, or at a text
    in another script. Scores are calibrated probabilities.
    """

    def __init__(
        self,
        supported_entities: Sequence[str] | None = None,
        supported_language: str = "en",
        seconds: float = SECONDS,
        **options: Any,
    ) -> None:
        wanted = sorted(OWN_ENTITIES) if supported_entities is None else list(supported_entities)
        if unknown := set(wanted) - OWN_ENTITIES:
            raise ValueError(f"no entity of this recogniser is called {', '.join(sorted(unknown))}")
        if supported_language not in LANGUAGES:
            raise ValueError(f"the model does not read `{supported_language}`, only {', '.join(LANGUAGES)}")
        self._seconds = seconds
        super().__init__(supported_entities=wanted, supported_language=supported_language, **options)

    def load(self) -> None:
        """Loads the model before the first text. Raises `CannotJudge` when its files are not there."""
        recogniser(OWN).names("", Deadline.after(self._seconds))

    def analyze(
        self, text: str, entities: Sequence[str], nlp_artifacts: object = None
    ) -> list[RecognizerResult]:
        """The names in `text` among the asked-for entities."""
        return [
            RecognizerResult(
                named.entity,
                named.start,
                named.end,
                named.score,
                AnalysisExplanation(type(self).__name__, named.score, textual_explanation=f"model {OWN}"),
                {
                    RecognizerResult.RECOGNIZER_NAME_KEY: type(self).__name__,
                    RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                },
            )
            for named in recogniser(OWN).names(text, Deadline.after(self._seconds))
            if named.entity in entities
        ]
