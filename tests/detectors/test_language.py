"""`type: language`: prose in another language is found; what one cannot tell is not."""

import subprocess
import sys

import pytest
from looking import hits, marked
from timing import assert_linear

from guardrails.detectors import LanguageSpec, SpecError
from guardrails.detectors.language import languages, stretches

ENGLISH = "The committee met on Tuesday and agreed to publish the report before the end of the month."
GERMAN = "Der Ausschuss hat am Dienstag getagt und will den Bericht noch in diesem Monat veröffentlichen."
RUSSIAN = "Комитет собрался во вторник и решил опубликовать отчёт до конца этого месяца."
JAPANESE = "委員会は火曜日に開かれ、今月末までに報告書を公開することで合意しました。"


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({"allow": ("en",)}, ENGLISH, ENGLISH),
        ({"allow": ("en", "de")}, GERMAN, GERMAN),
        ({"allow": ("en",)}, GERMAN, f"«{GERMAN}»"),
        (
            {"allow": ("en",)},
            f"{ENGLISH}\n\n{RUSSIAN}\n\n{ENGLISH}",
            f"{ENGLISH}\n\n«{RUSSIAN}»\n\n{ENGLISH}",
        ),
        ({"deny": ("ru",)}, f"{GERMAN}\n\n{RUSSIAN}\n\n{RUSSIAN}", f"{GERMAN}\n\n«{RUSSIAN}\n\n{RUSSIAN}»"),
        ({"deny": ("ja",)}, JAPANESE, f"«{JAPANESE}»"),
        ({"allow": ("en",)}, "¿Qué tal?", "¿Qué tal?"),
        ({"allow": ("en",)}, "Ja", "Ja"),
        ({"allow": ("de",)}, "for item in items:\n    total += item.price  # add it up\n", None),
        ({"allow": ("de",)}, '{"name": "report", "open": true, "next": null}', None),
        ({"allow": ("de",)}, "https://example.org/the/long/path/to/some/english/words.html", None),
        ({"allow": ("de",)}, "4711 0815 12.5 % 2024-01-01 12:30 +49 30 1234567", None),
        ({"allow": ("en",)}, GERMAN.replace("a", "a\u200b"), "«" + GERMAN.replace("a", "a\u200b") + "»"),
    ],
)
def test_prose_in_a_language_that_is_not_wanted(spec, text, expected):
    """Stretches in it are marked; short texts, code and data are in no language."""
    assert marked(LanguageSpec(**spec).detector(), text) == (text if expected is None else expected)


def test_the_finding_names_the_language():
    """Its label, and how sure it is."""
    (hit,) = hits(LanguageSpec(allow=("en",)).detector(), GERMAN)

    assert hit.label == "LANGUAGE_DE"
    assert hit.score > 0.9


def test_probabilities_sum_up_and_norwegian_is_one():
    """Bokmål and Nynorsk count together."""
    shares = languages("Utvalget møttes på tirsdag og vil offentliggjøre rapporten før månedens slutt.")

    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["no"] == max(shares.values())


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (LanguageSpec(), ()),
        (LanguageSpec(allow=("en", "xx")), ("allow", 1)),
        (LanguageSpec(deny=("qq",)), ("deny", 0)),
    ],
)
def test_a_language_that_is_not_known_is_an_error_with_its_place(spec, path):
    """So is a rule without any."""
    with pytest.raises(SpecError) as error:
        spec.detector()
    assert error.value.path == path


def test_stretches_are_the_text_but_for_white_space():
    """Nothing is left out, however long its lines are."""
    text = "  a\nb \n\n\n" + "x y" * 2_000 + "\n\t\nend  "
    spans = list(stretches(text))

    assert [text[start:end] for start, end in spans if end - start < 9] == ["a\nb", "end"]
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


def test_time_is_linear_in_the_length():
    """Ten times the text takes about ten times as long, whatever it repeats."""
    detector = LanguageSpec(allow=("en",)).detector()
    for unit in (ENGLISH + "\n", "\n", " ", "a", "{", "/a", "a.", "漢", "a\n\n"):
        assert_linear(
            lambda many, unit=unit: hits(detector, (unit * many)[:many], seconds=60), 20_000, 200_000
        )


def test_other_policies_do_not_load_the_model():
    """It is imported by the first rule of its type."""
    code = "import sys, guardrails.detectors; sys.exit('py3langid' in sys.modules or 'numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
