"""What came back to a client is said again: copies of it are masked where no rule finds them by itself."""

import datetime as dt
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import assert_linear, spent

from guardrails.cache import Cache
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.engine import Engine
from guardrails.masking import Copies, Kept, Keys, placeholder, traces
from guardrails.model import Context, Hook, Reason, Span, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file

TODAY = dt.date(2026, 11, 24)
KEYS = Keys(b"k" * 32)
HEAD = "version: 1\npolicy: copies\nrules:\n"
PIN = (
    "  - {id: pin, title: A PIN, severity: high, detect: {type: regex, label: PIN, "
    "pattern: 'pin: (?P<secret>[^ ]{4,12})'}, action: mask, mask: {with: placeholder%s}%s}\n"
)
RESTORES = ", restore: {kinds: [text, tool_input]}"


def engine(text, cache=None):
    compiled = compile_files([load_file(HEAD + text, "copies.yaml")])
    assert compiled.policies is not None, compiled.diagnostics
    return Engine(compiled.policies, KEYS, cache)


PLAIN = engine(PIN % (RESTORES, ""))


def judged(messages, on=PLAIN, how="json", **more):
    """The messages as they are sent on, and what was judged."""
    body = {"messages": messages}
    asked = {"deadline": Deadline.after(60), "today": TODAY, **more}
    context = Context(tenant="acme")
    if how == "json":
        got = on.judge_json(json.dumps(body).encode(), Hook.REQUEST, context, **asked)
        return (json.loads(bytes(got.body)) if got.body is not None else body)["messages"], got
    got = on.judge_body(body, Hook.REQUEST, context, **asked)
    return (got.body or body)["messages"], got


def user(text):
    return {"role": "user", "content": text}


def model(text):
    return {"role": "assistant", "content": text}


NAME = placeholder(KEYS, "acme", "PIN", "48-15-16")


@pytest.mark.parametrize("how", ["json", "body"])
def test_a_copy_is_masked_from_the_message_on_in_which_the_value_is_found(how):
    """What was sent before stays as it was, so that the prefix does; the copies are the same placeholder."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "is 48-15-16"}'}}
    sent, got = judged(
        [
            user("48-15-16 was before"),
            user("pin: 48-15-16 and 48-15-16"),
            {**model("noted 48-15-16."), "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": '{"read": "48-15-16"}'},
            user("no 148-15-16, no 48-15-167"),
        ],
        how=how,
    )

    assert [one["content"] for one in sent] == [
        "48-15-16 was before",
        f"pin: {NAME} and {NAME}",
        f"noted {NAME}.",
        json.dumps({"read": NAME}),
        "no 148-15-16, no 48-15-167",
    ]
    assert json.loads(sent[2]["tool_calls"][0]["function"]["arguments"]) == {"a": f"is {NAME}"}
    assert {one.value for one in got.kept.values()} == {"48-15-16"}
    assert got.decision.verdict is Verdict.MASK


@pytest.mark.parametrize(
    ("rules", "copied"),
    [
        (PIN % (RESTORES, ""), True),
        (PIN % ("", ""), False),
        (PIN % (RESTORES, ", mode: shadow"), False),
        (PIN % (RESTORES, ", scope: {roles: [assistant]}"), False),
        (PIN % (RESTORES, ", scope: {hooks: [request], roles: [user, assistant]}"), True),
    ],
)
def test_copies_count_for_rules_that_restore_and_within_their_scope(rules, copied):
    """Elsewhere nothing comes back, so nothing is said again."""
    sent, _ = judged([user("pin: 48-15-16"), model("noted 48-15-16")], engine(rules))

    assert ("48-15-16" not in sent[1]["content"]) is copied


def test_an_exception_excuses_copies_too():
    """A value that may pass is kept from nobody."""
    excuse = (
        "exceptions: [{id: E, rules: [pin], reason: r, owner: o, expires: 2027-01-01, values: [48-15-16]}]\n"
    )
    kept = {NAME: Kept("48-15-16", "PIN", ("pin",))}
    messages = [user("pin: 48-15-16"), model("noted 48-15-16")]

    assert judged(messages, engine(PIN % (RESTORES, "") + excuse), sent=kept)[0] == messages


def test_what_was_sent_earlier_is_masked_where_it_is_not_found_at_all():
    """In a request that no longer holds what the value was found in; else from there on only."""
    kept = {NAME: Kept("48-15-16", "PIN", ("pin",))}

    assert judged([user("use 48-15-16")], sent=kept)[0] == [user(f"use {NAME}")]
    assert judged([user("use 48-15-16")], sent={NAME: Kept("48-15-16", "PIN", ("gone",))})[1].body is None
    messages = [user("48-15-16"), user("pin: 48-15-16")]
    assert judged(messages, sent=kept)[0] == [user("48-15-16"), user(f"pin: {NAME}")]


def test_a_plain_word_is_masked_again_only_where_it_came_back():
    """Names are words: in what tools answer they may be others."""
    name = placeholder(KEYS, "acme", "PIN", "Mark")
    sent, _ = judged(
        [
            user("pin: Mark"),
            model("hello Mark"),
            {"role": "tool", "tool_call_id": "c", "content": "Mark all as read"},
        ]
    )

    assert [one["content"] for one in sent] == [f"pin: {name}", f"hello {name}", "Mark all as read"]


@pytest.mark.parametrize("value", ['a"b\\c', "пароль", "日本語です", "naïve-é", "x\u2028y4"])
def test_a_copy_is_found_however_json_escapes_it(value):
    """In the text of a message and within a tool's arguments."""
    name = placeholder(KEYS, "acme", "PIN", value)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": value})}}
    for ascii in (True, False):
        body = {"messages": [user(f"pin: {value}"), {**model(f"so {value}"), "tool_calls": [call]}]}
        data = json.dumps(body, ensure_ascii=ascii).encode()
        got = PLAIN.judge_json(
            data, Hook.REQUEST, Context(tenant="acme"), deadline=Deadline.after(60), today=TODAY
        )
        sent = json.loads(bytes(got.body))["messages"]

        assert sent[1]["content"] == f"so {name}"
        assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"a": name}


TEXTS = st.lists(
    st.sampled_from(["pin: 48-15-16 ", "48-15-16 ", "pin: Mark ", "Mark ", "hello ", NAME, "pin: 1 "]),
    max_size=4,
).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([user, model]), TEXTS), max_size=8), st.booleans())
def test_a_prefix_masks_alike_whatever_follows(said, remembers):
    """With a memory and without, as JSON text and decoded."""
    on = engine(PIN % (RESTORES, ""), Cache(1_000_000)) if remembers else PLAIN
    messages = [make(text) for make, text in said]
    whole, _ = judged(messages, on)

    assert judged(messages, how="body")[0] == whole
    for end in range(len(messages)):
        assert judged(messages[:end], on)[0] == whole[:end]


WORDS = st.text("ab1- é\\", max_size=12)


@given(WORDS, st.text("ab1- é\\", max_size=6), WORDS)
def test_copies_are_whole_words_and_never_missed_by_the_quick_look(before, value, after):
    """Each span is the value; whatever JSON holds it is looked into."""
    text = before + value + after

    def copies(text):
        return [span for span, _ in Copies([value]).find(text, Deadline.after(60))]

    found = copies(text)

    assert all(text[one.start : one.end] == value for one in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    telling = len(value) >= 4 and any(char.isalnum() for char in value)
    assert copies(f"({value})") == ([Span(1, 1 + len(value))] if telling else [])
    for ascii in (True, False):
        assert any(one in json.dumps(text, ensure_ascii=ascii).encode() for one in traces(value))


def test_a_known_conversation_is_not_looked_through_again():
    """A long conversation with many values costs a turn little more than without them."""
    filler = "def f(x):\n    return x + 1  # nothing to see here\n" * 40
    turns = [
        one
        for n in range(200)
        for one in (user(f"pin: {n:03d}-{n * 7919 % 997:03d} {filler}"), model(filler))
    ]
    on = engine(PIN % (RESTORES, ""), Cache(64_000_000))

    judged(turns, on)
    quiet = engine(PIN % ("", ""), Cache(64_000_000))
    judged(turns, quiet)
    without = spent(lambda: judged(turns, quiet))

    assert min(spent(lambda: judged(turns, on)) for _ in range(3)) < 6 * max(without, 0.02)


@pytest.mark.parametrize("how", ["json", "body"])
def test_many_values_cost_what_each_does(how):
    """Sixteen times the values in as much more text take about sixteen times as long, not 256."""
    on = engine(PIN % (RESTORES, ""))

    def work(number):
        messages = [
            user(" ".join(f"pin: {one:05d}-x{one}" for one in range(number))),
            model("well " * number),
        ]
        sent, _ = judged([*messages, user(f"00007-x7 and {number - 1:05d}-x{number - 1}")], on, how)
        assert sent[2]["content"].count("MASKED_PIN_") == 2

    work(100)
    assert_linear(work, 1_000, 16_000, most=64, least=0.02)


def test_copies_that_there_was_no_time_to_look_for_are_unjudged():
    """Time is up after the rules have looked, and before their values were looked for."""

    class Late(Deadline, frozen=True):
        def check(self):
            raise CannotJudge(Reason.DEADLINE)

    kept = {NAME: Kept("48-15-16", "PIN", ("pin",))}
    on = engine(PIN % (RESTORES, ""), Cache(1_000_000))
    judged([user("use 48-15-16")], on)
    _, got = judged([user("use 48-15-16")], on, sent=kept, deadline=Late(0.0))

    assert got.decision.verdict is Verdict.DENY
    assert got.decision.unjudged[0].reason is Reason.DEADLINE
