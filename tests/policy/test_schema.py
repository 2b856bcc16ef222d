"""The JSON Schema accepts what the loader accepts and refuses what it refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.policy.decode import load_file
from guardrails.policy.schema import json_schema
from guardrails.policy.source import Items, Mapping, Node, parse

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
POLICIES = sorted((Path(__file__).parents[2] / "policies").rglob("*.yaml"))


def plain(node: Node | None) -> Any:
    """A tree as plain values."""
    if isinstance(node, Mapping):
        return {one.key.value: plain(one.value) for one in node.entries}
    if isinstance(node, Items):
        return [plain(one) for one in node.items]
    return None if node is None else node.value


def valid(text: str) -> bool:
    """Whether the schema accepts a policy's text."""
    return bool(VALIDATOR.is_valid(plain(parse(text, "p.yaml")[0])))


def loads(text: str) -> bool:
    """Whether the loader accepts a policy's text."""
    return load_file(text, "p.yaml").policy is not None


def test_is_a_schema() -> None:
    """It is JSON, and a schema by its own dialect."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA
    assert SCHEMA["$id"] == "policy-v1.json"


def test_names_no_address() -> None:
    """The dialect is the only web address in it."""
    rest = {key: value for key, value in SCHEMA.items() if key != "$schema"}

    assert "://" not in json.dumps(rest)


def test_every_field_of_the_language_is_described() -> None:
    """An editor can explain every field, and ordered enums are words."""
    for name, record in {"PolicyFile": SCHEMA, **SCHEMA["$defs"]}.items():
        assert record["description"]
        for field, schema in record["properties"].items():
            assert "const" in schema or schema.get("description"), f"{name}.{field}"
    assert SCHEMA["$defs"]["Rule"]["properties"]["action"]["enum"] == ["flag", "mask", "deny"]
    assert SCHEMA["properties"]["on_error"]["default"] == "deny"


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_shipped_policies(path: Path) -> None:
    """Every policy that we ship loads without a word and fits the schema."""
    text = path.read_text("utf-8")

    assert load_file(text, path.name).diagnostics == ()
    assert valid(text)


HEAD = "version: 1\npolicy: p\n"
RULES = "rules: [{id: a, title: A, severity: low, detect: {type: words, words: [x]}, action: flag}]\n"


def rule(rest: str) -> str:
    """A policy of one rule that ends in `rest`."""
    return f"{HEAD}rules: [{{id: a, title: A, severity: low, {rest}}}]\n"


WORDS = "detect: {type: words, words: [x]}"


def _restore(said: str) -> str:
    return rule(f"{WORDS}, action: mask, mask: {{with: placeholder, restore: {{{said}}}}}")


RECORD = "id: E, rules: [a], reason: r, owner: o"
TABLE = [
    (HEAD + RULES, True),
    (HEAD + "mode: 'off'\non_error: allow\nstreams: deny\ndescription: ''\n" + RULES, True),
    (HEAD + "scope: {hooks: [request], kinds: [text], metadata: {a: b, c: [d]}}\n" + RULES, True),
    (HEAD + "exceptions: []\n" + RULES, True),
    (rule(f"{WORDS}, action: mask, mask: {{with: partial, keep_last: 4, char: x}}"), True),
    (rule(f"{WORDS}, action: mask, mask: {{with: redact}}, escalate: {{count: 2, action: deny}}"), True),
    (rule(f"{WORDS}, action: flag, mask: {{with: redact}}, escalate: {{count: 2, action: mask}}"), True),
    (rule(f"{WORDS}, action: deny, examples: [{{hit: 'a «b» «c»', role: tool}}, {{miss: ''}}]"), True),
    (rule(f"{WORDS}, action: flag, examples: [{{hit: \"a\\n«b\\nc»\\n\", becomes: ''}}]"), True),
    (rule("detect: {type: secret, kinds: ['*'], except: [a], min_score: 1}, action: deny"), True),
    (rule("detect: {type: invisible}, action: deny"), True),
    (_restore(""), True),
    (_restore("roles: [assistant, tool], kinds: [text, tool_input, tool_output, document, data]"), True),
    (_restore("tools: [Write, 'mcp__*']"), True),
    (_restore("kinds: [tool_input], tools: [x]"), True),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: 2027-03-31, values: [x]}}]", True),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: 2027-03-31, values: [], pattern: x}}]", True),
    ("[]", False),
    ("{}", False),
    ("version: 1\n" + RULES, False),
    ("version: 2\npolicy: p\n" + RULES, False),
    ("version: '1'\npolicy: p\n" + RULES, False),
    ("version: true\npolicy: p\n" + RULES, False),
    ("version: 1\npolicy: P\n" + RULES, False),
    (HEAD, False),
    (HEAD + "rules: []\n", False),
    (HEAD + "mod: shadow\n" + RULES, False),
    (HEAD + "mode: quiet\n" + RULES, False),
    (HEAD + "mode:\n" + RULES, False),
    (HEAD + "scope:\n" + RULES, False),
    (HEAD + "scope: {tenants: []}\n" + RULES, False),
    (HEAD + "scope: {tenants: acme}\n" + RULES, False),
    (HEAD + "scope: {tenants: ['']}\n" + RULES, False),
    (HEAD + "scope: {metadata: {}}\n" + RULES, False),
    (HEAD + "scope: {metadata: {a: []}}\n" + RULES, False),
    (HEAD + "scope: {metadata: {a: 1}}\n" + RULES, False),
    (HEAD + "scope: {hooks: [requests]}\n" + RULES, False),
    (rule(WORDS), False),
    (rule(f"{WORDS}, action: 2"), False),
    (rule(f"{WORDS}, action: MASK"), False),
    (rule(f"{WORDS}, action: mask"), False),
    (rule(f"{WORDS}, action: flag, mask: {{with: redact}}"), False),
    (rule(f"{WORDS}, action: mask, mask: {{with: partial, keep_last: 13}}"), False),
    (rule(f"{WORDS}, action: mask, mask: {{with: partial, char: xy}}"), False),
    (rule(f"{WORDS}, action: mask, mask: {{with: replace}}"), False),
    (rule(f"{WORDS}, action: mask, mask: {{text: x}}"), False),
    (rule(f"{WORDS}, action: flag, escalate: {{count: 2, action: mask}}"), False),
    (rule(f"{WORDS}, action: flag, escalate: {{count: 2, action: flag}}"), False),
    (rule(f"{WORDS}, action: flag, escalate: {{count: 1, action: deny}}"), False),
    (rule(f"{WORDS}, action: deny, escalate: {{count: 2, action: deny}}"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{hit: x}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{hit: «»}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{hit: ««a»»}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{hit: «a», miss: b}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{miss: «a»}}]"), False),
    (rule(f"{WORDS}, action: flag, examples: [{{miss: a, becomes: b}}]"), False),
    (rule("detect: {words: [x]}, action: flag"), False),
    (rule("detect: {type: word, words: [x]}, action: flag"), False),
    (rule("detect: {type: words, words: []}, action: flag"), False),
    (rule("detect: {type: words, words: [x], kinds: [y]}, action: flag"), False),
    (rule("detect: {type: secret, kinds: [x], min_score: 1.5}, action: flag"), False),
    (_restore("roles: [user]"), False),
    (_restore("roles: []"), False),
    (_restore("kinds: [input]"), False),
    (_restore("kinds: text"), False),
    (_restore("tools: ['']"), False),
    (_restore("tools: [x], kinds: [text]"), False),
    (_restore("to: [text]"), False),
    (rule(f"{WORDS}, action: mask, mask: {{with: placeholder, restore: }}"), False),
    (rule(f"{WORDS}, action: mask, mask: {{with: redact, restore: {{}}}}"), False),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, values: [x]}}]", False),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: soon, values: [x]}}]", False),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: 2027-03-31}}]", False),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: 2027-03-31, values: []}}]", False),
    (HEAD + RULES + f"exceptions: [{{{RECORD}, expires: 2027-03-31, pattern: ''}}]", False),
]


@pytest.mark.parametrize(("text", "good"), TABLE)
def test_loader_and_schema_agree(text: str, good: bool) -> None:
    """The schema and the loader give the same answer."""
    assert (loads(text), valid(text)) == (good, good)


VALUES = [
    "1",
    "0",
    "-1",
    "1.5",
    "x",
    "''",
    "true",
    "null",
    "[]",
    "[x]",
    "{}",
    "{a: b}",
    "mask",
    "deny",
    "redact",
]
KEYS = ["mode", "mask", "action", "escalate", "scope", "examples", "tags", "detect", "title", "id", "x"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=5, unique_by=lambda one: one[0]
    )
)
def test_loader_and_schema_agree_on_any_rule(changes: list[tuple[str, str]]) -> None:
    """Whatever stands in a rule's fields, the schema and the loader give the same answer."""
    fields = {
        "id": "a",
        "title": "A",
        "severity": "low",
        "detect": "{type: words, words: [x]}",
        "action": "flag",
    }
    text = ", ".join(f"{key}: {value}" for key, value in {**fields, **dict(changes)}.items())
    policy = f"{HEAD}rules: [{{{text}}}]\n"

    assert loads(policy) == valid(policy)
