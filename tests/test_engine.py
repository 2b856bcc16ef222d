"""The engine's promises, on policies written for the purpose."""

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import assert_linear

from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Context, Hook, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file

TODAY = dt.date(2026, 11, 23)
KEYS = Keys(b"k" * 32)

POLICY = r"""
version: 1
policy: test
rules:
  - id: mask.number
    title: A project number
    severity: high
    detect: {type: regex, pattern: '\bPRJ-\d{4}\b', label: PROJECT}
    action: mask
    mask: {with: placeholder}
  - id: deny.word
    title: A forbidden word
    severity: critical
    detect: {type: words, words: [DENYME, never say]}
    action: deny
  - id: flag.word
    title: A noted word
    severity: low
    detect: {type: words, words: [curious]}
    action: flag
"""


def engine(text=POLICY):
    compiled = compile_files([load_file(text, "test.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


ENGINE = engine()


def judge(body, hook=Hook.REQUEST, on=ENGINE, tenant="acme", today=TODAY, seconds=5.0, **context):
    return on.judge_body(
        body,
        hook,
        Context(tenant=tenant, **context),
        deadline=Deadline.after(seconds),
        today=today,
    )


def chat(*texts, **more):
    return {"model": "m", "messages": [{"role": "user", "content": text} for text in texts], **more}


def test_nothing_found_is_allowed_without_a_body():
    """An innocent request is allowed and nothing is rewritten."""
    judged = judge(chat("hello"))

    assert judged.decision.verdict is Verdict.ALLOW
    assert judged.body is None


def test_every_copy_of_a_value_is_masked_alike_and_nothing_else_changes():
    """All copies become the same placeholder; every other member of the body is as it was."""
    body = chat("PRJ-1234 and PRJ-1234", "again PRJ-1234", tools=[{"name": "PRJ-1234"}], stream=True)
    judged = judge(body)
    first, second = (one["content"] for one in judged.body["messages"])
    words = first.split(" and ")

    assert judged.decision.verdict is Verdict.MASK
    assert words[0] == words[1] == second.removeprefix("again ")
    assert words[0].startswith("MASKED_PROJECT_")
    assert {**judged.body, "messages": None} == {**body, "messages": None}


def test_masking_twice_changes_nothing():
    """What was masked is allowed the second time."""
    once = judge(chat("see PRJ-1234"))

    assert judge(once.body).decision.verdict is Verdict.ALLOW


def test_two_tenants_share_no_placeholder():
    """The same value has another placeholder for another tenant."""
    one, two = (judge(chat("PRJ-1234"), tenant=tenant).body for tenant in ("a", "b"))

    assert one != two


def test_the_strictest_action_wins():
    """A denial beside a mask denies, and no body is given."""
    judged = judge(chat("PRJ-1234", "DENYME"))

    assert judged.decision.verdict is Verdict.DENY
    assert judged.body is None
    assert judged.decision.rules() == ("deny.word", "mask.number")


def test_a_flag_is_allowed_and_reported():
    """A flagged finding does not change the verdict."""
    decision = judge(chat("curious")).decision

    assert decision.verdict is Verdict.ALLOW
    assert decision.rules() == ("flag.word",)


@pytest.mark.parametrize(
    "text",
    [
        "PRJ-\u200b1234",
        "PRJ－１２３４",
        "%50RJ-1234",
        "\\u0050RJ-1234",
        "&#80;RJ-1234",
        "UFJKLTEyMzQgaXMgdGhlIG51bWJlcg==",
        "50524a2d31323334206f6b",
    ],
)
def test_a_disguised_value_is_masked(text):
    """Invisible characters, other widths, percent, escapes, entities, base64 and hex hide nothing."""
    judged = judge(chat(f"see {text} now"))

    assert judged.decision.verdict is Verdict.MASK
    content = judged.body["messages"][0]["content"]
    assert text not in content
    assert content.startswith("see ")
    assert content.endswith(" now")


def test_tool_arguments_stay_valid_json_and_keep_their_spelling():
    """Inside JSON text only the value changes; white space and other escapes stay."""
    arguments = '{ "id" : "PRJ-1234",\n "note":"caf\\u00e9" }'
    body = {
        "model": "m",
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
                ],
            }
        ],
    }
    masked = judge(body).body["messages"][0]["tool_calls"][0]["function"]["arguments"]

    assert json.loads(masked)["id"].startswith("MASKED_PROJECT_")
    assert masked.endswith('",\n "note":"caf\\u00e9" }')


def test_masking_that_uncovers_a_neighbour_masks_that_too():
    """A value that only shows once another is gone does not survive."""
    text = POLICY + (
        "  - id: mask.pair\n    title: Joined\n    severity: low\n"
        "    detect: {type: regex, pattern: 'ab'}\n    action: mask\n    mask: {with: redact}\n"
    )
    judged = judge(chat("x aabb y"), on=engine(text))

    assert judged.body["messages"][0]["content"] == "x  y"


def test_an_exception_excuses_its_value_until_it_expires():
    """The found value passes up to the last day, and is masked from the next day on."""
    on = engine(
        POLICY
        + "exceptions:\n  - {id: E1, rules: [mask.number], values: [prj-1234], reason: ours, "
        + "owner: a@b.example, expires: 2026-11-23}\n"
    )

    assert judge(chat("PRJ-1234"), on=on).decision.verdict is Verdict.ALLOW
    assert judge(chat("PRJ-1234"), on=on).decision.excused[0].exception == "E1"
    assert judge(chat("PRJ-9999"), on=on).decision.verdict is Verdict.MASK
    late = judge(chat("PRJ-1234"), on=on, today=dt.date(2026, 11, 24))
    assert late.decision.verdict is Verdict.MASK


def test_escalation_counts_distinct_values():
    """Two distinct values deny where one, however often, masks."""
    text = POLICY.replace(
        "    mask: {with: placeholder}\n",
        "    mask: {with: placeholder}\n    escalate: {count: 2, action: deny}\n",
        1,
    )
    on = engine(text)

    assert judge(chat("PRJ-1234 PRJ-1234"), on=on).decision.verdict is Verdict.MASK
    assert judge(chat("PRJ-1234", "PRJ-5678"), on=on).decision.verdict is Verdict.DENY


def test_shadow_mode_reports_and_does_not_act():
    """A policy in shadow finds everything and allows everything."""
    on = engine(POLICY.replace("policy: test\n", "policy: test\nmode: shadow\n"))
    decision = judge(chat("PRJ-1234 DENYME"), on=on).decision

    assert decision.verdict is Verdict.ALLOW
    assert not decision.findings
    assert len(decision.shadow) == 2


@pytest.mark.parametrize(("on_error", "verdict"), [("deny", Verdict.DENY), ("allow", Verdict.ALLOW)])
def test_time_running_out_is_unjudged_and_on_error_decides(on_error, verdict):
    """At the deadline nothing is silently allowed."""
    on = engine(POLICY.replace("policy: test\n", f"policy: test\non_error: {on_error}\n"))
    decision = judge(chat("hello"), on=on, seconds=0).decision

    assert decision.verdict is verdict
    assert [one.reason.value for one in decision.unjudged] == ["deadline"]


def test_a_scope_is_anded_over_keys_and_ored_within_them():
    """A policy applies where every key of its scope has a matching entry."""
    scope = "scope: {tenants: ['acme*'], hooks: [request], metadata: {team: [red, 'blue-*']}}\n"
    on = engine(POLICY.replace("policy: test\n", "policy: test\n" + scope))

    def verdict(**more):
        return judge(chat("DENYME"), on=on, **more).decision.verdict

    assert verdict(tenant="acme-1", metadata={"team": "blue-2"}) is Verdict.DENY
    assert verdict(tenant="acme-1", metadata={"team": "green"}) is Verdict.ALLOW
    assert verdict(tenant="other", metadata={"team": "red"}) is Verdict.ALLOW
    assert verdict(tenant="acme", metadata={}) is Verdict.ALLOW


def test_a_stream_that_cannot_be_seen_is_denied_where_the_policy_says_so():
    """`streams: deny` denies the request of a stream when response rules would go blind."""
    on = engine(POLICY.replace("policy: test\n", "policy: test\nstreams: deny\n"))
    arguments = {"deadline": Deadline.after(5), "today": TODAY}
    body, context = chat("hello", stream=True), Context()

    assert on.judge_body(body, Hook.REQUEST, context, **arguments).decision.verdict is Verdict.ALLOW
    unseen = on.judge_body(body, Hook.REQUEST, context, response_unseen=True, **arguments)
    assert unseen.decision.verdict is Verdict.DENY
    assert {one.reason.value for one in unseen.decision.unjudged} == {"no_body"}


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(["PRJ-1234", "PRJ-9999", "DENYME", "curious", "PRJ-", "-1234", " "]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS.map("".join), min_size=1, max_size=4))
def test_no_masked_value_survives_and_decisions_hold_no_text(texts):
    """After masking no rule that masks finds anything; a decision never holds a found value."""
    judged = judge(chat(*texts))
    decision = judged.decision

    if decision.verdict is Verdict.MASK:
        again = judge(judged.body).decision
        assert again.verdict is Verdict.ALLOW
    shown = repr([(one.rule, one.label, one.why, one.fingerprint) for one in decision.findings])
    assert "1234" not in shown
    assert "9999" not in shown


@settings(max_examples=40, deadline=None)
@given(TEXTS.map("".join), st.permutations(["mask.number", "deny.word", "flag.word"]))
def test_the_order_of_rules_never_matters(text, order):
    """Any order of the same rules gives the same verdict and the same body."""
    head, *rules = POLICY.split("  - id: ")
    by_id = {rule.split("\n", 1)[0]: rule for rule in rules}
    other = engine(head + "".join("  - id: " + by_id[name] for name in order))
    one, two = judge(chat(text)), judge(chat(text), on=other)

    assert one.decision.verdict is two.decision.verdict
    assert one.body == two.body


@pytest.mark.parametrize(("said", "seconds"), [("PRJ-%04d", 60), ("hi %d", 0)])
def test_many_messages_cost_what_each_does(said, seconds):
    """A value in every message, or no time left for any: time is linear in their number."""

    def work(number):
        judge(
            {"messages": [{"role": "user", "content": said % one} for one in range(number)]}, seconds=seconds
        )

    work(100)
    assert_linear(work, 1_000, 16_000, most=36, least=0.01)
