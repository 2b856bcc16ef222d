"""`type: words`: where a phrase is found, and that ten thousand of them are found as one is."""

import random

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from looking import hits, marked

from guardrails.detectors import SpecError, WordsSpec
from guardrails.detectors.words import WordMatch


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({"words": ("acme",)}, "Acme, ACME and acmes", "«Acme», «ACME» and acmes"),
        ({"words": ("acme",), "case": True}, "Acme acme", "Acme «acme»"),
        ({"words": ("acme",), "match": WordMatch.PREFIX}, "acmes, macme", "«acme»s, macme"),
        ({"words": ("acme",), "match": WordMatch.ANYWHERE}, "macmes", "m«acme»s"),
        ({"words": ("you should sue",)}, "You  should\n sue them", "«You  should\n sue» them"),
        ({"words": ("you should sue",)}, "you should summarise", "you should summarise"),
        ({"words": ("C++", ".NET")}, "in C++, not .NET5", "in «C++», not .NET5"),
        ({"words": ("Straße",)}, "STRASSE straße STRAẞE", "STRASSE «straße» «STRAẞE»"),
        ({"words": ("ельф",)}, "Ельф эльф", "«Ельф» эльф"),
        ({"words": ("東京都",), "match": WordMatch.ANYWHERE}, "私は東京都に住む", "私は«東京都»に住む"),
        ({"words": ("acme",)}, "a\u200bcme and ａｃｍｅ", "«a\u200bcme» and «ａｃｍｅ»"),
        ({"words": ("a b", "b c")}, "a b c", "«a «b» c»"),
        ({"words": ("x.y",)}, "xzy x.y", "xzy «x.y»"),
        ({"words": ("acme corp",)}, "acme_corp acme-corp", "acme_corp acme-corp"),
    ],
)
def test_a_phrase_is_found_where_it_stands(spec, text, expected):
    """The marked spans and no others."""
    found = hits(WordsSpec(**spec).detector(), text)
    opened = {one.start for one in found}, {one.end for one in found}
    shown = "".join(
        "»" * (place in opened[1]) + "«" * (place in opened[0]) + char
        for place, char in enumerate(text + "\0")
    ).rstrip("\0")

    assert shown == expected


def test_ten_thousand_phrases_are_each_found():
    """A long list finds what each phrase alone would find, and nothing in other words."""
    source = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = {
        " ".join(
            "".join(source.choices(letters, k=source.randint(4, 9))) for _ in range(source.randint(1, 3))
        )
        for _ in range(10_000)
    }
    phrases = sorted(made)
    detector = WordsSpec(words=tuple(phrases)).detector()
    chosen = source.sample(phrases, 40)
    text = " 1 ".join(chosen)
    found = {text[one.start : one.end] for one in hits(detector, text)}

    assert set(chosen) <= found <= made
    assert marked(detector, "an ordinary sentence about nothing") == "an ordinary sentence about nothing"


# What a person may write of a word: its letters in either case, Turkish and Greek and German among them.
LETTERS = st.text(alphabet="aiİıIſsSßẞσςΣéÉеЕkKÅå ", min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(LETTERS.filter(str.strip), LETTERS)
@example("i", "İ")
@example("ς", "Σ")
@example("K", "k")
def test_case_folding_loses_nothing_in_the_shared_pass(word, text):
    """What the exact matcher finds when letters' case does not count, the detector finds."""
    detector = WordsSpec(words=(word,), match=WordMatch.ANYWHERE).detector()
    (pattern,) = detector.patterns
    expected = {match.span() for match in regex.finditer(pattern.expression, text, regex.IGNORECASE)}

    assert expected <= {(one.start, one.end) for one in hits(detector, text)}


def test_an_empty_word_is_an_error_with_its_place():
    """A word of white space is refused by its number."""
    with pytest.raises(SpecError) as error:
        WordsSpec(words=("a", "  ")).detector()
    assert error.value.path == ("words", 1)
