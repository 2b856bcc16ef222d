"""The way back: placeholders become values again, as models spell them and where the policy says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import assert_linear

from guardrails.bodies import Format
from guardrails.masking import (
    Destination,
    Kept,
    Keys,
    Restored,
    Restorer,
    apply_plan,
    own_placeholders,
    placeholder,
    restore_body,
)
from guardrails.model import Edit, Kind, Role

KEYS = Keys(b"0" * 32)
MAIL = "ada@example.com"
NAME = placeholder(KEYS, "acme", "EMAIL_ADDRESS", MAIL)
SAID = Destination(Role.ASSISTANT, Kind.TEXT)
KEPT = {NAME: Kept(MAIL, "EMAIL_ADDRESS", ("mail",))}


def everywhere(rules, to):
    return True


def restored(text, kept=KEPT, permits=everywhere, to=SAID, **more):
    """The text after restoring, and what was counted."""
    restorer = Restorer(KEYS, "acme", kept, permits, **more)
    return apply_plan(text, restorer.replacements(text, to)), restorer.count


SPELLINGS = {
    "as it is": NAME,
    "lower case": NAME.lower(),
    "title case": NAME.title(),
    "escaped for markdown": NAME.replace("_", "\\_"),
    "escaped twice": NAME.replace("_", "\\\\_"),
    "hyphens": NAME.replace("_", "-").lower(),
    "spaces": NAME.replace("_", " "),
    "spaces around": NAME.replace("_", " _ "),
    "no-break spaces": NAME.replace("_", "\u00a0"),
    "zero-width spaces": NAME.replace("_", "_\u200b"),
    "wrapped": NAME.replace("_", "_\n", 1),
}
AROUND = [
    "{}",
    "**{}**",
    "`{}`",
    "« {} » s'il vous plaît",
    "mailto:{}?x=1",
    '{{"to": "{}"}}',
    "メール{}へ",
    "x{}x",
]


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("around", AROUND)
def test_a_placeholder_comes_back_however_a_model_spells_it(spelt, around):
    """Case, spaces, hyphens, escapes and whatever stands around it do not matter."""
    assert restored(around.format(spelt)) == (around.format(MAIL), Restored(values=1))


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS)
def test_what_a_model_spells_its_own_way_is_still_the_services_own(spelt):
    """So it is not masked once more."""
    (span,) = own_placeholders(KEYS, "acme", f"to {spelt}!")

    assert f"to {spelt}!"[span.start : span.end] == spelt


@pytest.mark.parametrize(
    "text",
    [
        "MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC",
        NAME[:-1] + ("0" if NAME[-1] != "0" else "1"),
        NAME[:-1],
        NAME.replace("EMAIL_ADDRESS", "PERSON"),
        NAME.replace("_", ""),
        NAME.replace("_", "."),
        "the masked man of email address fame",
        placeholder(KEYS, "other", "EMAIL_ADDRESS", MAIL),
    ],
)
def test_what_the_model_made_up_is_left_alone(text):
    """It stands for nothing, and is not counted as missing either."""
    assert restored(text) == (text, Restored())


def test_the_second_of_two_that_stand_close_comes_back_too():
    """Neither hides the other, and a broken one in front hides none."""
    broken = "MASKED_EMAIL_ADDRESS_0000000000000000"

    assert restored(f"{NAME}_{NAME}{NAME}")[0] == f"{MAIL}_{MAIL}{MAIL}"
    assert restored(f"{broken}_{NAME}")[0] == f"{broken}_{MAIL}"


def test_what_did_not_come_back_is_counted_by_its_reason():
    """Withheld by the policy, unknown, or not to be looked up; each placeholder once."""
    other = placeholder(KEYS, "acme", "EMAIL_ADDRESS", "x@example.com")
    text = f"{NAME} {NAME} {other} {other}"

    assert restored(text, permits=lambda *_: False)[1] == Restored(withheld=1, unknown=1)
    assert restored(text)[1] == Restored(values=1, unknown=1)
    assert restored(text, away=True)[1] == Restored(values=1, unavailable=1)
    assert Restored(values=1, withheld=2, unknown=3, unavailable=4).left == 9


def test_a_label_of_any_shape_makes_a_placeholder_that_is_known_again():
    """Names of custom entities may hold anything."""
    for label in ("Custom-Entity", "x__y", "naïve name", "ß", "A" * 90, "_"):
        name = placeholder(KEYS, "acme", label, MAIL)

        assert len(own_placeholders(KEYS, "acme", f"a {name} b")) == 1
        assert restored(name.lower(), {name: Kept(MAIL, "EMAIL_ADDRESS", ("r",))})[0] == MAIL


CALLS = {
    Format.ANTHROPIC_MESSAGES: lambda tool, text: {
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "text", "text": text},
            {"type": "thinking", "thinking": text, "signature": text},
            {"type": "tool_use", "id": "t", "name": tool, "input": {"name": "other", "input": {"a": [text]}}},
        ],
    },
    Format.OPENAI_CHAT: lambda tool, text: {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "name": "assistant",
                    "content": text,
                    "reasoning_content": text,
                    "tool_calls": [
                        {
                            "id": "c",
                            "function": {"name": tool, "arguments": f'{{"name": "x", "a": ["{text}"]}}'},
                        }
                    ],
                }
            }
        ]
    },
    Format.OPENAI_RESPONSES: lambda tool, text: {
        "object": "response",
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
            {"type": "reasoning", "summary": [text]},
            {"type": "function_call", "name": tool, "arguments": f'{{"name": "x", "a": ["{text}"]}}'},
        ],
    },
    Format.GEMINI: lambda tool, text: {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": text},
                        {"functionCall": {"name": tool, "args": {"name": "x", "a": text}}},
                    ],
                }
            }
        ]
    },
    Format.BEDROCK_CONVERSE: lambda tool, text: {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"text": text},
                    {"toolUse": {"toolUseId": "t", "name": tool, "input": {"name": "x", "a": text}}},
                ],
            }
        }
    },
}


def to_write(rules, to):
    return to.kind is Kind.TOOL_INPUT and to.tool == "Write"


@pytest.mark.parametrize("format", list(CALLS), ids=lambda one: one.value)
def test_a_tool_is_told_by_its_name_in_every_format(format):
    """What it is asked to do comes back, the text beside it and another tool's does not; reasoning never."""
    make = CALLS[format]

    def after(tool):
        body = make(tool, NAME)
        return restore_body(body, format, Restorer(KEYS, "acme", KEPT, to_write)), body

    got, body = after("Write")
    assert str(got).count(MAIL) == 1
    assert str(got) == str(body)[::-1].replace(NAME[::-1], MAIL[::-1], 1)[::-1]  # the last one, the tool's
    got, body = after("Log")
    assert got is body
    text = restore_body(make("Log", NAME), format, Restorer(KEYS, "acme", KEPT, lambda _, to: to == SAID))
    assert str(text).count(MAIL) == 1


def test_a_value_is_escaped_as_the_json_around_it_needs():
    """Quotes, backslashes and line breaks of a value keep a tool's arguments valid."""
    value = 'a"b\\c\nd'
    body = CALLS[Format.OPENAI_CHAT]("Write", NAME)
    got = restore_body(
        body, Format.OPENAI_CHAT, Restorer(KEYS, "acme", {NAME: Kept(value, "X", ("r",))}, everywhere)
    )
    call = got["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]

    assert call == '{"name": "x", "a": ["a\\"b\\\\c\\nd"]}'


def test_what_the_response_brought_itself_is_not_missing():
    """A value of the model's own was masked on its way: its placeholder is no failure."""
    made = placeholder(KEYS, "acme", "EMAIL_ADDRESS", "new@example.com")
    restorer = Restorer(KEYS, "acme", KEPT, everywhere)
    restore_body(
        CALLS[Format.ANTHROPIC_MESSAGES]("Write", made),
        Format.ANTHROPIC_MESSAGES,
        restorer,
        [Edit(None, 0, 1, made)],
    )

    assert restorer.count == Restored()


TEXTS = st.lists(
    st.sampled_from(
        [*SPELLINGS.values(), "MASKED", "masked_", "MASKED_EMAIL_", "a man ", "m", " ", "\\_", NAME[:20]]
    ),
    max_size=6,
).map("".join)


@given(TEXTS, TEXTS)
def test_what_is_settled_is_not_changed_by_what_follows(text, more):
    """Up to there the restored text is the same whatever comes."""
    restorer = Restorer(KEYS, "acme", KEPT, everywhere)
    until = restorer.settled(text)
    first = apply_plan(text[:until], restorer.replacements(text[:until], SAID))

    assert restored(text + more)[0] == first + restored((text + more)[until:])[0]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("hello world", 0),
        ("a masked man", 0),
        ("The program", 1),
        ("unmask", 4),
        (NAME, 0),
        (NAME[:-1], len(NAME) - 1),
        (NAME[:-1].lower(), len(NAME) - 1),
        ("MASKED_ANOTHER_LABEL", 20),
        ("masked_another_label", 0),
        ("MASKED" + " " * 200, 0),
    ],
)
def test_only_what_could_still_become_one_of_those_kept_is_held_back(text, held):
    """Prose is not, not even behind the word itself."""
    assert len(text) - Restorer(KEYS, "acme", KEPT, everywhere).settled(text) == held


def test_the_cost_of_a_text_is_linear():
    """Four times the text takes about four times as long, hostile ones included."""
    for unit in ("MASKED_", "masked a1 b2 c3 ", "MASKED_X_0000000000000000", "m" * 30):
        short = unit * (20_000 // len(unit))
        restored(short)
        assert_linear(restored, short, short * 4, most=10, least=0.01)
