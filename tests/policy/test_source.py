"""YAML to nodes."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.policy.diagnostics import render
from guardrails.policy.source import MAX_BYTES, Items, Mapping, Node, Scalar, parse


def plain(node: Node | None) -> Any:
    """A tree as plain values."""
    if isinstance(node, Mapping):
        return {one.key.value: plain(one.value) for one in node.entries}
    if isinstance(node, Items):
        return [plain(one) for one in node.items]
    return None if node is None else node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("2027-03-31", "2027-03-31"),
        ("12:30:45", "12:30:45"),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", "1_000"),
        ("-12", -12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        (r'"\ud83d\ude00"', "😀"),
        ("'1'", "1"),
        ('"true"', "true"),
        (r'"\U000E0069\u200B"', "\U000e0069\u200b"),
        (r"'\bx'", r"\bx"),
        ('"«x»"', "«x»"),
    ],
)
def test_values_follow_the_core_schema(text: str, value: object) -> None:
    """A scalar has the value of YAML 1.2's core schema."""
    node, problems = parse(f"a: {text}", "p.yaml")

    assert problems == []
    assert plain(node) == {"a": value}
    assert type(plain(node)["a"]) is type(value)


def test_places() -> None:
    """Every node knows its line, its column and its length, also behind wide characters and CRLF."""
    node, problems = parse("a: 👨‍👩‍👧\r\nbc:\r\n  - 'x y'\r\n  - |\r\n    z\r\n", "p.yaml")

    assert problems == []
    assert isinstance(node, Mapping)
    entry = node.entries[1]
    assert isinstance(entry.value, Items)
    assert entry.key == Scalar("bc", 2, 1, 2)
    assert entry.value.items == (Scalar("x y", 3, 5, 5), Scalar("z\n", 4, 5, 1))


BAD: list[tuple[str | bytes, list[tuple[str, int | None, int | None]]]] = [
    ("", [("empty", None, None)]),
    ("# nothing\n", [("empty", None, None)]),
    ("---\n", [("empty", None, None)]),
    ("a: 1\nb: 2\na: 3\n", [("duplicate-key", 3, 1)]),
    ("b: {a: 1, a: 2}\nc: {d: 1, d: 2}", [("duplicate-key", 1, 11), ("duplicate-key", 2, 11)]),
    ('a: 1\n"a": 2', [("duplicate-key", 2, 1)]),
    ("a: &x 1\nb: *x\n", [("anchor", 1, 4), ("alias", 2, 4)]),
    ("a: &x 1\nb: &x 2", [("anchor", 1, 4), ("anchor", 2, 4)]),
    ("a: *x", [("alias", 1, 4)]),
    ("a: [*]", [("yaml-syntax", 1, 5)]),
    ("a: !x 1\nb: !!str 1", [("tag", 1, 4), ("tag", 2, 4)]),
    ("a: !<tag:x> 1", [("tag", 1, 4)]),
    ("a:\n  <<: {b: 1}", [("merge-key", 2, 3)]),
    ("1: a\ntrue: b\n~: c\n[d]: e", [("bad-key", line, 2 if line == 0 else 1) for line in (1, 2, 3, 4)]),
    ("a: 1\n---\nb: 2\n---\nc: 3", [("several-documents", 2, 1)]),
    ("a: 1\n...\nb: 2", [("several-documents", 3, 1)]),
    ("%YAML 1.1\n---\na: 1", [("directive", 1, 1)]),
    ("a: 'x\nb: 1", [("yaml-syntax", 1, 4)]),
    ("a: [1, 2\nb: 1", [("yaml-syntax", 2, 2)]),
    ("a: [1, 2", [("yaml-syntax", 1, 4)]),
    ("a: b: c", [("yaml-syntax", 1, 5)]),
    ("a:\n\tb: 1", [("yaml-syntax", 2, 1)]),
    ('a: "\\d"', [("yaml-syntax", 1, 6)]),
    ('a: "\\U00110000"', [("yaml-syntax", 1, 5)]),
    ('a: "\\UFFFFFFFF"', [("yaml-syntax", 1, 5)]),
    ('a: "\\ud83d"', [("bad-character", 1, 4)]),
    ("a: @x", [("yaml-syntax", 1, 4)]),
    ("a: 1\nb: x\0y\x1b", [("bad-character", 2, 5), ("bad-character", 2, 7)]),
    ("a: 1\u2028b: 2", [("bad-character", 1, 5)]),
    (b"a: 1\nb: \xff", [("not-utf-8", 2, 1)]),
    ("a: 1".encode("utf-16"), [("not-utf-8", 1, 1)]),
    ("a: " + "[" * 60 + "]" * 60, [("too-deep", 1, 53)]),
    ("- " * 60 + "a", [("too-deep", 1, 101)]),
    ("[" * 100_000, [("too-deep", 1, 51)]),
    ("a" * (MAX_BYTES + 1), [("too-large", None, None)]),
    ("é" * (MAX_BYTES // 2 + 1), [("too-large", None, None)]),
]


@pytest.mark.parametrize(("text", "expected"), BAD, ids=lambda value: repr(value)[:30])
def test_bad_yaml(text: str | bytes, expected: list[tuple[str, int | None, int | None]]) -> None:
    """Everything that the language leaves out of YAML is an error where it stands."""
    _, problems = parse(text, "p.yaml")

    assert [(one.code, one.line, one.column) for one in problems] == expected


def test_duplicate_key_names_the_first_line() -> None:
    """A duplicate key is shown at the second place and names the line of the first; the first counts."""
    node, (problem,) = parse("a: 1\nb: 2\na: 3\n", "p.yaml")

    assert plain(node) == {"a": 1, "b": 2}
    assert problem.source_line == "a: 3"
    assert "line 1 " in problem.help


def test_aliases_are_never_expanded() -> None:
    """A file whose aliases would expand to billions of nodes has no tree."""
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

    node, problems = parse(text, "p.yaml")

    assert node is None
    assert {one.code for one in problems} == {"anchor", "alias"}


@pytest.mark.parametrize("data", ["\ufeffa: 1", b"\xef\xbb\xbfa: 1"])
def test_byte_order_mark(data: str | bytes) -> None:
    """A byte order mark is not part of the text."""
    node, problems = parse(data, "p.yaml")

    assert problems == []
    assert isinstance(node, Mapping)
    assert node.entries[0].key == Scalar("a", 1, 1, 1)


PIECES = (
    """a|b: |- |  |[|]|{|}|,|'|"|\\|*|&x |!t |>|#|? |---\n|...\n|%YAML 1.2\n|\t|<<|1|~|\r\n"""
    "|\x85|\u2028|\ufeff|\\U|é|=|@"
)
YAMLISH = st.lists(st.sampled_from([*PIECES.split("|"), "\n", "|\n"]), max_size=30).map("".join)


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(st.characters()), YAMLISH, st.binary()))
def test_nothing_raises(data: str | bytes) -> None:
    """Whatever the data, there is a tree or a reason why there is none, and each reason can be shown."""
    node, problems = parse(data, "p.yaml")

    assert node is not None or problems
    for one in problems:
        assert render(one)
        assert one.line is None or one.source_line is not None
