"""How far from the end of a text a verdict can still change."""

import pytest

from guardrails.detectors.patterns import CONTEXT
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


def reach(*bodies, hook=Hook.RESPONSE):
    rules = "".join(RULE.format(number=number, body=body) for number, body in enumerate(bodies))
    compiled = compile_files([load_file(f"version: 1\npolicy: p\nrules:\n{rules}", "p.yaml")])
    assert compiled.policies is not None, compiled.diagnostics
    return compiled.policies.reach(hook, Context())


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([f"{WORD}\n    action: flag"], 0),
        ([f"{WORD}\n    action: deny\n    mode: shadow"], 0),
        ([f"{WORD}\n    action: deny\n    scope: {{hooks: [request]}}"], 0),
        ([f"{WORD}\n    action: deny\n    scope: {{kinds: [tool_input]}}"], 0),
        (["detect: {type: regex, pattern: 'ab{3,40}c'}\n    action: deny"], 42 + CONTEXT),
        (
            [
                "detect: {type: regex, pattern: 'ab{3,40}c'}\n    action: deny",
                "detect: {type: regex, pattern: 'ab{3,90}c'}\n    action: deny",
            ],
            92 + CONTEXT,
        ),
        ([f"{WORD}\n    action: flag\n    escalate: {{count: 3, action: deny}}"], None),
        (["detect: {type: pii, entities: [PERSON]}\n    action: deny"], None),
        (["detect: {type: invisible, classes: [tags]}\n    action: deny"], None),
    ],
)
def test_reach(bodies, expected):
    """The widest match of the rules that act on a message's text; None where nothing bounds it."""
    assert reach(*bodies) == expected
