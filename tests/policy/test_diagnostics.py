"""How a diagnostic reads."""

import pytest

from guardrails.policy.diagnostics import Diagnostic, Level, has_errors, quoted, render, sort_key


def _at(line: int | None, column: int | None, source_line: str | None, **more: object) -> Diagnostic:
    values = {"level": Level.ERROR, "code": "unknown-field", "message": "unknown field `x`", "file": "p.yaml"}
    return Diagnostic(**{**values, "line": line, "column": column, "source_line": source_line, **more})


def _marks(one: Diagnostic) -> tuple[str, str]:
    """The shown line and the line of marks, without their gutters."""
    lines = render(one).splitlines()
    return lines[3].split("| ", 1)[1], lines[4].split("| ", 1)[1]


def test_form() -> None:
    """A diagnostic reads as the design shows it, with a gutter as wide as the line's number."""
    one = _at(
        49,
        7,
        "      min_entropi: 3.0",
        message="unknown field `min_entropi`",
        file="policies/support-chat.yaml",
        length=11,
        help="did you mean `min_entropy`?",
    )

    assert render(one) == "\n".join(
        [
            "error: unknown field `min_entropi`",
            "  --> policies/support-chat.yaml:49:7",
            "   |",
            "49 |       min_entropi: 3.0",
            "   |       ^^^^^^^^^^^",
            "   = help: did you mean `min_entropy`?",
        ]
    )


def test_without_place() -> None:
    """A diagnostic about a whole file shows no line."""
    assert render(_at(None, None, None)) == "error: unknown field `x`\n --> p.yaml"


@pytest.mark.parametrize(
    ("line", "column", "length", "shown", "marks"),
    [
        ("\tx: 1", 2, 1, " x: 1", " ^"),
        ("数字: 1", 3, 1, "数字: 1", "    ^"),
        ("a: 数字", 4, 2, "a: 数字", "   ^^^^"),
        ("e\u0301x", 3, 1, "e\u0301x", " ^"),
        ("a: \x1b[2J", 4, 1, "a: \ufffd[2J", "   ^"),
        ("a: \u202ex", 5, 1, "a: \ufffdx", "    ^"),
        ("abc", 3, 99, "abc", "  ^"),
        ("abc", 99, 5, "abc", "   ^"),
        ("", 1, 1, "", "^"),
    ],
)
def test_marks_stand_below(line: str, column: int, length: int, shown: str, marks: str) -> None:
    """The marks stand below what is meant, whatever the width of the characters before it."""
    one = _at(1, column, line, length=length)

    lines = render(one).splitlines()

    assert lines[3] == f"1 | {shown}".rstrip()
    assert lines[4] == f"  | {marks}"


@pytest.mark.parametrize("column", [1, 60, 61, 62, 500, 990, 1000])
def test_long_line_is_cut_around_the_column(column: int) -> None:
    """A long line is cut, and the mark still stands below its character."""
    line = "".join("X" if place == column - 1 else "." for place in range(1000))

    shown, marks = _marks(_at(1, column, line))

    assert len(shown) <= 122
    assert shown[marks.index("^")] == "X"


def test_message_is_one_line() -> None:
    """What an author wrote never breaks a message's line."""
    assert quoted("a\nb\tc") == "`a\\nb\\tc`"
    assert len(quoted("x" * 500)) < 70
    assert len(render(_at(None, None, None, message="a\x1b]0;b", file="p\n.yaml")).splitlines()) == 2


def test_order_is_the_reader_s() -> None:
    """Diagnostics sort by file, line and column, those about the whole file first."""
    expected = [_at(None, None, None), _at(2, 9, ""), _at(10, 1, ""), _at(1, 1, "", file="q.yaml")]

    assert sorted([expected[2], expected[3], expected[0], expected[1]], key=sort_key) == expected


def test_only_errors_are_errors() -> None:
    """Warnings and notes keep no policy from loading."""
    mild = [_at(1, 1, "", level=Level.WARNING), _at(1, 1, "", level=Level.NOTE)]

    assert not has_errors(mild)
    assert has_errors([*mild, _at(1, 1, "")])
