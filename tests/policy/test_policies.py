"""Policy files: every mistake where it stands, and the shipped ones prove themselves."""

from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from guardrails.policy.compile import LoadError, compile_files, load_set, read_files
from guardrails.policy.decode import load_file
from guardrails.policy.diagnostics import Level, render
from guardrails.policy.examples import prove
from guardrails.policy.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]
BAD = """\
version: 1
policy: Bad Name
mod: enforce
rules:
  - id: one
    title: One
    severity: hgh
    detect: {type: regx, pattern: x}
    action: deny
  - id: two
    title: yes
    severity: low
    detect: {type: pii, entities: [EMAIL], min_score: 3}
    action: mask
"""
RULE = "version: 1\npolicy: p\nrules:\n  - {id: r, title: t, severity: low, %s}\n"


def test_all_mistakes_are_reported_at_once_each_at_its_line():
    """One check of a file with many mistakes names them all."""
    problems = load_file(BAD, "bad.yaml").diagnostics

    assert {(one.line, one.code) for one in problems} == {
        (2, "bad-value"),
        (3, "unknown-field"),
        (7, "bad-value"),
        (8, "bad-value"),
        (13, "out-of-range"),
    }
    rendered = render(next(one for one in problems if one.code == "unknown-field"))
    assert rendered == (
        "error: unknown field `mod`\n"
        " --> bad.yaml:3:1\n"
        "  |\n"
        "3 | mod: enforce\n"
        "  | ^^^\n"
        "  = help: did you mean `mode`?"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("a: [", "yaml-syntax"),
        ("version: 1\nversion: 1\n", "duplicate-key"),
        ("a: &x 1\nb: *x\n", "alias"),
        ("a: !!python/object 1\n", "tag"),
        (b"\xff\xfe", "not-utf-8"),
        ("a: 1\n---\nb: 1\n", "several-documents"),
        (RULE % "detect: {type: regex, pattern: x}, action: mask", "missing-mask"),
        (RULE % "detect: {type: regex, pattern: '^a|b$'}, action: deny", "anchored-alternation"),
        (RULE % "detect: {type: regex, pattern: '(a+)+'}, action: deny", "bad-detector"),
        (RULE % "detect: {type: pii, entities: [EMAIL]}, action: deny", "bad-detector"),
        (RULE % "detect: {type: regex, pattern: x}, action: deny, examples: [{hit: x}]", "bad-example"),
    ],
)
def test_a_bad_file_is_an_error_of_its_kind(text, code):
    """Each kind of mistake has its own code, and no set comes of it."""
    compiled = compile_files([load_file(text, "bad.yaml")])

    assert compiled.policies is None
    assert code in {one.code for one in compiled.diagnostics if one.level is Level.ERROR}


@given(st.text(max_size=200))
def test_reading_a_policy_never_raises(text):
    """Whatever a file holds, the outcome is a policy or diagnostics."""
    loaded = load_file(text, "any.yaml")

    assert (loaded.policy is None) == any(one.level is Level.ERROR for one in loaded.diagnostics)


def test_the_shipped_policies_load_and_their_examples_hold():
    """`policies/` has no error, and every example of every rule is as marked."""
    compiled = compile_files(read_files([ROOT / "policies"]))

    assert [render(one) for one in compiled.diagnostics if one.level is Level.ERROR] == []
    assert [render(one) for one in prove(compiled)] == []


def test_a_wrong_example_is_an_error():
    """An example that marks another span than is found fails."""
    text = RULE % "detect: {type: words, words: [x]}, action: deny, examples: [{hit: 'x «y»'}]"
    problems = prove(compile_files([load_file(text, "p.yaml")]))

    assert [one.code for one in problems] == ["example-fails"]


def test_the_schema_accepts_the_shipped_policies_and_refuses_a_bad_one():
    """Editors that use the JSON Schema agree with the loader on the shipped policies."""
    schema = json_schema()
    for file in (ROOT / "policies").glob("*.yaml"):
        jsonschema.validate(YAML(typ="safe", pure=True).load(file.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe", pure=True).load(BAD), schema)


def test_a_folder_without_policies_is_an_error(tmp_path):
    """It does not load as an empty set."""
    with pytest.raises(LoadError, match="no policy file"):
        load_set([tmp_path])


MASKED = "detect: {type: words, words: [x]}, action: mask, mask: {with: placeholder, restore: {%s}}"


@pytest.mark.parametrize(
    ("restore", "scope", "code"),
    [
        ("", "{tenants: [acme]}", None),
        ("", "{hooks: [request], roles: [user, assistant, tool]}", None),
        ("kinds: [text]", "{roles: [user, assistant], kinds: [text]}", None),
        ("roles: [assistant], kinds: [tool_input]", "{roles: [assistant, tool]}", None),
        ("", "{hooks: [response]}", "superfluous-restore"),
        ("", "{roles: [user, tool]}", "leaking-restore"),
        ("", "{roles: [assistant]}", "leaking-restore"),
        ("kinds: [text, tool_input]", "{kinds: [text]}", "leaking-restore"),
        ("tools: [Write]", "{kinds: [text, tool_output]}", "leaking-restore"),
    ],
)
@pytest.mark.parametrize("place", ["rule", "policy"])
def test_what_comes_back_is_masked_when_it_is_said_again(restore, scope, code, place):
    """A rule masks the requests of whatever place its values come back to, or it does not load."""
    rest = MASKED % restore + (f", scope: {scope}" if place == "rule" else "")
    text = RULE % rest + (f"scope: {scope}\n" if place == "policy" else "")
    compiled = compile_files([load_file(text, "p.yaml")])

    assert [one.code for one in compiled.diagnostics] == ([code] if code else [])
    assert all(one.source_line and "restore" in one.source_line for one in compiled.diagnostics)


def test_one_digest_is_one_numbering_of_detectors(tmp_path):
    """Replicas whose files have other names share what is remembered: the same digest, the same detectors."""
    sets = []
    for names in (("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")):
        folder = tmp_path / names[0]
        folder.mkdir()
        for name, word in zip(names, ("first", "second"), strict=True):
            (folder / name).write_text(
                f"version: 1\npolicy: {word}\nrules:\n"
                f"  - {{id: r.{word}, title: t, severity: low, action: flag, "
                f"detect: {{type: words, words: [{word}]}}}}\n"
            )
        sets.append(load_set([folder]))

    assert sets[0].digest == sets[1].digest
    assert [one.patterns for one in sets[0].detectors] == [one.patterns for one in sets[1].detectors]
