"""`type: competitor`: a name is found as people spell it, and not inside other words."""

import pytest
from looking import marked

from guardrails.detectors import CompetitorSpec, SpecError


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Globex", "Globex, GLOBEX's and globex.com", "«Globex», «GLOBEX»'s and «globex».com"),
        ("Globex", "globexes, myglobex, globex_2", "globexes, myglobex, globex_2"),
        ("OpenGate", "opengate Open Gate open-gate", "«opengate» «Open Gate» «open-gate»"),
        ("Open Gate", "OpenGate and open.gate", "«OpenGate» and «open.gate»"),
        (
            "Blue Sky Inc.",
            "Blue Sky raised prices; BlueSky, Inc.",
            "«Blue Sky» raised prices; «BlueSky», Inc.",
        ),
        ("Smith & Sons", "Smith and Sons, Smith&Sons", "«Smith and Sons», «Smith&Sons»"),
        ("Müllér", "Muller Müller Müllér", "«Muller» «Müller» «Müllér»"),
        ("O'Hara's", "OHaras and O’Hara’s", "«OHaras» and «O’Hara’s»"),
        ("Area 51", "area51 Area-51 Area 510", "«area51» «Area-51» Area 510"),
        ("Globex", "Gl\u200bobex and Glоbex", "«Gl\u200bobex» and «Glоbex»"),
    ],
)
def test_usual_spellings_of_a_name(name, text, expected):
    """Together, apart, with a hyphen, without accent, apostrophe or legal form."""
    assert marked(CompetitorSpec(names=(name,)).detector(), text) == expected


def test_a_name_that_is_a_word_too():
    """Capitals tell, and phrases in which it is meant otherwise."""
    detector = CompetitorSpec(names=("Orange",), case=True, except_=("Orange County",)).detector()

    assert (
        marked(detector, "Orange sells oranges in Orange County") == "«Orange» sells oranges in Orange County"
    )


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (CompetitorSpec(names=("a", "  ")), ("names", 1)),
        (CompetitorSpec(names=("!?",)), ("names", 0)),
        (CompetitorSpec(names=("Orange",), except_=("apple pie",)), ("except", 0)),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_place(spec, path):
    """Names without letters, and exceptions that no name is in."""
    with pytest.raises(SpecError) as error:
        spec.detector()
    assert error.value.path == path


def test_a_name_is_found_on_streams():
    """The detector can be judged on a text that arrives bit by bit."""
    assert CompetitorSpec(names=("Globex",), except_=("Globex Street",)).detector().foresight.most > 0
