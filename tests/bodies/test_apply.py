"""Edits: what they change, and that they change nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardrails.bodies import EditError, apply, read, resolve
from guardrails.model import Address, Edit, Hook, Place


def edit(pointer: str, start: int, end: int, text: str, inner: str | None = None, key: bool = False) -> Edit:
    return Edit(Address(pointer, inner, Place.KEY if key else Place.VALUE), start, end, text)


TABLE: list[tuple[str, Any, list[Edit], Any]] = [
    ("a value", {"a": "hello"}, [edit("/a", 1, 3, "--")], {"a": "h--lo"}),
    ("two edits in any order", ["abcd"], [edit("/0", 3, 4, "D"), edit("/0", 0, 1, "A")], ["AbcD"]),
    ("insertions at one place", ["ab"], [edit("/0", 1, 1, "x"), edit("/0", 1, 1, "y")], ["axyb"]),
    ("the whole body", "abc", [edit("", 0, 1, "A")], "Abc"),
    ("an escaped name", {"a/b": {"c~d": "x"}}, [edit("/a~1b/c~0d", 0, 1, "y")], {"a/b": {"c~d": "y"}}),
    ("a number", {"n": 4111111111111111}, [edit("/n", 0, 12, "*")], {"n": "*1111"}),
    ("a number edited to itself", {"n": 12345678}, [edit("/n", 0, 1, "1")], {"n": 12345678}),
    ("code points beyond the BMP", ["😀x😀"], [edit("/0", 1, 2, "y")], ["😀y😀"]),
    ("a lone surrogate beside", ["\ud800x"], [edit("/0", 1, 2, "y")], ["\ud800y"]),
    (
        "JSON text keeps its white space and escapes",
        ['{ "a" :\t"caf\\u00e9 \\n ada",\n"b":1.0e2 }'],
        [edit("/0", 7, 10, 'x"y', "/a")],
        ['{ "a" :\t"caf\\u00e9 \\n x\\"y",\n"b":1.0e2 }'],
    ),
    (
        "JSON text with surrogate escapes",
        ['["\\ud83d\\ude00 \\ud800 ada"]'],
        [edit("/0", 4, 7, "\ud800", "/0")],
        ['["\\ud83d\\ude00 \\ud800 \\ud800"]'],
    ),
    (
        "a number in JSON text",
        ['{"n": 4111111111111111 }'],
        [edit("/0", 0, 16, "[card]", "/n")],
        ['{"n": "[card]" }'],
    ),
    (
        "a key in JSON text",
        ['{"ada@x.org":1,"[mail]":2, "z":3}'],
        [edit("/0", 0, 9, "[mail]", "/ada@x.org", key=True)],
        ['{"[mail]_2":1,"[mail]":2, "z":3}'],
    ),
    (
        "keys and values of nested JSON text",
        ['{"a a a a":{"b b b b":"c"}}'],
        [
            edit("/0", 0, 7, "A", "/a a a a", key=True),
            edit("/0", 0, 7, "B", "/a a a a/b b b b", key=True),
            edit("/0", 0, 1, "C", "/a a a a/b b b b"),
        ],
        ['{"A":{"B":"C"}}'],
    ),
    (
        "colliding keys",
        {"ada@x.org": 1, "bob@x.org": 2, "k": 3, "eve@x.org": 4},
        [edit(f"/{n}@x.org", 0, 9, "k", key=True) for n in ("ada", "bob", "eve")],
        {"k_2": 1, "k_3": 2, "k": 3, "k_4": 4},
    ),
    (
        "keys that swap their names",
        {"a": 1, "b": 2},
        [edit("/a", 0, 1, "b", key=True), edit("/b", 0, 1, "a", key=True)],
        {"b": 1, "a": 2},
    ),
    (
        "a key and a key below",
        {"k k k k": {"l l l l": 1}},
        [edit("/k k k k", 0, 7, "K", key=True), edit("/k k k k/l l l l", 0, 7, "L", key=True)],
        {"K": {"L": 1}},
    ),
    (
        "a key, its value and a key below",
        {"k k k k": {"l l l l": ["v"]}},
        [
            edit("/k k k k", 0, 7, "K", key=True),
            edit("/k k k k/l l l l", 0, 7, "L", key=True),
            edit("/k k k k/l l l l/0", 0, 1, "V"),
        ],
        {"K": {"L": ["V"]}},
    ),
]


@pytest.mark.parametrize(("body", "edits", "after"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_edits_change_what_they_name(body: Any, edits: list[Edit], after: Any) -> None:
    """An edited body is the old one with the named pieces replaced, in the same order of members."""
    before = json.dumps(body)

    made = apply(body, edits)

    assert json.dumps(after) == json.dumps(made)
    assert before == json.dumps(body)


REFUSED: list[tuple[str, Any, list[Edit]]] = [
    ("an end outside", ["abc"], [edit("/0", 1, 4, "")]),
    ("a start below zero", ["abc"], [edit("/0", -1, 1, "")]),
    ("an end before the start", ["abc"], [edit("/0", 2, 1, "")]),
    ("an overlap", ["abcd"], [edit("/0", 0, 2, "x"), edit("/0", 1, 3, "y")]),
    ("the same edit twice", ["abcd"], [edit("/0", 0, 2, "x"), edit("/0", 0, 2, "x")]),
    ("a missing member", {"a": "b"}, [edit("/c", 0, 1, "")]),
    ("a missing item", ["a"], [edit("/1", 0, 1, "")]),
    ("an index with a leading zero", ["a"], [edit("/00", 0, 1, "")]),
    ("an index with other digits", ["a", "b"], [edit("/١", 0, 1, "")]),
    ("below a string", ["a"], [edit("/0/0", 0, 1, "")]),
    ("a container", [["a"]], [edit("/0", 0, 1, "")]),
    ("true", [True], [edit("/0", 0, 1, "")]),
    ("no pointer", ["a"], [edit("0", 0, 1, "")]),
    ("the key of an item", ["a"], [edit("/0", 0, 1, "", key=True)]),
    ("the key of the body", {}, [edit("", 0, 0, "", key=True)]),
    ("inside a text that is no JSON", ["{"], [edit("/0", 0, 1, "", "/a")]),
    ("a missing member of a JSON text", ['{"a":"b"}'], [edit("/0", 0, 1, "", "/c")]),
    ("a text as a whole and as JSON", ['{"a":"b"}'], [edit("/0", 0, 1, ""), edit("/0", 0, 1, "", "/a")]),
    ("outside a literal of a JSON text", ['{"a":"b"}'], [edit("/0", 0, 2, "", "/a")]),
    ("deeper than is read", ["a"], [edit("/0" * 100_000, 0, 1, "")]),
]


@pytest.mark.parametrize(("body", "edits"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_an_edit_that_cannot_be_made_is_refused(body: Any, edits: list[Edit]) -> None:
    """An edit without a place raises, and the body stays as it was."""
    before = json.dumps(body)

    with pytest.raises(EditError):
        apply(body, edits)

    assert before == json.dumps(body)


def test_an_error_names_no_member() -> None:
    """The message of an edit error repeats nothing of the body."""
    with pytest.raises(EditError) as caught:
        apply({"ada@x.org": "x"}, [edit("/ada@x.org", 5, 6, "")])

    assert "ada" not in str(caught.value)


def test_unchanged_branches_are_shared() -> None:
    """Only the branch of an edit is copied."""
    body: Any = {"a": {"b": ["x"]}, "c": {"d": "y"}}

    made: Any = apply(body, [edit("/a/b/0", 0, 1, "z")])

    assert made["c"] is body["c"]
    assert made["a"] is not body["a"]
    assert made == {"a": {"b": ["z"]}, "c": {"d": "y"}}


def test_no_edits_give_the_body_itself() -> None:
    """Without edits the very same object comes back."""
    body = {"a": "b"}

    assert body is apply(body, [])


def test_a_repeated_key_makes_json_text_one_text() -> None:
    """Members that share an address are judged as part of the text they stand in."""
    text = '{"a": "one", "a": "two"}'
    reading = read({"messages": [{"role": "tool", "content": text}]}, Hook.REQUEST)

    assert [text] == [s.text for s in reading.segments]
    assert text == resolve({"x": text}, Address("/x"))


def token(text):
    return {"token": text, "logprob": -0.1}


@pytest.mark.parametrize(
    ("hook", "body", "edited", "spelling"),
    [
        (
            Hook.RESPONSE,
            {
                "choices": [
                    {"index": n, "message": {"content": "a b"}, "logprobs": {"content": [token("a")]}}
                    for n in (0, 1)
                ]
            },
            "/choices/0/message/content",
            ("/choices/0/logprobs", "/choices/1/logprobs"),
        ),
        (
            Hook.RESPONSE,
            {
                "object": "response",
                "output": [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [
                            {"type": "output_text", "text": "a b", "logprobs": [token("a")]} for _ in (0, 1)
                        ],
                    }
                ],
            },
            "/output/0/content/1/text",
            ("/output/0/content/1/logprobs", "/output/0/content/0/logprobs"),
        ),
        (
            Hook.RESPONSE,
            {
                "candidates": [
                    {
                        "content": {"role": "model", "parts": [{"text": "a b"}]},
                        "avgLogprobs": -0.1,
                        "logprobsResult": {"chosenCandidates": [token("a")]},
                    }
                    for _ in (0, 1)
                ]
            },
            "/candidates/1/content/parts/0/text",
            ("/candidates/1/logprobsResult", "/candidates/0/logprobsResult"),
        ),
    ],
)
def test_log_probabilities_of_an_edited_text_go(hook, body, edited, spelling):
    """They spell its tokens. Those of other texts stay, and so does all else."""
    reading = read(body, hook)
    new = apply(body, [Edit(Address(edited), 0, 1, "x")], reading.opaque)

    gone, kept = (member_at(new, pointer) for pointer in spelling)
    assert not gone
    assert kept == member_at(body, spelling[1])
    assert apply(body, [], reading.opaque) is body
    assert member_at(new, edited) == "x b"


def member_at(body, pointer):
    for step in pointer.split("/")[1:]:
        body = body[int(step) if isinstance(body, list) else step]
    return body
