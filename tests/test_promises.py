"""The promises of the engine as properties, over every body format and every disguise.

A value is planted somewhere in a real body of some format, in some disguise; whatever the place and
the disguise, the same has to hold.
"""

import copy
import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from disguises import DISGUISES as ALL_DISGUISES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.bodies import apply, read, resolve
from guardrails.cache import Cache
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Edit, Hook, Place, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.text import views

TODAY = dt.date(2026, 11, 23)
KEYS = Keys(b"k" * 32)
BODIES = [
    (name, Hook.REQUEST if name.endswith("request") else Hook.RESPONSE, body)
    for name, body in json.loads(
        Path(__file__).with_name("bodies").joinpath("bodies.json").read_text()
    ).items()
]

HEAD = "version: 1\npolicy: promises\nrules:\n"
RULES = {
    "mail": "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, mask: {with: placeholder}",
    "card": "detect: {type: pii, entities: [CREDIT_CARD]}, action: mask, mask: {with: redact}",
    "project": "detect: {type: regex, pattern: '\\bPRJ(-\\d{4}){2}\\b'}, action: mask, mask: {with: partial}",
    "word": "detect: {type: words, words: [quetzalcoatlus rex]}, action: mask, mask: {with: hash}",
    "secret": "detect: {type: secret, kinds: ['*']}, action: mask, mask: {with: placeholder}",
}
EXTRA = {
    "deny": "detect: {type: words, words: [quetzalcoatlus]}, action: deny",
    "flag": "detect: {type: regex, pattern: 'PRJ'}, action: flag",
    "wide": "detect: {type: regex, pattern: '[^ ]{0,9}PRJ-\\d{4}'}, action: mask, mask: {with: redact}",
}
VALUES = [
    "zelda.unmistakable@example.com",
    "4111 1111 1111 1111",
    "PRJ-4711-0815",
    "quetzalcoatlus rex",
    "postgresql://app:Vt7mQ2xKp9Lw@db.acme.example/main",
]
# What of a value no rewritten body may hold: for the connection string it is the password.
SECRET = {VALUES[4]: "Vt7mQ2xKp9Lw", VALUES[2]: "4711-0815"}

DISGUISES = {
    name: ALL_DISGUISES[name]
    for name in (
        "plain",
        "zero-width",
        "full-width",
        "tags inside",
        "percent",
        "url-quoted",
        "unicode escapes",
        "entities",
        "html",
        "base64",
        "base64url",
        "hex",
        "twice",
    )
}


def engine(*names, tail="", rules=RULES | EXTRA):
    text = HEAD + "".join(f"  - {{id: {n}, title: {n}, severity: high, {rules[n]}}}\n" for n in names) + tail
    compiled = compile_files([load_file(text, "promises.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


ENGINE = engine(*RULES)


def judge(body, hook, on=ENGINE, tenant="acme"):
    return on.judge_body(body, hook, Context(tenant=tenant), deadline=Deadline.after(60), today=TODAY)


def leaves(value, path=()):
    """Every scalar of a JSON value with its place, and every key with its own."""
    if isinstance(value, dict):
        for number, (key, item) in enumerate(value.items()):
            yield (*path, "key", number), key
            yield from leaves(item, (*path, number))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path, value


def without_logprobs(body, decision):
    """The body with nothing where log probabilities are."""
    body = copy.deepcopy(body)
    for one in decision.opaque:
        if one.what == "logprobs":
            *steps, last = one.pointer.split("/")[1:]
            holder = body
            for step in steps:
                holder = holder[int(step) if isinstance(holder, list) else step]
            holder[last] = None
    return body


@st.composite
def planted(draw, values=tuple(VALUES), disguises=tuple(DISGUISES)):
    """A body with disguised values in some of its texts: (name, hook, body, [(value, disguise, address)])."""
    name, hook, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    texts = [one for one in read(body, hook).segments if one.address.place is Place.VALUE]
    if not texts:
        return name, hook, body, []
    chosen = draw(st.lists(st.sampled_from(texts), min_size=1, max_size=3, unique_by=lambda one: one.address))
    said, edits = [], []
    for segment in chosen:
        value, disguise = draw(st.sampled_from(values)), draw(st.sampled_from(disguises))
        before = draw(st.sampled_from(["", "see ", "ünïcode 🦜 "]))
        after = draw(st.sampled_from(["", " now", "\n- next", " 👋 end"]))
        text = f"{before}{DISGUISES[disguise](value)}{after}"
        edits.append(Edit(segment.address, 0, len(segment.text), text))
        said.append((value, disguise, segment.address))
    return name, hook, apply(body, edits), said


GENEROUS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@GENEROUS
@given(planted())
def test_no_masked_value_survives_in_any_reading(case):
    """A planted value is masked wherever it stands, and no reading of any text of the new body shows it."""
    _, hook, body, said = case
    judged = judge(body, hook)
    if not said:
        return

    assert judged.decision.verdict is Verdict.MASK
    found = {one.address for one in judged.decision.findings}
    assert {address for _, _, address in said} <= found
    for segment in read(judged.body, hook, judged.format).segments:
        for view in views(segment.text).all:
            for value, _, _ in said:
                assert SECRET.get(value, value).lower() not in view.text.lower()


@GENEROUS
@given(planted())
def test_only_the_edits_change_anything(case):
    """Whatever no edit names is as it was: ids, numbers, opaque parts, order; but for what spells tokens."""
    _, hook, body, _ = case
    before = copy.deepcopy(body)
    judged = judge(body, hook)

    assert body == before
    if judged.body is None:
        assert judged.decision.verdict is not Verdict.MASK
        return
    edited = {one.address.pointer for one in judged.decision.edits}
    for segment in read(body, hook, judged.format).segments:
        if segment.address.pointer not in edited:
            assert resolve(judged.body, segment.address) == segment.text
    old, new = (list(leaves(without_logprobs(one, judged.decision))) for one in (body, judged.body))
    assert [place for place, _ in old] == [place for place, _ in new]
    changed = sum(one != other for one, other in zip(old, new, strict=True))
    assert changed <= len(edited)
    if changed:
        # Masking twice changes nothing.
        again = judge(judged.body, hook)
        assert again.decision.verdict is Verdict.ALLOW
        assert again.body is None


@GENEROUS
@given(planted(disguises=("plain", "zero-width", "full-width")))
def test_offsets_are_those_of_the_text_as_sent(case):
    """A finding's span, in code points of the text as it was sent, holds the whole value."""
    _, hook, body, said = case
    decision = judge(body, hook).decision
    texts = {segment.address: segment.text for segment in read(body, hook).segments}
    for value, disguise, address in said:
        secret = DISGUISES[disguise](SECRET.get(value, value))
        spans = [texts[address][one.start : one.end] for one in decision.findings if one.address == address]
        assert any(secret in span for span in spans)
        assert all(len(span) <= len(DISGUISES[disguise](value)) for span in spans)


ALLOWANCE = """
exceptions:
  - {id: EXC, rules: ["*"], pattern: '.{1,200}', reason: a test, owner: me@example.com, expires: 2030-01-01}
"""
LOOSER = {name: engine(*RULES, name) for name in EXTRA}
EXCUSED = {name: engine(*RULES, name, tail=ALLOWANCE) for name in EXTRA}


@GENEROUS
@given(planted(), st.sampled_from(sorted(EXTRA)))
def test_a_rule_never_loosens_and_an_exception_never_tightens(case, extra):
    """With one more rule the verdict is at least as strict; with an exception at most."""
    _, hook, body, _ = case
    base = judge(body, hook).decision.verdict
    more = judge(body, hook, on=LOOSER[extra]).decision.verdict

    assert more >= base
    assert judge(body, hook, on=EXCUSED[extra]).decision.verdict <= more


@GENEROUS
@given(planted(values=tuple(VALUES[:4]), disguises=("plain",)))
def test_the_same_value_is_the_same_placeholder_for_one_tenant_only(case):
    """Wherever it stands, in another process too, under other policies; another tenant shares none."""
    _, hook, body, said = case
    places = {address for value, _, address in said if value == VALUES[0]}
    one = judge(body, hook)
    elsewhere = Engine(engine("mail").policies, Keys(b"k" * 32))

    mine = {edit.text for edit in one.decision.edits if edit.address in places}
    assert len(mine) == bool(places)
    again = judge(body, hook, on=elsewhere).decision
    assert mine == {edit.text for edit in again.edits if edit.address in places}
    theirs = {edit.text for edit in judge(body, hook, tenant="other").decision.edits}
    assert not mine & theirs


REMEMBERING = Engine(ENGINE.policies, KEYS, Cache(50_000_000))
FORGETFUL = Engine(ENGINE.policies, KEYS, Cache(20_000))


def compared(judged):
    """What must be the same however a body was judged."""
    decision = msgspec.structs.replace(judged.decision, timings={})
    body = judged.body
    if isinstance(body, msgspec.Raw):
        body = msgspec.json.decode(body)
    order = {
        name: sorted(map(repr, getattr(decision, name)))
        for name in ("findings", "shadow", "excused", "edits", "unjudged", "unknown", "opaque")
    }
    return decision.verdict, decision.segments, decision.characters, order, judged.format, body


@GENEROUS
@given(planted(), st.sampled_from(["acme", "other"]), st.booleans())
def test_what_is_known_is_judged_as_what_is_new(case, tenant, formatted):
    """From JSON text, with a memory or without, the first time or again, the decision is the same."""
    _, hook, body, _ = case
    expected = judge(body, hook, tenant=tenant)
    data = json.dumps(body, ensure_ascii=False).encode()
    context = Context(tenant=tenant)
    given_format = expected.format if formatted else None
    for on in (ENGINE, REMEMBERING, REMEMBERING, FORGETFUL):
        judged = on.judge_json(
            data, hook, context, deadline=Deadline.after(60), today=TODAY, format=given_format
        )

        assert compared(judged) == compared(expected)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "text", "user", "tool", "text", f"mail {VALUES[0]}", VALUES[2], '{"a": "PRJ-4711-0815"}']
    ),
    st.text(max_size=8),
)
MEMBERS = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "parts",
        "tool_calls",
        "function",
        "arguments",
        "input",
        "id",
        VALUES[0],
    ]
)
VALUE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(MEMBERS, inner, max_size=4)),
    max_leaves=12,
)
TOPS = st.sampled_from(
    ["messages", "input", "contents", "system", "tools", "model", "prompt", "output", "choices"]
)


@GENEROUS
@given(st.dictionaries(TOPS, VALUE, max_size=4), st.sampled_from(list(Hook)))
def test_no_shape_is_judged_otherwise_from_json_text(body, hook):
    """However mistyped a body is, taking it apart changes nothing about the decision or the new body."""
    data = json.dumps(body).encode()
    expected = judge(body, hook)
    for on in (ENGINE, REMEMBERING, REMEMBERING):
        judged = on.judge_json(data, hook, Context(tenant="acme"), deadline=Deadline.after(60), today=TODAY)

        assert compared(judged) == compared(expected)


def test_a_memory_holds_no_text_and_no_value():
    """A dump of what is remembered of a conversation shows nothing that anybody said in it."""
    cache = Cache(1_000_000)
    remembering = Engine(ENGINE.policies, KEYS, cache)
    said = f"the plan of Ozymandias is to mail {VALUES[0]} and pay with {VALUES[1]}"
    body = {"model": "m", "messages": [{"role": "user", "content": said}]}
    remembering.judge_json(
        json.dumps(body).encode(), Hook.REQUEST, Context(), deadline=Deadline.after(60), today=TODAY
    )

    dump = repr([(key, entry) for table in (cache._young, cache._old) for key, entry in table.items()])
    assert "EMAIL_ADDRESS" in dump
    for word in ("Ozymandias", "zelda", "4111"):
        assert word not in dump


def test_a_failure_is_not_remembered(monkeypatch):
    """What could not be looked at once is looked at again the next time."""
    remembering = Engine(engine("word", "mail").policies, KEYS, Cache(1_000_000))
    detector = remembering.policies.detectors[remembering.policies.rules[0].detector]
    body = json.dumps({"messages": [{"role": "user", "content": "hello quetzalcoatlus rex"}]}).encode()

    def verdict():
        return remembering.judge_json(
            body, Hook.REQUEST, Context(), deadline=Deadline.after(60), today=TODAY
        ).decision.verdict

    with monkeypatch.context() as patch:
        patch.setattr(detector, "confirm", lambda *_: 1 / 0)
        assert verdict() is Verdict.DENY

    assert verdict() is Verdict.MASK


@pytest.mark.parametrize("error", [ValueError("zelda"), RecursionError(), MemoryError(), TimeoutError()])
def test_a_detector_that_fails_is_never_nothing_found(monkeypatch, error):
    """Whatever a detector raises, its rule is unjudged and denies; the error's text is shown to nobody."""
    broken = engine("word", "mail")
    detector = broken.policies.detectors[broken.policies.rules[0].detector]

    def fail(*_):
        raise error

    monkeypatch.setattr(detector, "confirm", fail)
    body = {"messages": [{"role": "user", "content": "hello quetzalcoatlus rex"}]}
    decision = judge(body, Hook.REQUEST, on=broken).decision

    assert decision.verdict is Verdict.DENY
    assert [one.reason.value for one in decision.unjudged] == ["detector_error"]
    assert "zelda" not in repr(decision)
