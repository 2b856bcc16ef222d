"""What could still become a match is found, for every pattern and every place to cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.catalogue.secret_kinds import expand, kinds
from guardrails.detectors.base import Deadline, Pattern
from guardrails.detectors.patterns import compile_regex
from guardrails.streams import runs
from guardrails.streams.alive import Alive

EXAMPLES = [
    (kind, expand(one.hit, kind.id).replace("«", "").replace("»", ""))
    for kind in kinds().values()
    for one in kind.examples
    if one.hit and kind.patterns
][::4]


def pattern(expression, **flags):
    return Pattern("test", expression, **flags)


def start(alive, text, at=0):
    return alive.start(text, at, frozenset(range(99)), Deadline.after(60))


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind.id for kind, _ in EXAMPLES])
def test_a_beginning_of_a_secret_is_alive(kind, text):
    """Whatever is cut off of an example, what would be masked is held back from its beginning."""
    patterns = [pattern(one.pattern, ignorecase=kind.ignorecase, ascii=True) for one in kind.patterns]
    alive = Alive(patterns)
    for own in patterns:
        for match in compile_regex(own).finditer(text):
            begins = match.start("secret") if "secret" in own.expression else match.start()
            for cut in range(begins + 1, match.end()):
                assert start(alive, text[:cut]) <= begins


PIECES = [
    "a",
    "b",
    "ab",
    "[a-c]",
    "\\d",
    "[^a]",
    "(?:ab|cd)",
    "(?:a|bc){1,3}",
    "b{0,2}",
    "c{2}",
    "(?i:A)",
    "é",
]
AFTER = ["", "\\b", "(?!x)", "(?=[bc]{1,2})", "(?<!c)", "(?>a|ab)", "b{1,2}+"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES + AFTER), min_size=1, max_size=5).map("".join),
    st.text(alphabet="abcdx1é ", max_size=14),
    st.text(alphabet="abcdx1é ", max_size=4),
)
def test_no_match_that_more_text_brings_begins_before_what_is_held(expression, text, more):
    """Of any expression: matches that touch what follows begin in what is held back."""
    own = pattern(expression)
    compiled = compile_regex(own)
    if compiled.match(""):
        return
    held = start(Alive([own]), text)

    def before(whole):
        return [match.span() for match in compiled.finditer(whole, overlapped=True) if match.start() < held]

    assert before(text + more) == before(text)


LEADS = ["", "a", "(?:ab|c){1,2}", "[a-c]{0,3}", "\\b", "(?<!x)", "d?", "(?<=é)", "^"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(LEADS), min_size=1, max_size=3).map("".join),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join),
    st.lists(st.sampled_from(["", *PIECES, *AFTER]), max_size=2).map("".join),
    st.text(alphabet="abcdx1é -", max_size=14),
    st.text(alphabet="abcdx1é -", max_size=4),
)
def test_no_secret_that_more_text_brings_begins_before_what_is_held(before, secret, after, text, more):
    """Of an expression with a group `secret`, what comes before the group is no reason to hold back."""
    own = pattern(f"{before}(?P<secret>{secret}){after}")
    compiled = compile_regex(own)
    if compiled.match(""):
        return
    held = start(Alive([own]), text)

    def found(whole):
        matches = compiled.finditer(whole, overlapped=True)
        return [match.span("secret") for match in matches if match.start("secret") < held]

    assert found(text + more) == found(text)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("plain words", "words"),
        ("plain words ", " "),
        ("an aGVsbG8gd29ybGQgYWdhaW4=\nYWdhaW4", "aGVsbG8gd29ybGQgYWdhaW4=\nYWdhaW4"),
        ("bytes de ad be", "de ad be"),
        ("url %41%4", "%41%4"),
        ("text \\u00", "\\u00"),
        ("text &am", "&am"),
        ("red \x1b[3", "\x1b[3"),
        ("caf e\u0301\u200b", "e\u0301\u200b"),
    ],
)
def test_a_run_that_goes_on_is_held_whole(text, held):
    """Encoded runs, escapes and characters with their marks are never cut."""
    assert text[runs.start(text) :] == held
