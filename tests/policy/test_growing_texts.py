"""Which rules can be enforced on a text of which every call has more."""

import pytest

from guardrails.model import Context, Hook
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file

RULE = """\
  - id: r{number}
    title: A rule
    severity: low
    {body}
"""
WORD = "detect: {type: words, words: [DENYME]}"


def holds(*bodies, hook=Hook.RESPONSE):
    rules = "".join(RULE.format(number=number, body=body) for number, body in enumerate(bodies))
    compiled = compile_files([load_file(f"version: 1\npolicy: p\nrules:\n{rules}", "p.yaml")])
    assert compiled.policies is not None, compiled.diagnostics
    return compiled.policies.holds_growing_texts(hook, Context())


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([f"{WORD}\n    action: flag"], True),
        ([f"{WORD}\n    action: deny"], True),
        (["detect: {type: regex, pattern: 'ab{3,40}c'}\n    action: deny"], True),
        ([f"{WORD}\n    action: flag\n    escalate: {{count: 3, action: deny}}"], False),
        ([f"{WORD}\n    action: flag\n    mode: shadow\n    escalate: {{count: 3, action: deny}}"], True),
        (["detect: {type: pii, entities: [PERSON]}\n    action: deny"], False),
        (["detect: {type: pii, entities: [PERSON]}\n    action: flag"], True),
        (["detect: {type: pii, entities: [PERSON]}\n    action: deny\n    scope: {hooks: [request]}"], True),
        (
            ["detect: {type: pii, entities: [PERSON]}\n    action: deny\n    scope: {kinds: [tool_input]}"],
            True,
        ),
        ([f"{WORD}\n    action: deny", "detect: {type: pii, entities: [PERSON]}\n    action: deny"], False),
    ],
)
def test_growing_texts(bodies, expected):
    """Not where an enforced rule for a message's text needs all of it, or grows stricter with more."""
    assert holds(*bodies) is expected
