"""What docs/secrets.md says is found is found, and what it says is left alone is."""

import re
from pathlib import Path

import pytest

from guardrails.detectors import SecretSpec
from guardrails.detectors.alone import Alone
from guardrails.detectors.base import Deadline
from guardrails.detectors.secret_proof import marked
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove

PAGE = (Path(__file__).resolve().parents[1] / "docs/secrets.md").read_text("utf-8")


def blocks(language):
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found, language
    return found


FOUND = [line for block in blocks("found") for line in block.splitlines()] + blocks("found-text")
PASSED_OVER = [line for block in blocks("passed-over") for line in block.splitlines()]


@pytest.fixture(scope="module")
def finder():
    return Alone(SecretSpec(kinds=("*",)).detector())


@pytest.mark.parametrize("text", FOUND)
def test_what_the_page_marks_is_found(text, finder):
    """Just what is between the marks is found."""
    plain, spans = marked(text)

    assert sorted({(hit.start, hit.end) for hit in finder.hits(plain, Deadline.after(10))}) == spans


@pytest.mark.parametrize("text", PASSED_OVER)
def test_what_the_page_leaves_alone_is_left_alone(text, finder):
    """Nothing is found in it."""
    assert finder.hits(text, Deadline.after(10)) == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_policy_of_the_page_holds(text):
    """It loads, and its examples are as marked."""
    compiled = compile_files([load_file(text, "secrets.md")])

    assert compiled.diagnostics == ()
    assert prove(compiled) == []
