"""Nodes to structs: everything that is wrong, where it stands."""

from __future__ import annotations

import datetime as dt
import textwrap
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.model import Action, Severity, Span
from guardrails.policy.decode import LoadedFile, anchored_alternation, decode, load_file, locate, marked
from guardrails.policy.diagnostics import render
from guardrails.policy.source import Source, parse


class Colour(str, Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


class Circle(msgspec.Struct, frozen=True, tag_field="type", tag="circle"):
    radius: Annotated[float, msgspec.Meta(ge=0, le=10)]


class Polygon(msgspec.Struct, frozen=True, tag_field="type", tag="polygon", rename={"skipped": "except"}):
    corners: tuple[int, ...]
    skipped: tuple[int, ...] = ()


class Inner(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", min_length=2)]
    even: int = 0

    def __post_init__(self) -> None:
        if self.even % 2:
            raise ValueError("number is odd")


class Thing(msgspec.Struct, frozen=True):
    shape: Circle | Polygon | None = None
    colour: Colour = Colour.RED
    severity: Severity = Severity.LOW
    level: Literal[1, "x"] = 1
    on: bool = False
    number: int = 0
    inner: Inner | None = None
    many: Annotated[tuple[Inner, ...], msgspec.Meta(max_length=2)] = ()
    listed: list[str] = []
    pair: tuple[int, str] | None = None
    names: frozenset[str] = frozenset()
    meta: dict[str, str | tuple[str, ...]] = {}
    limit: Annotated[int, msgspec.Meta(gt=0, lt=5)] | None = None


def read(text: str, kind: Any = Thing) -> tuple[Any, list[tuple[int | None, int | None, str, str]]]:
    """A text's value, and its problems as line, column, message and help."""
    node, problems = parse(text, "p.yaml")
    assert node is not None
    assert problems == []
    value, problems = decode(node, kind, "p.yaml", Source.of(text, "p.yaml").lines)
    return value, [(one.line, one.column, one.message, one.help) for one in problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Thing()),
        ("shape: {type: circle, radius: 3}", Thing(shape=Circle(3.0))),
        ("shape: {radius: 0.5, type: circle}", Thing(shape=Circle(0.5))),
        ("shape: {type: polygon, corners: [1, 0x10], except: [2]}", Thing(shape=Polygon((1, 16), (2,)))),
        ("colour: dark-blue", Thing(colour=Colour.DARK_BLUE)),
        ("severity: critical", Thing(severity=Severity.CRITICAL)),
        ("level: x", Thing(level="x")),
        ("on: true", Thing(on=True)),
        ("many: [{name: ab}, {name: cd, even: 2}]", Thing(many=(Inner("ab"), Inner("cd", 2)))),
        ("listed: [yes, no]", Thing(listed=["yes", "no"])),
        ("pair: [1, a]", Thing(pair=(1, "a"))),
        ("names: [a, a]", Thing(names=frozenset({"a"}))),
        ("meta: {a: b, c: [d, e]}", Thing(meta={"a": "b", "c": ("d", "e")})),
        ("limit: 4", Thing(limit=4)),
    ],
)
def test_good_values(text: str, expected: Thing) -> None:
    """Every kind of type that a struct may have is decoded to its own type."""
    value, problems = read(text)

    assert problems == []
    assert value == expected
    assert type(value.number) is int


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "help"),
    [
        ("a: 1", 1, 1, "unknown field `a`", "the fields here are"),
        ("colur: red", 1, 1, "unknown field `colur`", "did you mean `colour`?"),
        ("Colour: red", 1, 1, "unknown field `Colour`", "did you mean `colour`?"),
        (
            "colour: drak-blue",
            1,
            9,
            "expected `red` or `dark-blue`, found the text `drak-blue`",
            "did you mean `dark-blue`?",
        ),
        ("severity: 3", 1, 11, "found the number `3`", ""),
        ("severity: HIGH", 1, 11, "found the text `HIGH`", "did you mean `high`?"),
        ("level: 2", 1, 8, "expected `1` or `x`, found the number `2`", ""),
        ("level: true", 1, 8, "found `true`", ""),
        ("level: 1.0", 1, 8, "found the number `1.0`", ""),
        ("on: yes", 1, 5, "expected `true` or `false`, found the text `yes`", ""),
        ("number: abc", 1, 9, "expected a whole number, found the text `abc`", ""),
        ("number: 1.5", 1, 9, "expected a whole number, found the number `1.5`", ""),
        ("number: true", 1, 9, "expected a whole number, found `true`", ""),
        ("number: 99999999999999999999", 1, 9, "number is too large", ""),
        ("number:", 1, 1, "`number` has no value", "leave `number` out"),
        ("shape:", 1, 1, "`shape` has no value", "leave `shape` out"),
        ("meta: {a: }", 1, 8, "`a` has no value", ""),
        ("shape: circle", 1, 8, "expected a mapping with `type`, found the text `circle`", ""),
        ("shape: {radius: 1}", 1, 8, "missing field `type`", "it is `circle` or `polygon`"),
        ("shape: {type: circel}", 1, 15, "unknown `type` `circel`", "did you mean `circle`?"),
        ("shape: {type: 1}", 1, 15, "expected `circle` or `polygon`, found the number `1`", ""),
        ("shape: {type: [a]}", 1, 9, "expected `circle` or `polygon`", ""),
        ("shape: {type: circle}", 1, 8, "missing field `radius`", "add `radius:`"),
        ("shape: {type: circle, radius: abc}", 1, 31, "expected a number, found the text `abc`", ""),
        ("shape: {type: circle, radius: -1}", 1, 31, "`-1.0` is less than 0", ""),
        ("shape: {type: circle, radius: 10.5}", 1, 31, "`10.5` is more than 10", ""),
        ("shape: {type: circle, radius: .nan}", 1, 31, "number is not finite", ""),
        ("shape: {type: circle, radius: 1e999}", 1, 31, "number is not finite", ""),
        ("shape: {type: polygon, corners: 3}", 1, 33, "expected a list, found the number `3`", ""),
        ("shape: {type: polygon, corners: [1, a]}", 1, 37, "expected a whole number", ""),
        ("shape: {type: polygon, corners: [], skipped: []}", 1, 37, "unknown field `skipped`", ""),
        ("limit: 0", 1, 8, "`0` is not more than 0", ""),
        ("limit: 5", 1, 8, "`5` is not less than 5", ""),
        ("inner: {name: A}", 1, 15, "expected at least 2 characters, found 1", ""),
        ("inner: {name: ABC}", 1, 15, "`ABC` does not match `^[a-z]+$`", ""),
        ('inner: {name: "abc\\n"}', 1, 15, "`abc\\n` does not match `^[a-z]+$`", ""),
        ("inner: {name: 12}", 1, 15, "expected a text, found the number `12`", "put it in quotes"),
        ("inner: {name: ab, even: 3}", 1, 8, "number is odd", ""),
        ("inner: [a]", 1, 8, "expected a mapping, found a list", ""),
        ("listed: a", 1, 9, "expected a list, found the text `a`", "put it in brackets: `[a]`"),
        ("many: [{name: ab}, {name: ab}, {name: ab}]", 1, 7, "expected at most 2 entries, found 3", ""),
        ("pair: [1]", 1, 7, "expected 2 entries, found 1", ""),
        ("meta: {a: {b: c}}", 1, 11, "expected a value or a list of values, found a mapping", ""),
        ("meta: {a: 1}", 1, 11, "expected a text", ""),
        ("meta: [a]", 1, 7, "expected a mapping, found a list", ""),
        ("[1]", 1, 1, "expected a mapping, found a list", ""),
        ("text", 1, 1, "expected a mapping, found the text `text`", ""),
    ],
)
def test_one_mistake(text: str, line: int, column: int, message: str, help: str) -> None:
    """Each mistake is told in the language of the policy, at its place, with a help where there is one."""
    value, problems = read(text)

    assert value is None
    ((found_line, found_column, found_message, found_help),) = problems
    assert (found_line, found_column) == (line, column)
    assert message in found_message
    assert help in found_help


def test_all_mistakes() -> None:
    """A mistake hides no other."""
    value, problems = read(
        "colour: x\nmany:\n  - {name: a, b: 1}\n  - {}\n  - 7\nnumber: y\nshape: {type: circle, r: 1}\n"
    )

    assert value is None
    assert [line for line, *_ in problems] == [1, 3, 3, 4, 5, 6, 7, 7]


def test_decoded_values_are_equal_and_hashable() -> None:
    """Equal texts give equal values with equal hashes, so that each detector is built once."""
    one, _ = read("meta: {a: b, c: [d]}")
    two, _ = read("meta:\n  c: ['d']\n  a: 'b'\n")

    assert one.meta == two.meta
    assert hash(one.meta) == hash(two.meta)


@pytest.mark.parametrize("kind", [bytes, dt.date, int | str | float, list[int] | tuple[str, ...] | str])
def test_other_types_are_a_programmer_s_error(kind: Any) -> None:
    """A type that the language does not have raises `TypeError`."""
    node, _ = parse("a", "p.yaml")
    assert node is not None

    with pytest.raises(TypeError):
        decode(node, kind, "p.yaml", ())


NODE = "version: 1\nrules:\n  - id: a\n    detect: {type: x, pattern: yz}\n  - [1, {b: c}]\n"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1, 1, "value")),
        (("version",), (1, 10, 1, "value")),
        (("rules",), (2, 1, 5, "key")),
        (("rules", 0), (3, 5, 1, "value")),
        (("rules", 0, "id"), (3, 9, 1, "value")),
        (("rules", 0, "detect"), (4, 5, 6, "key")),
        (("rules", 0, "detect", "pattern"), (4, 32, 2, "value")),
        (("rules", 0, "detect", "nothing"), (4, 5, 6, "key")),
        (("rules", 0, "mask", "with"), (3, 5, 1, "value")),
        (("rules", 1, 1, "b"), (5, 13, 1, "value")),
        (("rules", 9), (2, 1, 5, "key")),
        (("rules", -1), (2, 1, 5, "key")),
        (("rules", "id"), (2, 1, 5, "key")),
        (("version", "x"), (1, 10, 1, "value")),
    ],
)
def test_locate(path: tuple[str | int, ...], place: tuple[int, int, int, str]) -> None:
    """A path leads to its value, to the key of a collection, or to the nearest thing above."""
    node, _ = parse(NODE, "p.yaml")
    assert node is not None

    found = locate(node, path)

    assert (found.line, found.column, found.length, found.on) == place


@pytest.mark.parametrize(
    ("text", "plain", "spans"),
    [
        ("", "", ()),
        ("abc", "abc", ()),
        ("«a»", "a", ((0, 1),)),
        ("x «ab»«c» y", "x abc y", ((2, 4), (4, 5))),
        ("👨‍👩‍👧 «\U000e0069»", "👨‍👩‍👧 \U000e0069", ((6, 7),)),
    ],
)
def test_marked(text: str, plain: str, spans: tuple[tuple[int, int], ...]) -> None:
    """Marks are stripped, and their spans count code points of the text without them."""
    assert marked(text) == (plain, tuple(Span(*one) for one in spans))


@pytest.mark.parametrize("text", ["«", "»", "a» b", "«a", "«a «b» c»", "««a»»", "«»", "»a«"])
def test_bad_marks(text: str) -> None:
    """Marks that are unbalanced, nested or empty are refused."""
    with pytest.raises(ValueError):
        marked(text)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=5))
def test_marks_lead_back(pieces: list[tuple[str, str]]) -> None:
    """Each span of a marked text holds exactly what its marks enclosed."""
    clean = [tuple(one.replace("«", "<").replace("»", ">") for one in pair) for pair in pieces]

    plain, spans = marked("".join(f"{before}«{inside}»" for before, inside in clean))

    assert plain == "".join(before + inside for before, inside in clean)
    assert [plain[span.start : span.end] for span in spans] == [inside for _, inside in clean]


@pytest.mark.parametrize(
    ("expression", "bad"),
    [
        ("^a|b$", True),
        ("^a|b", True),
        ("a|b$", True),
        (r"\Aa|b\Z", True),
        (r"(?i)^a|b$", True),
        ("^a|(b|c)$", True),
        ("^a[|]|b", True),
        ("^|a", True),
        ("^(?:a|b)$", False),
        ("^a$|^b$", False),
        ("^a|^b", False),
        ("a|b", False),
        ("^a$", False),
        (r"^a\|b$", False),
        ("^a[x|y]b$", False),
        ("^[]|]$", False),
        (r"^[^]|\]]$", False),
        (r"a|b\$", False),
        (r"a|b\\$", True),
        ("", False),
        ("^[", False),
        ("(", False),
    ],
)
def test_anchored_alternation(expression: str, bad: bool) -> None:
    """An anchor that binds to some alternatives only is seen; one that binds to all is fine."""
    assert anchored_alternation(expression) is bad


GOOD = r"""
version: 1
policy: support-chat
description: What may pass.
mode: shadow
on_error: allow
scope:
  tenants: [acme, "acme-*"]
  metadata: {team: [payments, "support-*"], region: eu}
rules:
  - id: content.names
    title: Names
    severity: high
    tags: [OWASP-LLM02]
    references: ["A standard"]
    detect: {type: regex, keywords: [atlas-], pattern: '\batlas-(?P<secret>[a-z]{3,12})\b'}
    action: flag
    escalate: {count: 10, action: mask}
    mask: {with: partial, keep_last: 4}
    scope: {hooks: [request], roles: [user, tool], kinds: [text]}
    examples:
      - hit: "merge atlas-«falcon» now"
        becomes: "merge atlas-***con now"
        role: tool
      - miss: "atlas"
  - {id: b, title: B, severity: info, detect: {type: words, words: [x]}, action: deny, mode: "off"}
exceptions:
  - {id: EXC-1, rules: ["content.*"], values: [falcon], reason: ours, owner: me, expires: 2027-03-31}
"""


def load(text: str) -> LoadedFile:
    return load_file(textwrap.dedent(text), "p.yaml")


def test_good_file() -> None:
    """A file without mistakes is a policy, and its values are what was written."""
    loaded = load(GOOD)

    assert loaded.diagnostics == ()
    assert loaded.policy is not None
    rule = loaded.policy.rules[0]
    assert (rule.severity, rule.action) == (Severity.HIGH, Action.FLAG)
    assert rule.escalate is not None
    assert rule.escalate.action is Action.MASK
    assert loaded.policy.scope is not None
    assert loaded.policy.scope.metadata == {"team": ("payments", "support-*"), "region": "eu"}


BAD_FILE = r"""version: 2
policy: Support
mod: shadow
scope: {tenants: [], metadata: {team: {a: b}}}
rules:
  - id: a
    title: A
    severity: hihg
    detect: {type: regxe, pattern: x}
    action: flag
  - id: b.c
    severity: low
    detect: {type: words, word: [x]}
    action: mask
    mask: {with: partial, keep_first: -1}
  - id: a
    title: A
    severity: low
    detect: {type: regex, pattern: '^a|b$'}
    action: deny
    mask: {with: redact}
    escalate: {count: 1, action: mask}
  - id: d
    title: D
    severity: low
    detect: {type: words, words: [x]}
    action: mask
    escalate: {count: 3, action: flag}
    examples:
      - hit: nothing
      - hit: "«a «b»"
      - miss: "«a»"
      - becomes: x
      - {hit: "«x»", miss: y}
exceptions:
  - {id: E, rules: [a], reason: r, owner: o, expires: 2027-02-30}
"""

GOLDEN = """\
error: expected `1`, found the number `2`
 --> p.yaml:1:10
  |
1 | version: 2
  |          ^

error: `Support` does not match `^[a-z0-9][a-z0-9._-]*$`
 --> p.yaml:2:9
  |
2 | policy: Support
  |         ^^^^^^^

error: unknown field `mod`
 --> p.yaml:3:1
  |
3 | mod: shadow
  | ^^^
  = help: did you mean `mode`?
"""


def test_golden() -> None:
    """The rendered mistakes of a file read as they always did."""
    rendered = [render(one) for one in load(BAD_FILE).diagnostics[:3]]

    assert "\n\n".join(rendered) + "\n" == GOLDEN


def test_every_mistake_of_a_file() -> None:
    """All mistakes of a file are reported at once, in the file's order, each on its line."""
    loaded = load_file(BAD_FILE, "p.yaml")

    assert loaded.policy is None
    assert [(one.line, one.code) for one in loaded.diagnostics] == [
        (1, "bad-value"),
        (2, "bad-value"),
        (3, "unknown-field"),
        (4, "out-of-range"),
        (4, "bad-type"),
        (8, "bad-value"),
        (9, "bad-value"),
        (11, "missing-field"),
        (13, "missing-field"),
        (13, "unknown-field"),
        (15, "out-of-range"),
        (16, "duplicate-rule"),
        (22, "out-of-range"),
        (27, "missing-mask"),
        (28, "weak-escalation"),
        (30, "bad-example"),
        (31, "bad-example"),
        (32, "bad-example"),
        (33, "bad-example"),
        (33, "bad-example"),
        (34, "bad-example"),
        (36, "empty-exception"),
        (36, "bad-value"),
    ]
    for one in loaded.diagnostics:
        assert one.message == one.message.strip().rstrip(".")
        assert "\n" not in one.message


RULE = """\
version: 1
policy: p
rules:
  - {id: a, title: A, severity: low, detect: {type: words, words: [x]}, %s}
"""


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("action: mask", "missing-mask"),
        ("action: flag, mask: {with: redact}", "superfluous-mask"),
        ("action: deny, mask: {with: redact}", "superfluous-mask"),
        ("action: flag, escalate: {count: 2, action: mask}", "missing-mask"),
        ("action: flag, escalate: {count: 2, action: flag}", "weak-escalation"),
        ("action: deny, escalate: {count: 2, action: deny}", "weak-escalation"),
        ("action: mask, mask: {with: redact, restore: {}}", "unknown-field"),
        ("action: mask, mask: {with: placeholder, restore: {roles: [user]}}", "bad-value"),
        ("action: mask, mask: {with: placeholder, restore: {kinds: []}}", "out-of-range"),
        (
            "action: mask, mask: {with: placeholder, restore: {kinds: [text], tools: [x]}}",
            "superfluous-restore",
        ),
        ("action: flag, scope: {tenants: []}", "out-of-range"),
        ("action: flag, scope: {metadata: {}}", "out-of-range"),
        ("action: flag, scope: {metadata: {a: []}}", "out-of-range"),
        ("action: flag, scope: ", "bad-type"),
        ("action: flag, id: b", "duplicate-key"),
        ("action: flag, examples: [{hit: '«»'}]", "bad-example"),
        ("action: flag, examples: [{miss: 'a', becomes: b}]", "bad-example"),
    ],
)
def test_rule_mistakes(rest: str, code: str) -> None:
    """A rule that contradicts itself does not load."""
    loaded = load_file(RULE % rest, "p.yaml")

    assert loaded.policy is None
    assert [one.code for one in loaded.diagnostics] == [code]


RESTORE = """\
version: 1
policy: p
rules:
  - id: a
    title: A
    severity: low
    detect: {type: words, words: [x]}
    action: mask
    mask:
      with: placeholder
      restore:
        kinds: [text]
        tools: [Write]
"""


def test_a_mistake_of_restore_is_shown_where_it_stands() -> None:
    """File, line, column, the line itself and what to do."""
    (problem,) = load_file(RESTORE, "p.yaml").diagnostics

    assert render(problem).splitlines() == [
        "error: `tools` names tools and `kinds` leaves `tool_input` out",
        "  --> p.yaml:13:9",
        "   |",
        "13 |         tools: [Write]",
        "   |         ^^^^^",
        "   = help: add `tool_input` to `kinds`, or remove `tools`",
    ]


@pytest.mark.parametrize(
    "rest",
    [
        "action: flag",
        "action: deny",
        "action: mask, mask: {with: placeholder}",
        "action: mask, mask: {with: placeholder, restore: {}}",
        "action: mask, mask: {with: placeholder, restore: {tools: [Write]}}",
        "action: mask, mask: {with: hash, length: 16}, escalate: {count: 2, action: deny}",
        "action: flag, mask: {with: encrypt}, escalate: {count: 2, action: mask}",
        "action: flag, escalate: {count: 2, action: deny}",
    ],
)
def test_good_rules(rest: str) -> None:
    """A rule with `mask` exactly where it masks loads."""
    loaded = load_file(RULE % rest, "p.yaml")

    assert loaded.diagnostics == ()
    assert loaded.policy is not None


def test_yaml_mistakes_hide_no_others() -> None:
    """A duplicate key or a tag is reported together with what is wrong elsewhere."""
    loaded = load_file("version: 1\nversion: 1\npolicy: !x P\nrules: []\n", "p.yaml")

    assert [(one.line, one.code) for one in loaded.diagnostics] == [
        (2, "duplicate-key"),
        (3, "bad-value"),
        (3, "tag"),
        (4, "out-of-range"),
    ]


LINES = GOOD.strip("\n").splitlines()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "double", "indent", "cut", "x"])),
        max_size=4,
    )
)
def test_damaged_files_never_raise(damages: list[tuple[int, str]]) -> None:
    """A damaged policy is either a policy or has an error that can be shown."""
    lines = list(LINES)
    for place, damage in damages:
        line = lines[place]
        lines[place] = {
            "drop": "",
            "double": f"{line}\n{line}",
            "indent": f"  {line}",
            "cut": line[: len(line) // 2],
            "x": line.replace(":", ": x", 1),
        }[damage]

    loaded = load_file("\n".join(lines), "p.yaml")

    assert (loaded.policy is None) == bool(loaded.diagnostics)
    assert all(render(one) for one in loaded.diagnostics)


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_anything_is_read(data: str | bytes) -> None:
    """No data makes the loader raise."""
    loaded = load_file(data, "p.yaml")

    assert (loaded.policy is None) == bool(loaded.diagnostics)
