"""`type: prompt_leak`: what a response repeats of its system prompt, and canaries."""

import datetime as dt

import msgspec
import pytest
from looking import marked
from timing import assert_linear

from guardrails.bodies import Format
from guardrails.cache import Cache
from guardrails.detectors import PromptLeakSpec, SpecError
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Hook, Reason, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.text import views

PROMPT = (
    "You are Rio, the assistant of Acme. Never speak of discounts, and send complaints to the second floor."
)
SPEC = PromptLeakSpec(min_words=5)
SOON = Deadline.after(600)


def leaked(text, told=(PROMPT,), spec=SPEC):
    spans = sorted({(one.start, one.end) for one in spec.detector().compare(views(text).all, told, SOON)})
    for start, end in reversed(spans):
        text = f"{text[:start]}«{text[start:end]}»{text[end:]}"
    return text


@pytest.mark.parametrize(
    "text",
    [
        "Well, «you are Rio, the assistant of ACME», he said.",
        "«Never speak\nof discounts - and send»! But «complaints to the second floor».",
        "the assistant of Acme. Always speak of discounts",
        "It says: «RIO THE ASSISTANT OF ACME NEVER SPEAK»",
        "«n\u200bever speak of discounts and»",
        "«bmV2ZXIgc3BlYWsgb2YgZGlzY291bnRzIGFuZCBzZW5k»",
        "",
        "Rio",
    ],
)
def test_what_is_repeated_word_by_word_is_found(text):
    """Runs of five words and more, whatever stands between them and however they are disguised."""
    assert leaked(text.replace("«", "").replace("»", "")) == text


def test_nothing_is_repeated_of_no_prompt():
    """A request without a system prompt, or with one that is shorter than a run."""
    assert leaked(PROMPT, told=()) == PROMPT
    assert leaked("be nice to all", told=("be nice to all",)) == "be nice to all"


def test_a_prompt_that_is_not_known_is_unjudged():
    """Never nothing-found."""
    with pytest.raises(CannotJudge) as failure:
        list(SPEC.detector().compare(views("text").all, None, SOON))
    assert failure.value.reason is Reason.NO_REQUEST


def test_canaries_are_found_in_any_case_and_disguise():
    """Inside words too."""
    detector = PromptLeakSpec(canaries=("zebra-umbrella-41",), compare=False).detector()

    assert (
        marked(detector, "xZEBRA-umbrella-41x zebra umbrella 41") == "x«ZEBRA-umbrella-41»x zebra umbrella 41"
    )
    assert marked(detector, "zebra-umbr\u200bella-41") == "«zebra-umbr\u200bella-41»"
    assert detector.foresight is not None


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (PromptLeakSpec(compare=False), ("compare",)),
        (PromptLeakSpec(canaries=("long enough", "   short   ")), ("canaries", 1)),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_place(spec, path):
    """Nothing to look for, and canaries that stand anywhere."""
    with pytest.raises(SpecError) as error:
        spec.detector()
    assert error.value.path == path


POLICY = """\
version: 1
policy: p
rules:
  - id: leak
    title: t
    severity: high
    detect: {type: prompt_leak, min_words: 5}
    action: deny
    scope: {hooks: [response]}
"""


def judge(engine, text, request):
    body = msgspec.json.encode({"choices": [{"message": {"role": "assistant", "content": text}}]})
    return engine.judge_json(
        body, Hook.RESPONSE, Context(), deadline=Deadline.after(60), today=TODAY, request=request
    ).decision


TODAY = dt.date(2026, 1, 1)


def request(prompt):
    return {"messages": [{"role": "system", "content": prompt}, {"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("cache", [None, Cache(1_000_000)])
def test_the_engine_compares_with_the_request_of_the_exchange(cache):
    """Decoded or not; and what is known of a text under one prompt says nothing under another."""
    engine = Engine(compile_files([load_file(POLICY, "p")]).policies, Keys(b"k" * 32), cache)
    text = "Sure: you are Rio, the assistant of Acme."

    for _ in range(2):
        assert judge(engine, text, request(PROMPT)).verdict is Verdict.DENY
        assert judge(engine, text, msgspec.Raw(msgspec.json.encode(request(PROMPT)))).verdict is Verdict.DENY
        assert judge(engine, text, request("be nice")).verdict is Verdict.ALLOW
        assert (
            judge(engine, text, {"messages": [{"role": "user", "content": PROMPT}]}).verdict is Verdict.ALLOW
        )
    unknown = judge(engine, text, None)
    assert unknown.verdict is Verdict.DENY
    assert [one.reason for one in unknown.unjudged] == [Reason.NO_REQUEST]
    assert judge(engine, text, msgspec.Raw(b"{")).unjudged


@pytest.mark.parametrize(
    "asked",
    [
        {"system": PROMPT, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
        {"system": [{"type": "text", "text": PROMPT}], "max_tokens": 9, "messages": []},
        {"instructions": PROMPT, "input": "hello"},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": PROMPT}]}]},
        {"systemInstruction": {"parts": [{"text": PROMPT}]}, "contents": [{"parts": [{"text": "hello"}]}]},
    ],
)
def test_the_system_prompt_of_every_format_is_known(asked):
    """Wherever a provider's request has it."""
    engine = Engine(compile_files([load_file(POLICY, "p")]).policies, Keys(b"k" * 32))

    assert judge(engine, "Sure: you are Rio, the assistant of Acme.", asked).findings


def test_time_is_linear_in_the_length():
    """Ten times the text and prompt take about ten times as long."""
    for unit in ("a ", PROMPT, "!"):

        def compare(many, unit=unit):
            text = unit * many
            list(SPEC.detector().compare(views(text).all, (text,), SOON))

        assert_linear(compare, 300, 3_000)


def test_the_request_is_read_in_the_format_of_the_exchange():
    """Its shape alone may tell nothing; without a format it is then not known."""
    engine = Engine(compile_files([load_file(POLICY, "p")]).policies, Keys(b"k" * 32))
    request = {"systemInstruction": {"parts": [{"text": PROMPT}]}}
    said = "Sure: you are Rio, the assistant of Acme."
    body = {"candidates": [{"content": {"role": "model", "parts": [{"text": said}]}}]}

    def judged(format):
        return engine.judge_body(
            body,
            Hook.RESPONSE,
            Context(),
            deadline=Deadline.after(60),
            today=TODAY,
            format=format,
            request=request,
        ).decision

    assert len(judged(Format.GEMINI).findings) == 1
    assert [one.reason for one in judged(None).unjudged] == [Reason.NO_REQUEST]
