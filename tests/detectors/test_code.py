"""`type: code`: code is found by its language, and prose, data and settings are none."""

import subprocess
import sys

import pytest
from looking import hits, marked
from timing import assert_linear

from guardrails.catalogue import code_language
from guardrails.detectors import CodeSpec, SpecError
from guardrails.detectors.base import CannotJudge
from guardrails.detectors.code import Language, blocks

PYTHON = """\
def total(orders):
    result = 0
    for order in orders:
        if order.is_paid and not order.refunded:
            result += order.price * order.amount
    return result"""
GO = """\
func (s *Store) Get(ctx context.Context, id string) (*Order, error) {
	row := s.db.QueryRowContext(ctx, query, id)
	if err := row.Scan(&order.ID, &order.Total); err != nil {
		return nil, fmt.Errorf("get order: %w", err)
	}
	return &order, nil
}"""
SQL = """\
SELECT c.name, SUM(o.total) AS spent
FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE o.created_at >= '2024-01-01'
GROUP BY c.name ORDER BY spent DESC LIMIT 10;"""
JAVA = """\
public class OrderService {
    private final OrderRepository repository;

    public Order find(long id) throws NotFoundException {
        return repository.findById(id).orElseThrow(() -> new NotFoundException("order"));
    }
}"""
PROSE = "The committee met on Tuesday (as it does every week); it agreed to publish the report."


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({}, PYTHON, f"«{PYTHON}»"),
        ({}, f"{PROSE}\n\n{GO}\n\n{PROSE}", f"{PROSE}\n\n«{GO}»\n\n{PROSE}"),
        ({}, f"Try this:\n```go\n{GO}\n```\nIt works.", f"Try this:\n```go\n«{GO}»\n```\nIt works."),
        ({"deny": (Language.SQL,)}, f"```\n{SQL}\n```\n\n{PYTHON}", f"```\n«{SQL}»\n```\n\n{PYTHON}"),
        ({"allow": (Language.PYTHON,)}, f"{PYTHON}\n\n```\n{JAVA}\n```", f"{PYTHON}\n\n```\n«{JAVA}»\n```"),
        ({"allow": (Language.PYTHON,)}, f"```python\n{JAVA}\n```", f"```python\n«{JAVA}»\n```"),
        ({"deny": (Language.SHELL,)}, "```sh\necho hello | wc -c\n```", "```sh\n«echo hello | wc -c»\n```"),
        ({"min_share": 0.5}, f"{PROSE}\n\n{PYTHON}", f"{PROSE}\n\n«{PYTHON}»"),
        ({"min_share": 0.5}, f"{PROSE * 5}\n\n{PYTHON}", None),
        ({}, PROSE, None),
        ({}, "Call total() with a list, or use `x = 1` instead.", None),
        ({}, '{"name": "report", "open": true, "tags": ["a", "b"], "next": null}', None),
        ({}, "name: report\nopen: true\ntags:\n  - a\n  - b\n", None),
        ({}, "```text\nnothing here is a program, it is only text\n```", None),
        ({}, "```\n```", None),
        ({}, "", None),
    ],
)
def test_code_of_a_language(spec, text, expected):
    """The marked stretches and no others."""
    assert marked(CodeSpec(**spec).detector(), text) == (text if expected is None else expected)


@pytest.mark.parametrize(("text", "label"), [(PYTHON, "PYTHON"), (GO, "GO"), (SQL, "SQL"), (JAVA, "JAVA")])
def test_the_finding_names_the_language(text, label):
    """Its label, and how sure it is."""
    (hit,) = hits(CodeSpec().detector(), text)

    assert hit.label == f"CODE_{label}"
    assert 0.9 <= hit.score <= 1.0


def test_the_languages_of_a_policy_are_those_of_the_model():
    """Each can be found."""
    assert tuple(one.value for one in Language) == code_language.LANGUAGES
    assert sum(code_language.probabilities("").values()) == pytest.approx(1.0)


def test_blocks_are_fenced_or_have_the_signs_of_code():
    """A fence ends with one as long, or with the text; paragraphs of code next to one another are one."""
    text = "~~~~ py\na = 1\n~~~\nb\n~~~~\n\nprose only here\n\nf(x);\n\ng(y);\n\n> ```\n> x = [1]"
    found = [(text[one.start : one.end], one.fenced, one.said) for one in blocks(text)]

    assert found == [
        ("a = 1\n~~~\nb", True, "python"),
        ("f(x);\n\ng(y);", False, None),
        ("> x = [1]", True, None),
    ]


def test_a_language_that_is_allowed_and_denied_is_an_error():
    """With its place in the list."""
    with pytest.raises(SpecError) as error:
        CodeSpec(allow=(Language.GO,), deny=(Language.C, Language.GO)).detector()
    assert error.value.path == ("deny", 1)


def test_another_model_is_refused(monkeypatch):
    """The weights are those that the hash names, or the rule is unjudged."""
    monkeypatch.setattr(code_language, "SHA256", "0" * 64)
    code_language.load.cache_clear()
    try:
        with pytest.raises(CannotJudge):
            hits(CodeSpec().detector(), PYTHON)
    finally:
        code_language.load.cache_clear()


def test_time_is_linear_in_the_length():
    """Ten times the text takes about ten times as long, whatever it repeats."""
    detector = CodeSpec().detector()
    for unit in (PYTHON + "\n\n", "```\n", "a = b;", "\n", "{", "`", "~~~~ x\n", "> "):
        assert_linear(
            lambda many, unit=unit: hits(detector, (unit * many)[:many], seconds=60), 20_000, 200_000
        )


def test_other_policies_do_not_load_the_model():
    """It is loaded by the first rule of its type."""
    code = "import sys, guardrails.detectors; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
