"""`type: topic`: phrases are found in any form of their words, and nowhere else."""

import pytest
from looking import hits, marked
from timing import assert_linear

from guardrails.detectors import SpecError, TopicSpec
from guardrails.detectors.topic import Stems

LEGAL = {"deny": ("legal advice", "refund an order")}


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        (LEGAL, "I need legal advice.", "I need «legal advice»."),
        (LEGAL, "Legal advices? LEGAL\n  ADVICE!", "«Legal advices»? «LEGAL\n  ADVICE»!"),
        (LEGAL, "Is it legal? Advice is welcome.", "Is it legal? Advice is welcome."),
        (LEGAL, "a legal\n\nadvice", "a legal\n\nadvice"),
        (LEGAL, "illegal advice, legal_advice", "illegal advice, legal_advice"),
        (LEGAL, "refunding an orders", "«refunding an orders»"),
        (LEGAL, "legal medical advice", "legal medical advice"),
        ({**LEGAL, "distance": 1}, "legal medical advice", "«legal medical advice»"),
        ({**LEGAL, "distance": 1}, "legal and sound advice", "legal and sound advice"),
        ({**LEGAL, "distance": 2}, "legal legal advice", "legal «legal advice»"),
        ({"deny": ("a a a",)}, "a a a a", "«a «a a» a»"),
        ({**LEGAL, "except": ("no legal advice",)}, "This is no legal advice.", "This is no legal advice."),
        ({**LEGAL, "except": ("no legal advice",)}, "Legal advice", "«Legal advice»"),
        ({"deny": ("haus kaufen",), "languages": (Stems.DE,)}, "Häuser kaufen", "«Häuser kaufen»"),
        ({"deny": ("médecin",), "languages": (Stems.FR,)}, "des médecins", "des «médecins»"),
        ({"deny": ("банк",), "languages": (Stems.RU,)}, "о банках", "о «банках»"),
        ({"deny": ("order",), "languages": (Stems.EN, Stems.DE)}, "orders ordern", "«orders» «ordern»"),
        (LEGAL, "le\u200bgal adv\u0456ce", "«le\u200bgal adv\u0456ce»"),
        (LEGAL, "bGVnYWwgYWR2aWNlIGlzIGZyZWU=", "«bGVnYWwgYWR2aWNlIGlzIGZyZWU=»"),
    ],
)
def test_a_phrase_is_found_in_any_form_of_its_words(spec, text, expected):
    """The marked spans and no others."""
    found = hits(_spec(spec).detector(), text)
    starts, ends = {one.start for one in found}, {one.end for one in found}
    shown = "".join(
        "»" * (place in ends) + "«" * (place in starts) + char for place, char in enumerate(text + "\0")
    ).rstrip("\0")

    assert shown == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Can you write me a poem about cats?", "«Can you write me a poem about cats?»"),
        ("Where are my invoices for last month?", "Where are my invoices for last month?"),
        ("Thanks a lot!", "Thanks a lot!"),
        (" Tell me a story about the sea. ", " «Tell me a story about the sea.» "),
    ],
)
def test_a_text_about_nothing_allowed_is_a_hit_as_a_whole(text, expected):
    """Short texts pass; one allowed phrase is enough."""
    assert marked(TopicSpec(allow=("invoice", "bank account")).detector(), text) == expected


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, ()),
        ({"deny": ("a", " ")}, ("deny", 1)),
        ({"deny": ("???",)}, ("deny", 0)),
        ({"allow": ("東京都",)}, ("allow", 0)),
        ({"deny": ("legal advice",), "except": ("no advice",)}, ("except", 0)),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_place(spec, path):
    """Phrases without words, in scripts without spaces, and exceptions that can except nothing."""
    with pytest.raises(SpecError) as error:
        _spec(spec).detector()
    assert error.value.path == path


def test_time_is_linear_in_the_length():
    """Ten times the text takes about ten times as long, whatever it repeats."""
    detector = TopicSpec(deny=("a a a a", "legal advice"), distance=20).detector()
    for unit in ("a ", "legal ", "\n \n", "x" * 100 + " ", "! "):
        assert_linear(lambda many, unit=unit: hits(detector, unit * many, seconds=60), 3_000, 30_000)


def _spec(fields):
    return TopicSpec(**{{"except": "except_"}.get(key, key): value for key, value in fields.items()})
