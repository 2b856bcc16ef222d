"""The shared pass finds what the exact matcher finds, and refuses what no bounded matcher can run."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

import guardrails.text
from guardrails.detectors import SecretSpec, SpecError
from guardrails.detectors.base import CannotJudge, Deadline, Pattern
from guardrails.detectors.patterns import CONTEXT, MAX_WIDTH, Index, PatternError, check
from guardrails.text import views

PATTERNS = [
    Pattern("word", r"\batlas-(?P<secret>[a-z]{3,12}-\d{2})\b"),
    Pattern("around", r"(?<=x)y{1,3}(?!z)"),
    Pattern("fold", r"straße|foo", ignorecase=True),
    Pattern("wide", r"[a-c]{2,200}d", ascii=True),
    Pattern("ahead", r"(?<![0-9-])[0-9]{2,4}\b(?![.-][0-9])", ascii=True),
]
INDEX = Index.compile(PATTERNS)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet="abcdxyzé\n -.0atls😀", max_size=12),
            st.sampled_from(["atlas-falcon-07", "xyy", "straße", "FOO"]),
        ),
        max_size=8,
    ).map("".join)
)
def test_the_shared_pass_loses_no_match(text):
    """Windows and prefilter find exactly the spans that the exact matcher finds over the whole text."""
    found = INDEX.matches(text, Deadline.after(5))
    for number, pattern in enumerate(PATTERNS):
        flags = (regex.IGNORECASE if pattern.ignorecase else 0) | (regex.ASCII if pattern.ascii else 0)
        expected = [match.span() for match in regex.finditer(pattern.expression, text, flags)]
        assert [(one.outer_start, one.outer_end) for one in found.get(number, [])] == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(a+)+$", "no upper bound"),
        (r"\w+@corp", "no upper bound"),
        ("(a{1,50}){1,50}$", "backtracks too much"),
        ("a{0,3}", "empty text"),
        ("(", "does not parse"),
    ],
)
def test_a_pattern_that_cannot_be_bounded_is_refused(expression, message):
    """Each bomb is an error with a message that says what is wrong."""
    with pytest.raises(PatternError, match=message):
        check(Pattern("bad", expression))


def test_a_passed_deadline_is_never_nothing_found():
    """A scan without time left raises."""
    with pytest.raises(CannotJudge):
        INDEX.matches("atlas-falcon-07", Deadline.after(0))


def test_a_cached_database_answers_alike(tmp_path):
    """The second start reads the database of the first, and finds the same."""
    first = Index.compile(PATTERNS, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    second = Index.compile(PATTERNS, cache=tmp_path)

    text = "see atlas-falcon-07"
    assert first.matches(text, Deadline.after(5)) == second.matches(text, Deadline.after(5)) != {}


def test_an_unknown_kind_is_an_error_with_a_suggestion():
    """A misspelt kind names the nearest one."""
    with pytest.raises(SpecError) as caught:
        SecretSpec(kinds=("github-oauth-tokn",)).detector()

    assert "github-oauth-token" in caught.value.help


DISGUISES = [
    "atlas-falcon-07",
    "atlas\\u002dfalcon-07",
    "atlas%2Dfalcon%2d07",
    "аtlas-falcon-07",
    "atlas-fal\u200bcon-07",
    "ａtlas-falcon-07",
    "\x1b[31matlas-\x1b[0mfalcon-07",
    "%5Cu0061tlas-falcon-07",
    "YXRsYXMtZmFsY29uLTA3IQ==",
    "caaaaaaaaaaaaaaaaaaaaaaaaaaa" * 25 + "d",
    "c" * 300 + "\\u0061d",
    "xyy",
    "\\n",
    "é",
    "filler text " * 150,
    "x" * 2_000,
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(DISGUISES), max_size=12).map(" ".join))
def test_reading_only_what_is_new_of_a_view_loses_nothing(text):
    """What is found in views where only stretches are scanned is what is found when all is."""
    wide = Pattern("wider", r"[abc]{3,900}d", ascii=True)
    index = Index.compile([*PATTERNS, wide])
    deadline = Deadline.after(5)
    found, expected = set(), set()
    for view in views(text).all:
        for scanned, fresh in ((found, view.fresh), (expected, None)):
            for number, matches in index.scan(view.text, deadline, fresh).matches.items():
                scanned |= {(number, view.source_span(one.start, one.end)) for one in matches}

    assert found == expected


@pytest.mark.parametrize("gap", [40, 1_000, 5_000])
def test_reading_only_parts_of_a_long_text_loses_nothing(gap, monkeypatch):
    """What is found where views are made of parts of a text is what is found where they are of all of it."""
    filler = "an ordinary line of words, 12 of them\n" * gap
    text = filler.join(["", *DISGUISES[:13], ""])
    index = Index.compile([*PATTERNS, Pattern("wider", r"[abc]{3,900}d", ascii=True)])

    def found():
        return {
            (number, view.source_span(one.start, one.end))
            for view in views(text).all
            for number, matches in index.scan(view.text, Deadline.after(30), view.fresh).matches.items()
            for one in matches
        }

    assert guardrails.text.WINDOW > MAX_WIDTH + CONTEXT
    in_parts = found()
    assert any(view.cut == (True, True) for view in views(text).all) == (gap >= 1_000)
    monkeypatch.setattr(guardrails.text, "WINDOW", len(text))

    assert in_parts == found()
