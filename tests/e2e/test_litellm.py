"""The real LiteLLM proxy, driven by the real SDKs, with the real service as its generic guardrail API."""

import json
import subprocess
from pathlib import Path

import anthropic
import openai
import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "the end-to-end key"
MAIL = "grace.unmistakable@example.com"


@pytest.fixture
def chat(litellm, upstream):
    upstream.reset()
    with openai.OpenAI(api_key=KEY, base_url=f"{litellm}/v1", max_retries=0, timeout=30) as client:
        yield lambda messages, **more: client.chat.completions.create(model="gpt", messages=messages, **more)


@pytest.fixture
def claude(litellm, upstream):
    upstream.reset()
    with anthropic.Anthropic(api_key=KEY, base_url=litellm, max_retries=0, timeout=30) as client:
        yield lambda messages, **more: client.messages.create(
            model="claude", max_tokens=9, messages=messages, **more
        )


def said(text):
    return [{"role": "user", "content": text}]


def until_it_ends(start, *args, **more):
    """All that a client sees of a stream, and the error that it ends with."""
    seen = []
    try:
        for event in start(*args, stream=True, **more):
            seen.append(event.model_dump_json())  # noqa: PERF401 - what came before the error is kept
    except (openai.APIError, anthropic.APIError) as error:
        return "".join(seen), error
    return "".join(seen), None


def with_tools(text):
    """A conversation in which a tool was called and answered."""
    function = {"name": "mail", "arguments": '{ "to": "%s" }' % text}
    return [
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c1", "content": f"sent to {text}"},
    ]


def test_an_allowed_chat_passes_unchanged(chat, upstream):
    """The upstream receives the same messages, the client its answer."""
    answer = chat(with_tools("nobody"))

    ((_, body),) = upstream.requests
    assert body["messages"] == with_tools("nobody")
    assert answer.choices[0].message.content == "sent to nobody"


def test_a_masked_chat_hides_every_copy_and_keeps_the_rest(chat, upstream):
    """Text, tool results and arguments are masked alike; ids and white space stay."""
    chat(with_tools(MAIL))

    ((_, body),) = upstream.requests
    placeholder = body["messages"][3]["content"].removeprefix("sent to ")
    assert placeholder.startswith("MASKED_EMAIL_ADDRESS_")
    assert body["messages"] == with_tools(placeholder)


def test_a_denied_request_never_reaches_the_upstream(chat, upstream):
    """The client gets 400 and the rule's name."""
    with pytest.raises(openai.BadRequestError, match="denied by word"):
        chat(said("DENYME"))

    assert upstream.requests == []


def test_a_response_is_masked_or_denied(chat, upstream):
    """What only the model knows does not reach the client."""
    upstream.answer = f"write to {MAIL}"
    assert chat(said("x")).choices[0].message.content.startswith("write to MASKED_EMAIL_ADDRESS_")

    upstream.answer = "so DENYME it is"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(said("x"))
    assert "DENYME" not in caught.value.response.text


def test_a_tool_call_that_would_be_masked_is_denied(chat, upstream):
    """Arguments of a response cannot be rewritten there, so they do not pass."""
    upstream.answer, upstream.calls = MAIL, True
    with pytest.raises(openai.BadRequestError) as caught:
        chat(said("x"))
    assert MAIL not in caught.value.response.text

    upstream.answer = "nobody"
    assert chat(said("x")).choices[0].message.tool_calls[0].function.arguments == '{"command": "echo nobody"}'


def test_embeddings_are_masked_and_denied(litellm, upstream):
    """Inputs come without rows: as many texts go back."""
    upstream.reset()
    with openai.OpenAI(api_key=KEY, base_url=f"{litellm}/v1", max_retries=0, timeout=30) as client:
        client.embeddings.create(model="embed", input=["x", f"mail {MAIL}"], encoding_format="float")
        assert upstream.requests[0][1]["input"][0] == "x"
        assert upstream.requests[0][1]["input"][1].startswith("mail MASKED_EMAIL_ADDRESS_")
        upstream.reset()
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="embed", input="DENYME", encoding_format="float")
    assert upstream.requests == []


FILLER = "and so it goes on and on " * 60


def test_a_streamed_chat_is_masked_both_ways(chat, upstream):
    """Over any chunks the client sees the placeholder and never a piece of the value."""
    upstream.answer = f"{FILLER}write to {MAIL} soon {FILLER}"
    chunks = list(chat(said(f"hi {MAIL}"), stream=True))

    assert MAIL not in json.dumps(upstream.requests)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert "write to MASKED_EMAIL_ADDRESS_" in text
    assert "grace" not in text
    assert text.replace("MASKED", MAIL, 0).startswith(FILLER)
    assert text.endswith(FILLER)
    assert len(chunks) > 3


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_chat_sent_comes_back_to_it(chat, upstream, stream):
    """The upstream sees a placeholder and says it again, the client gets its own value."""
    sent = f"{FILLER}note BACK-abcd {FILLER}"
    got = chat(said(sent), stream=stream)
    text = (
        "".join(choice.delta.content or "" for chunk in got for choice in chunk.choices)
        if stream
        else got.choices[0].message.content
    )

    assert "BACK-" not in json.dumps(upstream.requests)
    assert "MASKED_PROJECT_" in json.dumps(upstream.requests)
    assert text == sent


def test_a_denied_streamed_chat_ends_in_an_error(chat, upstream):
    """The word never arrives."""
    upstream.answer = f"{FILLER}so DENYME it is {FILLER}"
    seen, error = until_it_ends(chat, said("x"))

    assert "denied by word" in str(error)
    assert "DENYME" not in seen


SYSTEM = [{"type": "text", "text": "You are an agent", "cache_control": {"type": "ephemeral"}}]
TOOLS = [{"name": "Bash", "description": "run", "input_schema": {"type": "object", "properties": {}}}]


def agent(asked, answered):
    """A turn of a coding agent."""
    return [
        {"role": "user", "content": [{"type": "text", "text": "read it"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "ok"},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": f"grep {asked}"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"OWNER={answered}"},
                {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ]


def test_an_agents_turn_passes_unchanged(claude, upstream):
    """System blocks, tools, cache markers and tool results arrive as they were sent."""
    answer = claude(agent("x", "y"), system=SYSTEM, tools=TOOLS)

    ((_, body),) = upstream.requests
    assert body["messages"] == agent("x", "y")
    assert body["system"] == SYSTEM
    assert answer.content[1].input == {"command": "echo  go on"}


def test_a_masked_tool_result_is_put_where_it_came_from(claude, upstream):
    """A mask of text alone changes nothing else of the turn."""
    claude(agent("x", MAIL), system=SYSTEM, tools=TOOLS)

    ((_, body),) = upstream.requests
    placeholder = body["messages"][2]["content"][0]["content"].removeprefix("OWNER=")
    assert placeholder.startswith("MASKED_EMAIL_ADDRESS_")
    assert body["messages"] == agent("x", placeholder)


def test_masked_arguments_of_an_agents_turn(claude, upstream):
    """The input of a former tool call is masked too, by the same placeholder."""
    claude(agent(MAIL, MAIL), system=SYSTEM, tools=TOOLS)

    ((_, body),) = upstream.requests
    sent = json.dumps(body)
    assert MAIL not in sent
    assert body["messages"][1]["content"][1]["input"]["command"].startswith("grep MASKED_EMAIL_ADDRESS_")
    assert body["system"] == SYSTEM


def test_anthropic_responses_and_denials(claude, upstream):
    """Text is masked, a tool call is denied instead, a denied request is an error of the protocol."""
    upstream.answer, upstream.calls = f"write to {MAIL}", False
    assert claude(said("x")).content[0].text.startswith("write to MASKED_EMAIL_ADDRESS_")

    upstream.calls = True
    with pytest.raises(anthropic.BadRequestError):
        claude(said("x"))
    upstream.reset()
    with pytest.raises(anthropic.BadRequestError, match="denied by word"):
        claude(said("DENYME"))
    assert upstream.requests == []


def test_a_streamed_message_with_a_mask_is_stopped_where_masks_are_blocked(claude, upstream):
    """The proxy drops masks of streamed messages; with the header the stream ends in an error."""
    upstream.answer = f"one two three write to {MAIL} soon {FILLER}"
    seen, error = until_it_ends(claude, said("x"), extra_body={"guardrails": ["blocking"]})

    assert "denied by mail" in str(error)
    assert MAIL not in seen


def test_a_streamed_message_is_not_masked_without_the_header(claude, upstream):
    """The limit that the page tells of: here the value reaches the client."""
    upstream.answer = f"write to {MAIL} soon"
    seen, error = until_it_ends(claude, said("x"))

    assert error is None
    assert MAIL in seen


@pytest.mark.parametrize("guardrail", ["down", "slow", "wrong key"])
def test_a_failing_guard_closes_the_gate(chat, claude, upstream, guardrail):
    """Nothing passes while the service cannot be asked."""
    more = {"extra_body": {"guardrails": [guardrail]}}
    with pytest.raises(openai.APIStatusError):
        chat(said("hello"), **more)
    with pytest.raises(anthropic.APIStatusError):
        claude(said("hello"), **more)

    assert upstream.requests == []


def guarded(name):
    """A request that one more guardrail of the proxy looks at."""
    return {"extra_body": {"guardrails": [name]}}


@pytest.mark.parametrize("name", ["presidio", "lakera", "bedrock"])
def test_drop_ins_mask(chat, upstream, name):
    """The proxy's clients of other products take our answer for theirs and mask by it."""
    chat(said("to dropin-abcd now"), **guarded(name))

    ((_, body),) = upstream.requests
    text = body["messages"][0]["content"]
    assert text.startswith("to ")
    assert text.endswith(" now")
    assert "dropin-abcd" not in text
    assert len(text) > len("to  now")


@pytest.mark.parametrize("name", ["lakera", "bedrock", "moderations", "azure", "shield"])
def test_drop_ins_deny(chat, upstream, name):
    """They deny by it too, and let pass what is allowed."""
    assert chat(said("hello"), **guarded(name)).choices[0].message.content == "hello"
    upstream.reset()
    with pytest.raises(openai.APIStatusError):
        chat(said("so DROPINDENY it is"), **guarded(name))

    assert upstream.requests == []


BOTO3 = """
import boto3, json, sys
client = boto3.client("bedrock-runtime", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id=sys.argv[2], aws_secret_access_key="any")
answer = client.apply_guardrail(guardrailIdentifier="gid", guardrailVersion="1", source="INPUT",
                                content=[{"text": {"text": one}} for one in sys.argv[3:]])
del answer["ResponseMetadata"]
print(json.dumps(answer))
"""


@pytest.mark.usefixtures("litellm")
def test_bedrock_through_boto3(guard):
    """AWS's own client signs the request and reads the answer, units and all."""
    python = ROOT / ".venv-litellm/bin/python"

    def apply(*texts):
        command = [python, "-c", BOTO3, f"{guard[0]}/compat/bedrock", KEY, *texts]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    assert apply("hello")["action"] == "NONE"
    masked = apply("one", f"to {MAIL}")
    assert masked["action"] == "GUARDRAIL_INTERVENED"
    assert masked["outputs"][1]["text"].startswith("to MASKED_EMAIL_ADDRESS_")
    assert apply("DENYME")["assessments"][0]["topicPolicy"]["topics"][0]["action"] == "BLOCKED"


def test_the_service_wrote_no_value(chat, guard):
    """After an exchange with a marked value, none of the service's output holds it."""
    chat(said(MAIL))
    written = guard[1].read_text()

    assert '"dialect":"litellm"' in written
    assert MAIL not in written
    assert KEY not in written
