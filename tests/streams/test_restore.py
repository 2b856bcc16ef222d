"""Streams are judged and then restored: however they are cut up, the client gets the restored whole."""

import json
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming import (
    KEYS,
    TODAY,
    Deadline,
    anthropic_events,
    assembled,
    bedrock_events,
    chat_chunks,
    engine,
    responses_events,
)

from guardrails.masking import Restored, Restorer, restore_body
from guardrails.model import Context, Hook, Verdict
from guardrails.streams.anthropic import AnthropicStream
from guardrails.streams.bedrock import BedrockStream
from guardrails.streams.chat import ChatStream
from guardrails.streams.events import EventStream
from guardrails.streams.judge import Denied, Stream, StreamEngine
from guardrails.streams.responses import ResponsesStream

MAIL = "zelda.unmistakable@example.com"
QUOTED = 'PRJ-4711"\\-0815'
OWN = "the.models@example.com"
RULES = {
    "mail": "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, "
    "mask: {with: placeholder, restore: {}}",
    "project": r"detect: {type: regex, pattern: 'PRJ-\d{4}[^ ]{0,4}-\d{4}', label: PROJECT}, action: mask, "
    "mask: {with: placeholder, restore: {kinds: [tool_input], tools: [f, Write*]}}",
    "deny": "detect: {type: words, words: [DENYME]}, action: deny",
}
WHOLE = engine(RULES)
ON = StreamEngine(WHOLE)
CONTEXT = Context(tenant="acme")
DIALECTS = {
    "chat": (ChatStream, chat_chunks),
    "anthropic": (AnthropicStream, anthropic_events),
    "bedrock": (BedrockStream, bedrock_events),
    "responses": (ResponsesStream, responses_events),
}
ALL = pytest.mark.parametrize("dialect", sorted(DIALECTS))


def judged(body, hook=Hook.REQUEST):
    return WHOLE.judge_body(body, hook, CONTEXT, deadline=Deadline.after(60), today=TODAY)


def request(*texts):
    return {"messages": [{"role": "user", "content": text} for text in texts]}


REQUEST = judged(request(f"mail {MAIL} about {QUOTED} "))
NAMES = {name.split("_")[1]: name for name in REQUEST.kept}


def restorer(kept=REQUEST.kept):
    return Restorer(KEYS, "acme", kept, WHOLE.policies.permits)


def run(dialect, raw, cuts=(), back=None):
    """What a client receives of a stream of bytes, cut up at `cuts`, and what was counted."""
    back = back or restorer()
    made = EventStream(Stream(ON, CONTEXT, TODAY), DIALECTS[dialect][0](), back)
    places = [0, *sorted(cuts), len(raw)]
    out = [made.feed(raw[a:b], Deadline.after(60)) for a, b in pairwise(places)]
    out.append(made.close(Deadline.after(60)))
    return b"".join(out), back.count


def test_what_a_request_masked_is_kept_where_its_rules_say_so():
    """Values with the rules that masked them; of rules that restore nothing, nothing."""
    assert {one.value: one.rules for one in REQUEST.kept.values()} == {
        MAIL: ("mail",),
        QUOTED: ("project",),
    }
    silent = engine(
        {name: rule.split(", restore")[0] + "}" for name, rule in RULES.items() if name == "mail"}
    )
    body = request(f"mail {MAIL}")
    assert silent.judge_body(body, Hook.REQUEST, CONTEXT, deadline=Deadline.after(60), today=TODAY).kept == {}


def test_a_value_that_several_rules_mask_comes_back_where_all_of_them_say():
    """Adding a rule never loosens: one without `restore` keeps the value from coming back."""
    rule = "detect: {type: regex, pattern: 'unmistakable'}, action: mask, mask: {with: redact}"
    strict = engine({**RULES, "more": rule})
    body = request(f"mail {MAIL}")
    got = strict.judge_body(body, Hook.REQUEST, CONTEXT, deadline=Deadline.after(60), today=TODAY)

    assert got.decision.verdict is Verdict.MASK
    assert got.kept == {}


@ALL
@pytest.mark.parametrize("spell", [str, str.lower, lambda one: one.replace("_", "\\_")])
def test_a_placeholder_split_across_events_comes_back(dialect, spell):
    """Letter by letter, in a text and in a tool's arguments, which stay JSON; by destination."""
    mail, project = spell(NAMES["EMAIL"]), spell(NAMES["PROJECT"])
    arguments = json.dumps({"to": mail, f"<{mail}>": [f"about {project}!"]})
    raw = b"".join(DIALECTS[dialect][1](list(f"to {mail}, {project}."), arguments=list(arguments)))
    got, count = run(dialect, raw)
    text, call = assembled(dialect, got)

    assert text == f"to {MAIL}, {project}."
    assert json.loads(call) == {"to": MAIL, f"<{MAIL}>": [f"about {QUOTED}!"]}
    assert count == Restored(values=2, withheld=1)


@ALL
def test_a_tool_that_is_not_named_gets_no_value(dialect):
    """Its input holds the placeholder still."""
    raw = b"".join(DIALECTS[dialect][1](["ok"], arguments=list(json.dumps({"a": NAMES["PROJECT"]}))))
    others = engine({name: rule.replace("tools: [f, ", "tools: [") for name, rule in RULES.items()})
    got, count = run(dialect, raw, back=Restorer(KEYS, "acme", REQUEST.kept, others.policies.permits))

    assert json.loads(assembled(dialect, got)[1]) == {"a": NAMES["PROJECT"]}
    assert count == Restored(withheld=1)


@ALL
def test_the_models_own_values_are_masked_and_do_not_come_back(dialect):
    """What is judged is what the model said: a value of its own beside one that comes back."""
    raw = b"".join(DIALECTS[dialect][1](list(f"{OWN} or {NAMES['EMAIL']}"), arguments=list('{"a": "b"}')))
    got, count = run(dialect, raw)
    text, _ = assembled(dialect, got)

    assert OWN.encode() not in got
    assert text.startswith("MASKED_EMAIL_ADDRESS_")
    assert text.endswith(f" or {MAIL}")
    assert count == Restored(values=1)


def test_the_response_shows_the_same_text_in_every_event():
    """In Responses the pieces, the parts, the items and the whole response agree."""
    said = f"to {NAMES['EMAIL'].lower()} now"
    raw = b"".join(responses_events(list(said), arguments=list(json.dumps({"a": NAMES["PROJECT"]}))))
    got, _ = run("responses", raw)

    assert got.count(f'"text":"to {MAIL} now"'.encode()) == 4
    assert NAMES["EMAIL"].lower().encode() not in got
    assert NAMES["PROJECT"].encode() not in got


def test_a_stream_that_no_rule_concerns_is_restored_too():
    """A rule for requests alone masks there, and its values come back all the same."""
    alone = engine({"mail": RULES["mail"] + ", scope: {hooks: [request]}"})
    body = request(f"mail {MAIL}")
    kept = alone.judge_body(body, Hook.REQUEST, CONTEXT, deadline=Deadline.after(60), today=TODAY).kept
    stream = Stream(StreamEngine(alone), CONTEXT, TODAY)
    made = EventStream(stream, ChatStream(), Restorer(KEYS, "acme", kept, alone.policies.permits))
    raw = b"".join(chat_chunks(list(f"to {NAMES['EMAIL']} or {OWN}")))
    got = made.feed(raw, Deadline.after(60)) + made.close(Deadline.after(60))

    assert stream.idle
    assert assembled("chat", got)[0] == f"to {MAIL} or {OWN}"


def test_a_denied_stream_gives_out_nothing_more():
    """What is held back for a placeholder is dropped with the rest."""
    stream = EventStream(Stream(ON, CONTEXT, TODAY), ChatStream(), restorer())
    out = stream.feed(b"".join(chat_chunks(["fine. ", "MASKED_EM", "AIL DENYME"])), Deadline.after(60))

    assert isinstance(stream.denied, Denied)
    assert assembled("chat", out.split(b'data: {"error"')[0])[0] == "fine. "


@pytest.mark.parametrize("dialect", ["chat", "anthropic"])
def test_words_are_not_held_back_by_what_is_kept(dialect):
    """An event is sent on as soon as it can be no placeholder, also behind the word itself."""
    stream = EventStream(Stream(ON, CONTEXT, TODAY), DIALECTS[dialect][0](), restorer())
    parts = list(DIALECTS[dialect][1](["The masked ", "man ran. ", "Then "]))
    first = next(at for at, one in enumerate(parts) if b"ran" in one)
    out = b"".join(stream.feed(one, Deadline.after(60)) for one in parts[: first + 1])

    assert b"The masked" in out


PIECES = [
    NAMES["EMAIL"],
    NAMES["EMAIL"].lower(),
    NAMES["PROJECT"].replace("_", "\\_"),
    NAMES["PROJECT"][:-2],
    OWN,
    MAIL,
    QUOTED,
    "MASKED_",
    "masked ",
    " ",
    '"',
    "\n",
    "the quick brown fox ",
    "日本語🦜",
    "M",
]
GENEROUS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@GENEROUS
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.integers(1, 9),
    st.integers(1, 60),
)
def test_however_a_stream_is_cut_up_the_client_gets_the_restored_whole(dialect, text, argument, size, step):
    """As the engine judges the whole, and then it is restored."""
    arguments = json.dumps({"a": argument})
    cut = [text[at : at + size] for at in range(0, len(text), size)]
    cut_arguments = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    raw = b"".join(DIALECTS[dialect][1](cut, arguments=cut_arguments))
    got, count = run(dialect, raw, range(step, len(raw), step))

    message = {
        "role": "assistant",
        "content": text,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}],
    }
    body = {"choices": [{"index": 0, "message": message}]}
    whole = judged(body, Hook.RESPONSE)
    back = restorer()
    expected = restore_body(whole.body or body, whole.format, back, whole.decision.edits)
    said = expected["choices"][0]["message"]

    assert assembled(dialect, got) == (said["content"], said["tool_calls"][0]["function"]["arguments"])
    assert count == back.count


TURNS = st.lists(st.lists(st.sampled_from([*PIECES, f" {MAIL} "]), max_size=4).map("".join), max_size=8)


@GENEROUS
@given(TURNS)
def test_a_conversation_masks_to_the_same_bytes_turn_after_turn(turns):
    """The client says again what came back to it: the prefix that the provider has seen does not change."""
    messages, before = [], b""
    for said in turns:
        messages.append({"role": "user", "content": said})
        data = json.dumps({"messages": messages}).encode()
        got = WHOLE.judge_json(data, Hook.REQUEST, CONTEXT, deadline=Deadline.after(60), today=TODAY)
        sent = json.loads(bytes(got.body)) if got.body is not None else {"messages": messages}
        now = json.dumps(sent["messages"]).encode()
        assert now.startswith(before)
        before = now[:-1]
        # The model repeats what it was told, in its own spelling.
        answer = {
            "choices": [
                {"message": {"role": "assistant", "content": sent["messages"][-1]["content"].lower()}}
            ]
        }
        checked = judged(answer, Hook.RESPONSE)
        back = Restorer(KEYS, "acme", got.kept, WHOLE.policies.permits)
        shown = restore_body(checked.body or answer, checked.format, back)
        messages.append(shown["choices"][0]["message"])
