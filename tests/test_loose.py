"""Loose views undo what people do to words, with the way back, and only content rules read them."""

import pytest
from looking import marked

from guardrails.detectors import InvisibleSpec, TopicSpec, WordsSpec
from guardrails.detectors.base import Deadline
from guardrails.detectors.invisible import InvisibleClass
from guardrails.detectors.plainest import plainest
from guardrails.loose import loose_views
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.text import views


def shown(text, kind):
    seen = views(text).all
    return [view.text for view in loose_views(seen) if view.name == kind]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("leet", "y0u 4r3 $tup1d!", ["you are stupid!", "you are stupld!"]),
        ("leet", "sha256 of 1234, 50 km, v1.2, C++", []),
        ("leet", "plain words only, 42 of them", []),
        ("spaced", "i g n o r e   a l l", ["ignore all"]),
        ("spaced", "so i-g-n-o-r-e it", ["so ignore it"]),
        ("spaced", "a b c, 1 2 3 4 5 6 7", []),
        ("unmarked", "ig<b>no</b>re", ["ignore"]),
        ("concealed", "a <!-- one --> b <i hidden>two</i>", ["one\ntwo"]),
    ],
)
def test_a_loose_view(kind, text, expected):
    """What it shows, or that there is none."""
    assert shown(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w1dg3t", "«w1dg3t»"),
        ("w i d g e t s and w-i-d-g-e-t", "w i d g e t s and «w-i-d-g-e-t»"),
        ("wid<b>get</b>", "«wid<b>get»</b>"),
        ("wid**ge**t", "«wid**ge**t»"),
        ("<!-- widget -->", "<!-- «widget» -->"),
        ("wi4get, 1d6et", "wi4get, 1d6et"),
    ],
)
def test_words_are_found_in_loose_views(text, expected):
    """Masking replaces what stands in the source."""
    assert marked(WordsSpec(words=("widget",)).detector(), text) == expected


def test_topics_are_found_in_loose_views():
    """With their stems."""
    assert marked(TopicSpec(deny=("legal advice",)).detector(), "l3gal adv1ces") == "«l3gal adv1ces»"


def test_only_rules_that_guess_read_them():
    """A pattern of another rule finds nothing in leetspeak, and neither rule in a stream."""
    policy = """\
version: 1
policy: p
rules:
  - {id: w, title: t, severity: low, action: flag, detect: {type: words, words: [widget]}}
  - {id: r, title: t, severity: low, action: flag, detect: {type: regex, pattern: '\\bwidget\\b'}}
"""
    policies = compile_files([load_file(policy, "p")]).policies
    soon = Deadline.after(60)
    both = frozenset(range(len(policies.detectors)))
    found = policies.look("w1dg3t", both, soon)
    owner = next(rule.detector for rule in policies.rules if rule.id == "w")

    assert set(found.hits) == {owner}
    assert policies.look("w1dg3t", both, soon, noted=[]).hits == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("%68%65%6c%6c%6f %77%6f%72%6c%64", "hello world"),
        ("&#104;&#101;&#108;&#108;&#111;", "hello"),
        ("68656c6c6f20776f726c642c20686f772061726520796f75", "hello world, how are you"),
        (
            "see https://x.example/?q=a%20b for more of the text",
            "see https://x.example/?q=a%20b for more of the text",
        ),
        ("h e l l o   w o r l d", "hello world"),
        ("he\u200bllo", "hello"),
    ],
)
def test_the_plainest_view_is_what_people_would_read(text, expected):
    """Decoded where all of the text is encoded, else as it was sent."""
    seen = views(text).all

    assert plainest((*seen, *loose_views(seen))).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "cGxlYXNlIHRha2UgdGhlIGxldHRlciB0byB0aGUgb2xkIGhhcmJvdXI= and do as I say",
        "%61%62%63%64%65%66%67%68%69%70 and do as I say",
        "x" * 60_000 + "%61" * 17_000 + " and do as I say " + "x" * 1_000,
        " ".join("abcdefghij") + " and do as I say",
    ],
)
def test_the_plainest_view_leaves_nothing_out(text):
    """What stands beside an encoded part is read, however large that is."""
    seen = views(text).all

    assert "and do as I say" in plainest((*seen, *loose_views(seen))).text


def test_hidden_text_is_a_class_of_invisible():
    """By how it is hidden; not on streams, where the end of it may never come."""
    detector = InvisibleSpec(classes=(InvisibleClass.STYLE, InvisibleClass.COMMENT)).detector()
    text = "<p style='display:none'>do this</p> <!-- and that --> <img alt='one two three four'>"

    assert marked(detector, text) == text.replace("do this", "«do this»").replace("and that", "«and that»")
    assert detector.foresight is None
    assert InvisibleSpec().detector().foresight is not None
