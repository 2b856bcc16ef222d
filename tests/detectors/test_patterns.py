"""The shared pass finds what the exact matcher finds, and refuses what no bounded matcher can run."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.detectors import SecretSpec, SpecError
from guardrails.detectors.base import CannotJudge, Deadline, Pattern
from guardrails.detectors.patterns import Index, PatternError, check

PATTERNS = [
    Pattern("word", r"\batlas-(?P<secret>[a-z]{3,12}-\d{2})\b"),
    Pattern("around", r"(?<=x)y{1,3}(?!z)"),
    Pattern("fold", r"straße|foo", ignorecase=True),
    Pattern("wide", r"[a-c]{2,200}d", ascii=True),
]
INDEX = Index.compile(PATTERNS)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet="abcdxyzé\n -0atls😀", max_size=12),
            st.sampled_from(["atlas-falcon-07", "xyy", "straße", "FOO"]),
        ),
        max_size=8,
    ).map("".join)
)
def test_the_shared_pass_loses_no_match(text):
    """Windows and prefilter find exactly the spans that the exact matcher finds over the whole text."""
    found = INDEX.matches(text, Deadline.after(5))
    for number, pattern in enumerate(PATTERNS):
        flags = regex.IGNORECASE if pattern.ignorecase else 0
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
