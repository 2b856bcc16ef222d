"""`type: gibberish`: keys hit at random are found; code, codes, names and other languages are not."""

import random
import subprocess
import sys

import pytest
from looking import hits, marked
from timing import assert_linear

from guardrails.catalogue import gibberish
from guardrails.detectors import GibberishSpec
from guardrails.detectors.base import CannotJudge

PLAIN = GibberishSpec().detector()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asdlkfj alskdjf", "«asdlkfj alskdjf»"),
        ("Please read: sdkjfh skdjfh wkjerh, thanks.", "Please read: «sdkjfh skdjfh wkjerh», thanks."),
        ("QWERTYUIOP ASDFGHJKL", "«QWERTYUIOP ASDFGHJKL»"),
        ("xkqzvw bwrtplm jhgfdk", "«xkqzvw bwrtplm jhgfdk»"),
        ("äsdlkfj älskdjf", "«äsdlkfj älskdjf»"),
        ("asdl\u200bkfj alsk\u200bdjf", "«asdl\u200bkfj alsk\u200bdjf»"),
        ("Grrrrrr, aaaaaaah, noooooo!", None),
        ("abcdefghijklmnopqrstuvwxyz", None),
        ("Szczęśliwej podróży, Krzysztof Brzęczyszczykiewicz", None),
        ("Llanfairpwllgwyngyll yn Sir Fôn, Cymru", None),
        ("Rhythm hymns, strengths, Schwarzschild, borschtsch", None),
        ("mkfs strncpy xmlns kwargs stdout pthread_mutex_lock(&lck);", None),
        ("getHttpsUrlXmlRpc HTTP_X_FWD_FOR /usr/lib/xjkdfh/qwpdfk", None),
        ("sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", None),
        ("Съешь же ещё этих мягких французских булок", None),
        ("私は東京都に住む", None),
        ("", None),
        ("?", None),
    ],
)
def test_letters_hit_at_random(text, expected):
    """The marked runs and no others."""
    assert marked(PLAIN, text) == (text if expected is None else expected)


def test_random_codes_are_found_where_they_are_asked_for():
    """A digest, a key and base64 of bytes; words and paths are none."""
    source = random.Random(3)
    digest = "".join(source.choices("0123456789abcdef", k=40))
    key = "".join(source.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=40))
    text = f"{digest} internationalization/of/programming-languages {key}=="
    detector = GibberishSpec(codes=True).detector()

    assert hits(PLAIN, text) == []
    assert [(text[one.start : one.end], one.label) for one in hits(detector, text)] == [
        (digest, "RANDOM_CODE"),
        (f"{key}==", "RANDOM_CODE"),
    ]


def test_words_have_the_odds_of_their_letters():
    """Offsets are those of the text; what holds digits, signs or capitals within has no odds."""
    text = "the wqkx Über ab1c some_name getName word.part ǅ"
    words = gibberish.words(text)
    found = [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]

    assert found == ["wqkx", "Über"]
    assert words.bits[0] > 4 > 0 > words.bits[1]


def test_another_model_is_refused(monkeypatch):
    """The weights are those that the hash names, or the rule is unjudged."""
    monkeypatch.setattr(gibberish, "SHA256", "0" * 64)
    gibberish.model.cache_clear()
    try:
        with pytest.raises(CannotJudge):
            hits(GibberishSpec().detector(), "asdlkfj alskdjf")
    finally:
        gibberish.model.cache_clear()


def test_time_is_linear_in_the_length():
    """Ten times the text takes about ten times as long, whatever it repeats."""
    detector = GibberishSpec(codes=True).detector()
    for unit in ("asdlkfj ", "a", "A1", "a.", "é", "word\n"):
        assert_linear(
            lambda many, unit=unit: hits(detector, (unit * many)[:many], seconds=60), 30_000, 300_000
        )


def test_other_policies_do_not_load_the_model():
    """It is loaded by the first rule of its type."""
    code = "import sys, guardrails.detectors; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
