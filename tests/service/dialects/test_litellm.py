"""LiteLLM's generic guardrail API, by pairs of what its proxy sends and what it takes."""

import base64
import json

import pytest
from litestar.testing import TestClient

from guardrails.model import Address, Edit
from service.app import create_app
from service.dialects.litellm import _held
from service.settings import Settings

PATH = "/v1/gateways/litellm/beta/litellm_basic_guardrail_api"
MAIL = "ada@example.com"
ALLOW = {"action": "NONE"}
BLOCKED = {"action": "BLOCKED", "blocked_reason": "guardrails: denied by word"}


def call(side, **members):
    """A payload as the proxy sends it."""
    return {
        "input_type": side,
        "litellm_call_id": "c",
        "litellm_trace_id": "t",
        "structured_messages": None,
        "images": None,
        "tools": None,
        "texts": [],
        "request_data": {"user_api_key_hash": "h", "user_api_key_team_id": "blue"},
        "request_headers": {"user-agent": "x", "x-secret-thing": "[present]"},
        "litellm_version": "1.106.2",
        "additional_provider_specific_params": {},
        "tool_calls": None,
        "model": "m",
        **members,
    }


def tool(command, **more):
    function = {"name": "Bash", "arguments": '{"command": "%s"}' % command}
    return {"id": "c1", "type": "function", "function": function, **more}


def agent(asked, answered, thought=MAIL):
    """Rows of an Anthropic conversation, as the proxy translates it."""
    return [
        {
            "role": "system",
            "content": [{"type": "text", "text": "An agent", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "user", "content": [{"type": "text", "text": "read it"}]},
        {
            "role": "assistant",
            "content": "ok",
            "tool_calls": [tool(f"grep {asked}")],
            "reasoning_content": f"hm {thought}",
            "thinking_blocks": [{"type": "thinking", "thinking": f"hm {thought}", "signature": "s=="}],
        },
        {"role": "tool", "content": f"OWNER={answered}", "tool_call_id": "c1"},
        {"role": "user", "content": [{"type": "text", "text": "go on"}]},
    ]


AGENT_TEXTS = ["An agent", "read it", "ok", "OWNER=[MAIL]", "go on"]


def texts(rows):
    return [
        one["content"] if isinstance(one["content"], str) else one["content"][0]["text"]
        for one in rows
        if one["content"]
    ]


REQUESTS = {
    "allow": ([{"role": "user", "content": "hello"}], ALLOW),
    "allow what is only measured": ([{"role": "user", "content": "SHADOWED"}], ALLOW),
    "mask a text": (
        [{"role": "system", "content": "be nice"}, {"role": "user", "content": f"mail {MAIL}"}],
        {"action": "GUARDRAIL_INTERVENED", "texts": ["be nice", "mail [MAIL]"]},
    ),
    "mask a part, an image beside it": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": MAIL},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                ],
            }
        ],
        {"action": "GUARDRAIL_INTERVENED", "texts": ["[MAIL]"]},
    ),
    "mask a tool's answer in place": (
        agent("nobody", MAIL),
        {"action": "GUARDRAIL_INTERVENED", "texts": AGENT_TEXTS},
    ),
    "mask arguments: all rows, reasoning and signature as they were": (
        agent(MAIL, MAIL),
        {"action": "GUARDRAIL_INTERVENED", "structured_messages": agent("[MAIL]", "[MAIL]")},
    ),
    "leave reasoning alone": (agent("nobody", "nobody"), ALLOW),
    "deny": ([{"role": "user", "content": "so DENYME it is"}], BLOCKED),
    "deny in arguments": (agent("DENYME", "x"), BLOCKED),
    "deny rather than mask": ([{"role": "user", "content": f"{MAIL} DENYME"}], BLOCKED),
}


@pytest.mark.parametrize(("rows", "answer"), REQUESTS.values(), ids=REQUESTS.keys())
def test_requests(ask, rows, answer):
    """A request is judged by its rows; a mask goes back as texts unless arguments are masked too."""
    given = call("request", structured_messages=rows, texts=texts(rows))

    assert answer == ask(PATH, given)
    assert answer == ask("/beta/litellm_basic_guardrail_api", given)


def test_inputs_without_rows_are_judged(ask):
    """An embedding's inputs come as texts only, and go back as many."""
    answer = ask(PATH, call("request", texts=["a", f"b {MAIL}", "c"]))

    assert answer == {"action": "GUARDRAIL_INTERVENED", "texts": ["a", "b [MAIL]", "c"]}
    assert ask(PATH, call("request", texts=["a", "DENYME"])) == BLOCKED


def test_texts_that_no_row_shows_are_judged_beside_the_rows(ask):
    """Rows of one scope and texts of another: neither goes unseen, and what cannot be written is blocked."""
    rows = [{"role": "user", "content": "hello"}]

    assert ask(PATH, call("request", structured_messages=rows, texts=["hello", "DENYME"])) == BLOCKED
    assert ask(PATH, call("request", structured_messages=rows, texts=["hello", MAIL])) == {
        "action": "GUARDRAIL_INTERVENED",
        "texts": ["hello", "[MAIL]"],
    }
    rows = [{"role": "user", "content": MAIL}]
    both = ask(PATH, call("request", structured_messages=rows, texts=[MAIL, f"and {MAIL}"]))
    assert both == {"action": "BLOCKED", "blocked_reason": "guardrails: denied by mail"}


def test_calls_that_no_row_shows_are_judged(ask):
    """Tool calls beside rows without any: the answer has no room for them, so a mask is a block."""
    answer = ask(PATH, call("request", texts=["x"], tool_calls=[tool(MAIL, index=0)]))

    assert answer["action"] == "BLOCKED"


RESPONSES = {
    "allow": (["You said: hello"], None, "NONE", None),
    "mask": (
        ["one", f"write to {MAIL} now"],
        None,
        "GUARDRAIL_INTERVENED",
        ["one", "write to [MAIL] now"],
    ),
    "deny": (["DENYME"], None, "BLOCKED", None),
    "allow a call": (["x"], [tool("ls")], "NONE", None),
    "block a call that would be masked": (["x"], [tool(f"echo {MAIL}")], "BLOCKED", None),
    "block a call that is denied": ([], [tool("DENYME")], "BLOCKED", None),
}


@pytest.mark.parametrize(("given", "calls", "action", "masked"), RESPONSES.values(), ids=RESPONSES.keys())
def test_responses(ask, given, calls, action, masked):
    """A response is judged by its texts and calls; calls can only be blocked."""
    answer = ask(PATH, call("response", texts=given, tool_calls=calls))

    assert answer["action"] == action
    assert answer.get("texts") == masked
    if action != "BLOCKED":
        # The last word could go on.
        shown = masked or given
        assert answer["stream_holdback_chars"] == [len(one) - one.rfind(" ") - 1 for one in shown]


WRITTEN = {
    "plain": MAIL,
    "base64": base64.b64encode(f"the address of her is {MAIL}".encode()).decode(),
    "percent": "".join(f"%{ord(char):02x}" for char in MAIL),
    "HTML": "".join(f"&#{ord(char)};" for char in MAIL),
    "JSON": "".join(f"\\u{ord(char):04x}" for char in MAIL),
}


@pytest.mark.parametrize("step", [7, 64])
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_stream_never_shows_what_a_later_call_masks(ask, written, step):
    """Call after call with more text: what was emitted stays a prefix of what is emitted later."""
    words = "Hello there, please write to "
    whole = f"{words * 12}{written} and not to grace.long.name@sub.example.org, ok? {words * 60}"
    emitted, held_some, released = "", False, False
    for end in range(1, len(whole) + 1, step):
        raw = ask.raw(PATH, json.dumps(call("response", texts=[whole[:end]]))).json()
        text = raw.get("texts", [whole[:end]])[0]
        held = raw["stream_holdback_chars"][0]
        shown = text[: max(len(emitted), len(text) - held)]
        assert shown.startswith(emitted)
        emitted = shown
        held_some |= held > 0
        released |= bool(emitted)

    assert held_some
    assert released
    assert "example" not in emitted
    assert written not in emitted


def test_what_is_withheld_of_the_masked_text_stands_for_what_is_undecided():
    """A mask is given out whole or not at all; what is longer or shorter than its value counts."""
    before, after = Edit(Address("/x"), 4, 7, "#"), Edit(Address("/x"), 8, 13, "placeholder")

    assert _held("one two three four", 0, ()) == 0
    assert _held("one two three four", 4, [before, after]) == len("four")
    assert _held("one two three four", 10, [before, after]) == len("placeholder four")
    assert _held("one two three four", 18, [before, after]) == len("one # placeholder four")


def test_nearly_all_of_plain_words_is_given_out_at_once(ask):
    """No more is withheld than could become a match."""
    text = "Plain words say nothing at all, whatever follows them"
    answer = ask(PATH, call("response", texts=[text]))

    assert answer["stream_holdback_chars"] == [len("them")]


LOOSE = {
    "topic": "{type: topic, deny: [hostile takeover], distance: 2}",
    "word": "{type: words, words: [hostile takeover]}",
}


def emitted(folder, rule, text):
    """How much of a growing text may have been emitted before it is blocked, which it must be."""
    policy = folder / "policy.yaml"
    record = f"{{id: said, title: Said, severity: high, detect: {LOOSE[rule]}, action: deny}}"
    policy.write_text(f"version: 1\npolicy: loose\nrules:\n  - {record}\n")
    most = 0
    with TestClient(create_app(Settings(policies=str(policy), secret="s" * 40))) as client:
        for end in range(1, len(text) + 1):
            answer = client.post(PATH, content=json.dumps(call("response", texts=[text[:end]]))).json()
            if answer["action"] == "BLOCKED":
                return most
            most = max(most, end - answer["stream_holdback_chars"][0])
    raise AssertionError("it was never blocked")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("topic", "a hostile and quick takeover of them"),
        ("topic", "a h0stile t4keover of them"),
        ("word", "a hostile takeover of them"),
    ],
)
def test_what_is_denied_by_what_it_says_is_withheld_while_it_grows(tmp_path, rule, said):
    """A topic until the stream ends, for any word that follows may belong to it; a phrase by its words."""
    before = "Plain words come first. "
    most = emitted(tmp_path, rule, before + said)

    assert most <= (0 if rule == "topic" else len(before) + len("a "))


def test_a_disguised_phrase_ends_the_stream_when_it_is_there_as_a_whole(tmp_path):
    """What of it was sent before is no more than its beginning."""
    said = "So: a h0stile t4keover of them"

    assert emitted(tmp_path, "word", said) <= said.index("t4keover")
