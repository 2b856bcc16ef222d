"""`type: json_schema`: a text fits or does not, and the finding never repeats its values."""

import datetime as dt
import json
import threading

import msgspec
import pytest
from looking import hits, marked
from timing import assert_linear

from guardrails.cache import Cache
from guardrails.detectors import JsonSchemaSpec, SpecError
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Hook, Reason, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.policy.examples import prove
from guardrails.text import View

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "price": {"type": "number", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["new", "sale"]}},
    },
    "additionalProperties": False,
}
STRICT = JsonSchemaSpec(schema=json.dumps(SCHEMA)).detector()
FENCED = JsonSchemaSpec(schema=json.dumps(SCHEMA), fence=True).detector()


@pytest.mark.parametrize(
    ("detector", "text", "expected", "whys"),
    [
        (STRICT, ' {"name": "Ada", "price": 3.5, "tags": ["new"]}\n', None, []),
        (
            STRICT,
            '{"name": "Ada", "price": -1}',
            '{"name": "Ada", "price": «-1»}',
            ["/price breaks `minimum`"],
        ),
        (STRICT, '{"name": "much too long"}', '{"name": «"much too long"»}', ["/name breaks `maxLength`"]),
        (STRICT, '{"name": "a", "tags": ["x"]}', '{"name": "a", "tags": [«"x"»]}', ["/tags/0 breaks `enum`"]),
        (STRICT, " {} ", " «{}» ", ["the whole breaks `required`"]),
        (STRICT, "[]", "«[]»", ["the whole breaks `type`"]),
        (STRICT, "Sure! Here it is.", "«Sure! Here it is.»", ["no JSON"]),
        (STRICT, '{"name": "Ada"', '«{"name": "Ada"»', ["no JSON"]),
        (STRICT, '{"name": "a", "name": "b"}', '«{"name": "a", "name": "b"}»', ["an object repeats a name"]),
        (STRICT, '{"name": "a", "price": NaN}', '«{"name": "a", "price": NaN}»', ["a number is not finite"]),
        (STRICT, '```json\n{"name": "Ada"}\n```', '«```json\n{"name": "Ada"}\n```»', ["no JSON"]),
        (FENCED, '```json\n{"name": "Ada"}\n```', None, []),
        (FENCED, '{"name": "Ada"}', None, []),
        (FENCED, '```\n{"name": 1}\n```', '```\n{"name": «1»}\n```', ["/name breaks `type`"]),
    ],
)
def test_a_text_that_does_not_fit(detector, text, expected, whys):
    """The value that breaks the schema is marked where it is one, else the whole; and why."""
    assert marked(detector, text) == (text if expected is None else expected)
    assert [one.why for one in hits(detector, text)] == whys


def test_a_finding_holds_no_value_and_no_key_of_the_sender():
    """Labels and reasons are the schema's words."""
    broken = (
        '{"name": "marker-value"}',
        '{"name": "a", "price": "marker-value"}',
        '{"name": "a", "marker 4111": 1}',
    )
    told = [repr(hits(STRICT, text)) for text in broken]

    for one, keyword in zip(told, ("MAXLENGTH", "TYPE", "ADDITIONALPROPERTIES"), strict=True):
        assert f"SCHEMA_{keyword}" in one
        assert "marker" not in one


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (JsonSchemaSpec(), ()),
        (JsonSchemaSpec(schema="{}", file="x.json"), ()),
        (JsonSchemaSpec(schema="{"), ("schema",)),
        (JsonSchemaSpec(schema='{"type": "objekt"}'), ("schema",)),
        (JsonSchemaSpec(schema='{"pattern": "(?=a)b"}'), ("schema",)),
        (JsonSchemaSpec(schema='{"$ref": "http://127.0.0.1:9/x.json"}'), ("schema",)),
        (JsonSchemaSpec(file="/nowhere/x.json"), ("file",)),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error(spec, path):
    """Broken, of unknown types, with patterns that backtrack, or with something to fetch."""
    with pytest.raises(SpecError) as error:
        spec.detector()
    assert error.value.path == path


def test_a_schema_in_a_file_counts_for_the_digest(tmp_path):
    """It stands beside the policy; another schema is another policy."""
    detect = "detect: {type: json_schema, file: s.json}"
    policy = f"version: 1\npolicy: p\nrules:\n- {{id: r, title: t, severity: low, action: deny, {detect}}}"

    def digest(schema):
        (tmp_path / "s.json").write_text(json.dumps(schema), "utf-8")
        return compile_files([load_file(policy, str(tmp_path / "p.yaml"))]).policies.digest

    assert digest({"type": "object"}) == digest({"type": "object"}) != digest({"type": "array"})


POLICY = """\
version: 1
policy: p
rules:
  - id: call
    title: t
    severity: low
    action: deny
    detect: {type: json_schema, tools: [search], schema: '%s'}
    examples:
      - tool: search
        hit: '{"name": "Ada", "price": «-1»}'
      - tool: search
        miss: '{"name": "Ada"}'
      - tool: other
        miss: 'no JSON'
"""


def chat(name, arguments):
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}


def claude(name, arguments):
    block = {"type": "tool_use", "id": "t", "name": name, "input": json.loads(arguments)}
    return {"type": "message", "role": "assistant", "content": [block]}


def responses(name, arguments):
    call = {"type": "function_call", "call_id": "c", "name": name, "arguments": arguments}
    return {"object": "response", "output": [call]}


def gemini(name, arguments):
    call = {"functionCall": {"name": name, "args": json.loads(arguments)}}
    return {"candidates": [{"content": {"role": "model", "parts": [call]}}]}


def bedrock(name, arguments):
    call = {"toolUse": {"toolUseId": "t", "name": name, "input": json.loads(arguments)}}
    return {"output": {"message": {"role": "assistant", "content": [call]}}}


@pytest.mark.parametrize("made", [chat, claude, responses, gemini, bedrock])
@pytest.mark.parametrize("cache", [None, Cache(1_000_000)])
def test_arguments_of_a_tool_are_judged_as_a_whole(made, cache):
    """In every format, by the tool's name; texts are left alone, and the finding tells where it is."""
    compiled = compile_files([load_file(POLICY % json.dumps(SCHEMA), "p")])
    assert prove(compiled) == []
    engine = Engine(compiled.policies, Keys(b"k" * 32), cache)

    def judged(body):
        data = msgspec.json.encode(body)
        soon = Deadline.after(60)
        return engine.judge_json(data, Hook.RESPONSE, Context(), deadline=soon, today=dt.date.min).decision

    for _ in range(2):
        wrong = judged(made("search", '{"name": "Ada", "price": -1}'))
        assert wrong.verdict is Verdict.DENY
        assert [one.label for one in wrong.findings] == ["SCHEMA_MINIMUM"]
        assert wrong.findings[0].address.pointer.rpartition("/")[2] in {"arguments", "input", "args"}
        assert judged(made("search", '{"name": "Ada"}')).verdict is Verdict.ALLOW
        assert judged(made("other", '{"price": -1}')).verdict is Verdict.ALLOW
    assert (
        judged({"choices": [{"message": {"role": "assistant", "content": "hello"}}]}).verdict is Verdict.ALLOW
    )


@pytest.mark.parametrize(("depth", "verdict"), [(5_000, Verdict.DENY), (0, Verdict.ALLOW)])
def test_arguments_of_any_shape_are_judged(depth, verdict):
    """Nested beyond what is read they are not in order; half a character in a text that fits is."""
    compiled = compile_files([load_file(POLICY % json.dumps(SCHEMA), "p")])
    given = {"name": "\ud800"}
    for _ in range(depth):
        given = {"a": given}
    block = {"type": "tool_use", "id": "t", "name": "search", "input": given}
    body = {"type": "message", "role": "assistant", "content": [block]}
    engine = Engine(compiled.policies, Keys(b"k" * 32))
    soon = Deadline.after(60)
    decision = engine.judge_body(body, Hook.RESPONSE, Context(), deadline=soon, today=dt.date.min).decision

    assert decision.verdict is verdict


def test_a_call_without_arguments_has_an_empty_object():
    """Formats leave them out, or write nothing."""
    detector = JsonSchemaSpec(schema=json.dumps(SCHEMA), tools=("search",)).detector()
    found = list(detector.judge_call("search", View("source", ""), Deadline.after(60)))

    assert [one.label for one in found] == ["SCHEMA_REQUIRED"]
    assert not detector.inspects


def test_what_is_nested_too_deeply_is_unjudged():
    """Not found to be in order."""
    with pytest.raises(CannotJudge) as failure:
        hits(STRICT, "[" * 200_000 + "]" * 200_000)
    assert failure.value.reason is Reason.TOO_DEEP


def test_threads_share_a_detector():
    """Each gets its own answer."""
    answers = []

    def work(text, expected):
        answers.extend(bool(hits(STRICT, text)) is expected for _ in range(20))

    threads = [
        threading.Thread(target=work, args=(text, expected))
        for text, expected in (('{"name": "a"}', False), ("{}", True)) * 3
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [True] * 120


def test_time_is_linear_in_the_length():
    """Ten times the text takes about ten times as long, in order or not."""
    detector = JsonSchemaSpec(
        schema=json.dumps({"type": "array", "uniqueItems": True, "items": {"pattern": "^(a|a)*$"}})
    ).detector()
    for make in (
        lambda n: json.dumps(["aaaa"] * n),
        lambda n: json.dumps([f"{i}" for i in range(n)]),
        lambda n: json.dumps(["a" * n + "b"]),
    ):
        assert_linear(lambda many, make=make: hits(detector, make(many), seconds=60), 5_000, 50_000)
