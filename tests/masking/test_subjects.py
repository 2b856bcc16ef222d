"""Subjects: which writings are one person, and that what was said first names them."""

import datetime as dt
import json
import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import spent

from guardrails.cache import Cache
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, Subjects, placeholder
from guardrails.model import Context, Hook, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove

KEYS = Keys(b"k" * 32)
TODAY = dt.date(2026, 11, 25)


def label(value):
    return "EMAIL_ADDRESS" if "@" in value else "PERSON"


def firsts(values, **options):
    """What stands for each of the values when they are said one after the other."""
    subjects = Subjects()
    return [subjects.first(label(value), value, **options)[1] for value in values]


ONE = [
    ("Ada Lovelace", "Lovelace"),
    ("Lovelace", "Ada Lovelace"),
    ("Ada Lovelace", "A. Lovelace"),
    ("A. Lovelace", "Ada Lovelace"),
    ("Ada Lovelace", "Lovelace, Ada"),
    ("Ada Lovelace", "LOVELACE"),
    ("Ada Lovelace", "Ada"),
    ("Ada Lovelace", "Mrs Lovelace"),
    ("Ada Lovelace", "Dr. Ada King Lovelace, PhD"),
    ("Ada Lovelace", "ada.lovelace@example.com"),
    ("ada.lovelace@example.com", "Ada Lovelace"),
    ("Ada Lovelace", "ada_lovelace+list@example.com", "Lovelace, A."),
    ("Ada Lovelace", "a-lovelace7@example.com"),
    ("ａｄａ．ｌｏｖｅｌａｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "Ada Love\u200blace"),
    ("Jürgen Müller", "juergen.mueller@example.de", "Muller"),
    ("Łukasz Wójcik", "lukasz.wojcik@example.pl"),
    ("Gabriel García Márquez", "García Márquez", "García"),
    ("John F. Kennedy", "John Kennedy", "John Fitzgerald Kennedy"),
    ("Seán O'Brien", "sean.obrien@example.ie", "O’Brien"),
    ("Jean-Pierre Dupont", "jean-pierre.dupont@example.fr", "J.-P. Dupont"),
]
SEVERAL = [
    ("Ada Lovelace", "Byron Lovelace"),
    ("A. Lovelace", "B. Lovelace"),
    ("Ada Lovelace", "Ada Byron"),
    ("Ada Lovelace", "Lovelace Ada"),
    ("Ada Lovelace", "Lovelaces"),
    ("Ada Lovelace", "ada@example.com", "support@example.com"),
    ("A.", "Ada"),
    ("ada.lovelace@example.com", "ada.lovelace@example.org"),
    ("customer.support@example.com", "customer.support@example.org"),
    ("Dr.", "Mr."),
]


@pytest.mark.parametrize("values", ONE)
def test_these_are_one_person(values):
    """However it is written, the name stands for whoever was mentioned first."""
    assert firsts(values) == [values[0]] * len(values)


@pytest.mark.parametrize("values", SEVERAL)
def test_these_stand_for_themselves(values):
    """Other given names, other addresses, initials and titles alone are not taken for the same person."""
    assert firsts(values) == list(values)


def test_a_name_that_fits_two_is_whoever_was_mentioned_last():
    """A family name alone is the last mentioned of two relatives, and from then on that one for good."""
    assert firsts(["Ada Lovelace", "Byron Lovelace", "Lovelace", "Ada Lovelace", "Lovelace"]) == [
        "Ada Lovelace",
        "Byron Lovelace",
        "Byron Lovelace",
        "Ada Lovelace",
        "Byron Lovelace",
    ]


def test_other_labels_are_nobody():
    """What is no name and no address stands for itself."""
    subjects = Subjects()
    subjects.first("PERSON", "Ada Lovelace")

    assert subjects.first("ORGANIZATION", "Lovelace") == ("ORGANIZATION", "Lovelace")


def test_by_label_an_address_stays_an_address():
    """Asked for the same label, names share the first name and addresses the first address."""
    values = ["Ada Lovelace", "ada.lovelace@example.com", "Lovelace", "a.lovelace@example.org"]

    assert firsts(values, same_label=True) == [values[0], values[1], values[0], values[1]]


WORDS = ["ada", "anne", "a", "byron", "king", "lovelace", "müller"]
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from(
        [" ".join(words), ", ".join(words[::-1][:2]), ".".join(words) + "@example.com", words[-1].title()]
    )
)


@given(st.lists(NAMES, max_size=12), st.integers(0, 12))
def test_what_is_said_later_renames_nobody(values, cut):
    """The answers to the first mentions are the same whatever follows, and a value has one for good."""
    answers = firsts(values)

    assert firsts(values[:cut]) == answers[:cut]
    assert len(set(zip(values, answers, strict=True))) == len(set(values))
    assert all(answers[values.index(one)] == one for one in answers)


def test_many_relatives_take_linear_time():
    """Ten thousand people of one family name are told apart in the time of that many look-ups."""
    given_names = ["".join(letters) for letters in product("bcdfghjklm", repeat=4)]
    answers = []

    assert spent(lambda: answers.extend(firsts([f"{name} Lovelace" for name in given_names]))) < 3
    assert len(set(answers)) == 10_000


HEAD = "version: 1\npolicy: subjects\nrules:\n"
RULE = (
    "  - {{id: {id}, title: T, severity: low, detect: {{type: pii, entities: [{entities}]}}, action: mask,"
    " mask: {{{mask}}}}}\n"
)


def engine(*rules, memory=False):
    text = HEAD + "".join(
        RULE.format(id=f"rule-{number}", entities=entities, mask=mask)
        for number, (entities, mask) in enumerate(rules)
    )
    policies = compile_files([load_file(text, "subjects.yaml")]).policies
    assert policies is not None
    return Engine(policies, KEYS, Cache(1_000_000) if memory else None)


SHARED = "with: placeholder, subjects: shared"
BOTH = ("PERSON, EMAIL_ADDRESS", SHARED)


def masked(on, *texts, system=None):
    body = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}
    if system:
        body["system"] = system
    judged = on.judge_json(
        json.dumps(body).encode(), Hook.REQUEST, Context(), deadline=Deadline.after(60), today=TODAY
    )
    if judged.decision.verdict is Verdict.ALLOW:
        return list(texts)
    assert judged.decision.verdict is Verdict.MASK
    made = json.loads(bytes(judged.body))
    plain = on.judge_body(body, Hook.REQUEST, Context(), deadline=Deadline.after(60), today=TODAY)
    assert plain.body == made
    return ([made["system"]] if system else []) + [one["content"] for one in made["messages"]]


ADA = placeholder(KEYS, "default", "PERSON", "Ada Lovelace")


def test_a_person_has_one_placeholder_in_a_conversation():
    """Names and addresses of a person become the first mention's placeholder, over messages and rules."""
    on = engine(("PERSON", SHARED), ("EMAIL_ADDRESS", SHARED))

    assert masked(on, "Please ask Ada Lovelace.", "Mrs Lovelace is at ada.lovelace@example.com today.") == [
        f"Please ask {ADA}.",
        f"Mrs {ADA} is at {ADA} today.",
    ]


def test_apart_is_what_a_mask_does_unasked():
    """Without the option every writing has a placeholder of its own, and a rule without it takes no part."""
    mail = placeholder(KEYS, "default", "EMAIL_ADDRESS", "ada.lovelace@example.com")
    texts = ["Please ask Ada Lovelace.", "Mrs Lovelace is at ada.lovelace@example.com today."]

    assert masked(engine(("PERSON", "with: placeholder"), ("EMAIL_ADDRESS", SHARED)), *texts) == [
        f"Please ask {ADA}.",
        f"Mrs {placeholder(KEYS, 'default', 'PERSON', 'Lovelace')} is at {mail} today.",
    ]


def test_what_stands_around_the_messages_names_first():
    """A system prompt is before the conversation wherever its member stands in the body."""
    on = engine(BOTH)

    said = masked(on, "Mrs Lovelace is ill today.", system="You work for Ada Lovelace.")
    assert said == [f"You work for {ADA}.", f"Mrs {ADA} is ill today."]


def test_surrogates_are_shared_by_kind():
    """A person gets one made-up name in every writing, and an address of the person a made-up address."""
    on = engine(("PERSON, EMAIL_ADDRESS", "with: surrogate, subjects: shared"))
    one, two = masked(on, "Please ask Ada Lovelace.", "Mrs Lovelace is at ada.lovelace@example.com today.")

    name = one.removeprefix("Please ask ").removesuffix(".")
    assert " Q. " in name
    assert two.startswith(f"Mrs {name} is at ")
    assert two.endswith("@example.com today.")


SAID = st.lists(
    st.sampled_from(
        [
            "Please ask Ada Lovelace about it.",
            "Mrs Lovelace said that she agrees.",
            "Yesterday Byron Lovelace wrote to ada.lovelace@example.com again.",
            "A. Lovelace is ill, so write to byron_lovelace@example.org please.",
            "Nobody was there.",
            "From: Lovelace, Ada <a.lovelace@example.com>",
        ]
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(SAID)
def test_a_conversation_that_grows_masks_to_the_same_bytes(texts):
    """Every turn's masked messages are the first of the next turn's, with a memory or without."""
    remembering, fresh = engine(BOTH, memory=True), engine(BOTH)
    whole = masked(fresh, *texts)

    for turn in range(1, len(texts) + 1):
        assert masked(remembering, *texts[:turn]) == masked(fresh, *texts[:turn]) == whole[:turn]


def test_the_page_shows_what_happens():
    """The example of the documentation is masked as it says."""
    page = (Path(__file__).parents[2] / "docs/subjects.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    compiled = compile_files([load_file(text, "docs/subjects.md")])

    assert compiled.diagnostics == ()
    assert prove(compiled) == []
