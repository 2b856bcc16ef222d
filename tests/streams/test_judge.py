"""A text judged bit by bit is the text judged as a whole, however it is cut up."""

import datetime as dt

import pytest
from disguises import DISGUISES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timing import assert_linear

from guardrails.catalogue.secret_kinds import expand, kinds
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, Replacement, apply_plan
from guardrails.model import Address, Context, Hook, Kind, Reason, Role, Segment
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.streams.judge import MAX_HELD, Denied, Stream, StreamEngine

TODAY = dt.date(2026, 11, 23)
KEYS = Keys(b"k" * 32)
HEAD = "version: 1\npolicy: streams\nrules:\n"
RULES = {
    "mail": "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, mask: {with: placeholder}",
    "card": "detect: {type: pii, entities: [CREDIT_CARD, IBAN_CODE, US_SSN, PHONE_NUMBER, US_PASSPORT]}, "
    "action: mask, mask: {with: redact}",
    "project": "detect: {type: regex, pattern: '\\bPRJ(-\\d{4}){2}\\b'}, action: mask, mask: {with: partial}",
    "optional": "detect: {type: regex, pattern: 'foo(?: {1,3}bar)?'}, action: mask, mask: {with: redact}",
    "word": "detect: {type: words, words: [quetzalcoatlus rex]}, action: mask, mask: {with: hash}",
    "secret": "detect: {type: secret, kinds: ['*']}, action: mask, mask: {with: placeholder}",
}


def engine(*rules):
    text = HEAD + "".join(f"  - {{id: {n}, title: {n}, severity: high, {rule}}}\n" for n, rule in rules)
    compiled = compile_files([load_file(text, "streams.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


WHOLE = engine(*RULES.items())
STREAMS = StreamEngine(WHOLE)
CONTEXT = Context(tenant="acme")
SECRETS = [
    expand(one.hit, kind.id).replace("«", "").replace("»", "")
    for kind in kinds().values()
    for one in kind.examples
    if one.hit
]
VALUES = [
    "zelda.unmistakable@example.com",
    "4111 1111 1111 1111",
    "4111 1111 1111 11114111 1111 1111 1111",
    "PRJ-4711-0815",
    "foo  bar",
    "quetzalcoatlus rex",
    "postgresql://app:Vt7mQ2xKp9Lw@db.acme.example/main",
    "DE89 3704 0044 0532 0130 00",
    "(212) 555-0187",
    "123456789 is my passport",
    "call my phone: 0301234567",
    *SECRETS,
]
FILLERS = [
    "",
    " ",
    "\n",
    ". ",
    "the quick brown fox ",
    "日本語のテキスト、",
    "ünïcode 🦜 👨‍👩‍👧 ",
    "x = [1, 22, 333]; path/to/some/file-name.py\n",
    "-----\n",
    "%20 & \\n \\",
    "see https://example.org/a/b?c=1%2C2 ",
    "de ad be ef ",
    "dGhlIHF1aWNrIGJyb3du",
    "long words without any end ".replace(" ", "") * 8,
    "many words that say nothing at all, over and over. " * 15,
]


def whole(text, on=WHOLE, kind=Kind.TEXT):
    """The decision on a text as a whole, and the text after it."""
    address = Address("")
    decision = on.judge(
        [Segment(address, Role.ASSISTANT, kind, text)],
        Hook.RESPONSE,
        CONTEXT,
        deadline=Deadline.after(60),
        today=TODAY,
    )
    return decision, apply_plan(text, sorted(Replacement(e.start, e.end, e.text) for e in decision.edits))


def streamed(parts, on=STREAMS, kind=Kind.TEXT):
    """What comes out at each part, and the stream's decision."""
    stream = Stream(on, CONTEXT, TODAY)
    judge = stream.channel(kind=kind)
    given = [judge.feed(part, Deadline.after(60)).text for part in parts]
    given.append(judge.settle(Deadline.after(60)).text)
    return given, stream.decision()


def spans(decision):
    return sorted({(one.rule, one.label, one.fingerprint) for one in decision.findings})


@st.composite
def texts(draw):
    """A text with values in it, plain and disguised, among fillers."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        parts.append(draw(st.sampled_from(FILLERS)))
        parts.append(DISGUISES[draw(st.sampled_from(sorted(DISGUISES)))](draw(st.sampled_from(VALUES))))
        parts.append(draw(st.sampled_from(FILLERS)))
    return "".join(parts)


@st.composite
def cut(draw, source):
    """A text and a way to cut it up."""
    text = draw(source)
    if draw(st.booleans()):
        size = draw(st.integers(1, 12))
        return text, [text[at : at + size] for at in range(0, len(text), size)]
    places = sorted(draw(st.sets(st.integers(0, max(0, len(text))), max_size=12)))
    return text, [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


GENEROUS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@GENEROUS
@given(cut(texts()))
def test_however_a_text_is_cut_up_the_output_is_the_masked_whole(case):
    """What is given out is the text as the engine masks it as a whole, and the same was found."""
    text, parts = case
    expected, masked = whole(text)
    given_out, decision = streamed(parts)

    assert "".join(given_out) == masked
    assert decision.verdict is expected.verdict
    assert spans(decision) == spans(expected)


DENIES = "detect: {type: words, words: [forbidden fruit]}, action: deny"
DENYING = engine(*RULES.items(), ("deny", DENIES))
ON_DENYING = StreamEngine(DENYING)


@GENEROUS
@given(cut(texts()), cut(texts()), st.sampled_from(["plain", "zero-width", "percent", "base64", "hex"]))
def test_a_denied_stream_gives_out_nothing_of_what_is_denied(before, after, disguise):
    """What was given out is the masked text up to the denied value at most."""
    head, tail = before[0] + " ", " " + after[0]
    denied = DISGUISES[disguise]("forbidden fruit")
    text = head + denied + tail
    size = len(before[1]) + 1
    judge = Stream(ON_DENYING, CONTEXT, TODAY).channel()
    given_out = []

    def listen():
        parts = (text[at : at + size] for at in range(0, len(text), size))
        given_out.extend(judge.feed(part, Deadline.after(60)).text for part in parts)
        given_out.append(judge.settle(Deadline.after(60)).text)

    with pytest.raises(Denied) as caught:
        listen()

    assert "deny" in caught.value.decision.rules()
    assert whole(head)[1].rstrip().startswith("".join(given_out)[: len(whole(head)[1].rstrip())])
    assert denied not in "".join(given_out)
    assert len("".join(given_out)) <= len(whole(head)[1])


def test_words_are_given_out_as_soon_as_the_next_one_begins():
    """Prose is held back by a word, where no rule looks for a run of plain words as seed phrases are."""
    rules = {name: rule for name, rule in RULES.items() if name != "secret"}
    stream = Stream(StreamEngine(engine(*rules.items())), CONTEXT, TODAY)
    judge = stream.channel()
    held = []
    for char in "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 20:
        judge.feed(char, Deadline.after(60))
        held.append(judge.held)

    assert max(held) <= 12
    assert sum(held) / len(held) < 6


def test_a_rule_that_needs_the_whole_text_is_known_when_the_policy_loads():
    """Names hang on everything around them; an expression without bounds does not load at all."""
    on = engine(("name", "detect: {type: pii, entities: [PERSON]}, action: mask, mask: {with: redact}"))

    assert [rule.id for rule in on.not_on_streams(CONTEXT)] == ["name"]
    assert WHOLE.not_on_streams(CONTEXT) == ()
    assert StreamEngine(on).engine.policies.rules == ()


def test_what_cannot_be_held_back_is_unjudged():
    """An encoded run without an end denies, unless the policy lets pass what could not be judged."""
    run = "QUJD" * (MAX_HELD // 2)
    with pytest.raises(Denied) as caught:
        streamed([run[at : at + 5_000] for at in range(0, len(run), 5_000)])
    assert [one.reason for one in caught.value.decision.unjudged] == [Reason.TOO_LONG]


PHRASE = (
    "large banner category border retire food knife seven later cycle survey direct define sunset between "
    "chair royal degree own elbow violin episode impulse merit"
)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_seed_phrase_is_held_back_until_its_last_word(size):
    """Twelve of its words match; that all twenty-four prove it shows at the end."""
    text = f'{FILLERS[-1]}\nMNEMONIC="{PHRASE}" and so on.'
    given_out, _ = streamed([text[at : at + size] for at in range(0, len(text), size)])

    assert "".join(given_out) == whole(text)[1]
    assert not any(word in "".join(given_out) for word in PHRASE.split())


@pytest.mark.parametrize("before", ["user login with a PASSWORD = '", "cookie: theme=dark; session=", "ssh "])
def test_what_leads_to_a_secret_is_not_held_back(before):
    """Only what could be masked waits; the value is masked all the same, whatever leads to it."""
    rule = (
        "detect: {type: regex, pattern: '(?:user|cookie|ssh)[ -~]{0,200}?[= ](?P<secret>[0-9]{8})'}, "
        "action: mask, mask: {with: redact}"
    )
    on = StreamEngine(engine(("secret", rule)))
    judge = Stream(on, CONTEXT, TODAY).channel()
    held = []
    given_out = []
    for char in f"{before}and words, {'many words ' * 9}then 12345678.":
        given_out.append(judge.feed(char, Deadline.after(60)).text)
        held.append(judge.held)
    given_out.append(judge.settle(Deadline.after(60)).text)

    assert "".join(given_out) == f"{before}and words, {'many words ' * 9}then ."
    assert max(held) <= 16


@pytest.mark.parametrize(
    ("after", "masked"),
    [(" and more", True), (", or", True), (": the", True), (":~/x", False), (":a/b.git x", False)],
)
def test_an_address_is_held_back_only_while_it_could_be_a_remote(after, masked):
    """What follows decides at once, unless it is a colon: a path may follow."""
    judge = Stream(STREAMS, CONTEXT, TODAY).channel()
    given_out = judge.feed(f"to ada@acme.example{after[:3]}", Deadline.after(60)).text
    if ":" not in after:
        assert "MASKED" in given_out
    given_out += judge.feed(after[3:], Deadline.after(60)).text + judge.settle(Deadline.after(60)).text

    assert given_out == whole(f"to ada@acme.example{after}")[1]
    assert ("MASKED" in given_out) == masked


def given_out_before_denial(text, size):
    """What a client has of a text that comes in parts of a size and is denied."""
    judge = Stream(ON_DENYING, CONTEXT, TODAY).channel()
    given_out = []

    def listen():
        parts = (text[at : at + size] for at in range(0, len(text), size))
        given_out.extend(judge.feed(part, Deadline.after(60)).text for part in parts)

    with pytest.raises(Denied) as caught:
        listen()
    released = caught.value.released
    return "".join(given_out) + (released.text if released else "")


def test_what_stands_before_a_denied_value_is_given_out_however_much_comes_at_once():
    """But for what could hang on it; values in it are masked."""
    before = "so far so good, write to ada@acme.example now: "
    text = f"{before}forbidden fruit and more"
    most = whole(before)[1]
    for size in (len(text), 9, 1):
        said = given_out_before_denial(text, size)
        assert most.startswith(said)
        assert len(most) - len(said) <= len(" now: ")


def test_a_value_that_a_denied_one_touches_is_not_given_out():
    """It counts once the other is gone, and a client that is shown an error has the text without it."""
    text = "write to ada@example.com.forbidden fruit and more"
    for size in (1, 6, len(text)):
        assert given_out_before_denial(text, size) == "write to "


def test_what_a_mask_makes_of_its_neighbours_is_known_before_they_are_given_out():
    """What stands right before a masked value is an address, with the placeholder and what follows."""
    text = "see xyzPRJ-4711-0815zelda@example.com and abcfoo bar@example.com"
    for size in (1, 3, len(text)):
        given_out, _ = streamed([text[at : at + size] for at in range(0, len(text), size)])
        assert "".join(given_out) == whole(text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "(212) 555-0187-PRJ-4711-0815",
        "(212) 555-0187.DE89 3704 0044 0532 0130 00",
        "(212) 555-0187/foo  bar x",
        "PRJ-4711-0815:+49 30 1234567:DE89 3704 0044 0532 0130 00",
        "4111 1111 1111 1111:PRJ-4711-0815\nzelda@example.com",
    ],
)
def test_a_number_waits_for_the_value_behind_it(text):
    """What follows a number speaks against it, until that is masked."""
    for size in (1, 3, 7, len(text)):
        given_out, _ = streamed([text[at : at + size] for at in range(0, len(text), size)])
        assert "".join(given_out) == whole(text)[1]


def test_escalation_counts_over_the_whole_stream():
    """From the value on that reaches the count the rule is stricter, whatever text it stands in."""
    rule = (
        "detect: {type: regex, pattern: 'ID-[0-9]{4}'}, action: flag, mask: {with: redact}, "
        "escalate: {count: 3, action: mask}"
    )
    stream = Stream(StreamEngine(engine(("many", rule))), CONTEXT, TODAY)
    said = []
    for number in (1, 2, 2, 3, 4):
        judge = stream.channel()
        fed = judge.feed(f"ID-000{number} ", Deadline.after(60)).text
        said.append(fed + judge.settle(Deadline.after(60)).text)

    assert said == ["ID-0001 ", "ID-0002 ", "ID-0002 ", " ", " "]


def test_the_cost_of_a_text_is_linear_however_it_arrives():
    """Four times the text takes about four times as long, also where all of it is held back."""

    def work(text):
        streamed([text[at : at + 8] for at in range(0, len(text), 8)])

    for unit in ("plain words and 12 numbers, ", "QUJDREVGR0hJSktMTU5P"):
        short = unit * (4_000 // len(unit))
        work(short)
        assert_linear(work, short, short * 4, most=10, least=0.02)


@pytest.mark.parametrize(
    ("after", "denied"),
    [(" WHERE id = 7;", False), ("; -- all of them", True), (" USINGS, all of them", True)],
)
def test_a_statement_waits_for_its_condition(after, denied):
    """However far behind that stands; what is no condition after all does not excuse it."""
    on = engine(("rows", "detect: {type: sql, classes: [every-row]}, action: deny"))
    text = "DELETE FROM users /* " + "as was agreed upon " * 40 + "*/" + after
    for size in (1, 9, len(text)):
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        if denied:
            with pytest.raises(Denied):
                streamed(parts, StreamEngine(on), Kind.TOOL_INPUT)
        else:
            assert "".join(streamed(parts, StreamEngine(on), Kind.TOOL_INPUT)[0]) == text
        assert (whole(text, on, Kind.TOOL_INPUT)[0].verdict.word == "deny") == denied


def test_what_is_assigned_is_held_back_until_it_is_read_and_no_longer():
    """A word for a session before a number waits for what would make it a pair, not for the next line."""
    judge = Stream(STREAMS, CONTEXT, TODAY).channel()
    held = []
    for char in "so for this session user16 and 17 are back, " + "and words follow upon words, " * 12:
        judge.feed(char, Deadline.after(60))
        held.append(judge.held)

    assert max(held) < 150
