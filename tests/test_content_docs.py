"""The examples in docs/content.md run, and every content type has one."""

import re
from pathlib import Path

import pytest

from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove

PAGE = (Path(__file__).resolve().parents[1] / "docs/content.md").read_text("utf-8")
POLICIES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", POLICIES)
def test_the_examples_hold(text):
    """Each policy of the page loads, and its examples are as marked."""
    compiled = compile_files([load_file(text, "content.md")])

    assert compiled.diagnostics == ()
    assert prove(compiled) == []


@pytest.mark.parametrize(
    "type",
    [
        "injection",
        "toxicity",
        "harm",
        "url",
        "shell",
        "sql",
        "repeat",
        "length",
        "topic",
        "competitor",
        "language",
        "code",
        "gibberish",
        "prompt_leak",
        "json_schema",
        "invisible",
        "judge",
    ],
)
def test_every_content_type_has_an_example(type):
    """No type is described without a rule that runs."""
    assert any(re.search(rf"\btype: {type}\b", text) for text in POLICIES)
