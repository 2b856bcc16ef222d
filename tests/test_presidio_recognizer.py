"""Our model of names as a recogniser of Presidio's analyser."""

import pytest
import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from guardrails.detectors import CannotJudge
from guardrails.presidio import NameRecognizer


class BlankEngine(SpacyNlpEngine):
    """Splits words and finds nothing: what Presidio needs at least."""

    def __init__(self, *languages):
        super().__init__(models=[{"lang_code": code, "model_name": "none"} for code in languages])
        self.nlp = {code: spacy.blank(code) for code in languages}


@pytest.fixture(scope="module")
def analyzer():
    registry = RecognizerRegistry(supported_languages=["en", "de"])
    for code in ("en", "de"):
        registry.add_recognizer(NameRecognizer(supported_language=code))
    return AnalyzerEngine(
        registry=registry, nlp_engine=BlankEngine("en", "de"), supported_languages=["en", "de"]
    )


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("en", "Ada Lovelace lives in London.", {("PERSON", "Ada Lovelace"), ("LOCATION", "London")}),
        ("de", "Ich heiße Jürgen Schneider.", {("PERSON", "Jürgen Schneider")}),
        ("en", "Press the green button twice.", set()),
    ],
)
def test_presidio_finds_names_with_our_model(analyzer, code, text, expected):
    """The analyser reports what the model finds, with its scores."""
    results = analyzer.analyze(text, language=code)

    assert {(one.entity_type, text[one.start : one.end]) for one in results} == expected
    assert all(0.5 <= one.score <= 1 for one in results)


def test_only_the_asked_for_entities_are_reported(analyzer):
    """As with any recogniser."""
    results = analyzer.analyze("Ada Lovelace lives in London.", language="en", entities=["LOCATION"])

    assert [one.entity_type for one in results] == ["LOCATION"]


def test_a_decision_is_explained(analyzer):
    """By recogniser and model, without the value."""
    [result] = analyzer.analyze(
        "I met Ada Lovelace.", language="en", entities=["PERSON"], return_decision_process=True
    )

    assert result.analysis_explanation.recognizer == "NameRecognizer"
    assert "Ada" not in str(result.analysis_explanation)


def test_could_not_look_is_not_nothing_found(analyzer):
    """A text in another script raises."""
    with pytest.raises(CannotJudge):
        analyzer.analyze("Вчера я встретил своего коллегу в офисе.", language="en")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"supported_language": "ja"}, "does not read `ja`"),
        ({"supported_entities": ["PERSON", "IBAN_CODE"]}, "no entity of this recogniser is called IBAN_CODE"),
    ],
)
def test_what_the_model_cannot_do_is_refused(options, message):
    """When the recogniser is made, not when it reads."""
    with pytest.raises(ValueError, match=message):
        NameRecognizer(**options)
