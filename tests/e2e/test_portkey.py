"""The real Portkey gateway, driven by the real SDKs, with the real service as its webhook guardrail."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
import pytest

KEY = "the end-to-end key"
MAIL = "grace.unmistakable@example.com"


class Gateway:
    """Clients of the gateway whose guardrail is at `url`."""

    def __init__(self, portkey, upstream, url, *, deny=True, closed=True, timeout=5000):
        hook = {
            "default.webhook": {
                "webhookURL": url,
                "headers": {"x-api-key": KEY},
                "timeout": timeout,
                "failOnError": closed,
            },
            "deny": deny,
        }
        self._config = {
            "api_key": "sk-test",
            "custom_host": f"http://127.0.0.1:{upstream.port}/v1",
            "input_guardrails": [hook],
            "output_guardrails": [hook],
        }
        self._portkey = portkey
        self._clients = []

    def close(self):
        """Closes the clients' connections."""
        for client in self._clients:
            client.close()

    def _kept(self, client):
        self._clients.append(client)
        return client

    def _headers(self, provider):
        return {
            "x-portkey-config": json.dumps({"provider": provider, **self._config}),
            "x-portkey-metadata": json.dumps({"_user": "alice", "team": "blue"}),
        }

    def openai(self):
        client = openai.OpenAI(
            api_key="x",
            base_url=f"{self._portkey}/v1",
            default_headers=self._headers("openai"),
            max_retries=0,
            timeout=20,
        )
        return self._kept(client)

    def anthropic(self):
        client = anthropic.Anthropic(
            api_key="x",
            base_url=self._portkey,
            default_headers=self._headers("anthropic"),
            max_retries=0,
            timeout=20,
        )
        return self._kept(client)


@pytest.fixture
def gateways(portkey, upstream):
    """Makes gateways with a guardrail at a URL, and closes their clients."""
    upstream.reset()
    made = []

    def make(url, **more):
        made.append(Gateway(portkey, upstream, url, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def gateway(gateways, guard):
    """Makes gateways whose guardrail is the service."""
    return lambda **more: gateways(f"{guard[0]}/v1/gateways/portkey", **more)


TOOLS = [
    {"type": "function", "function": {"name": "mail", "parameters": {"type": "object", "properties": {}}}}
]


def conversation(text):
    return [
        {"role": "system", "content": "be nice"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "mail", "arguments": '{ "to": "%s" }' % text},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": f"sent to {text}"},
        {"role": "user", "content": [{"type": "text", "text": f"and again to {text}"}]},
    ]


def test_an_allowed_chat_passes_unchanged_both_ways(gateway, upstream):
    """The upstream receives the same JSON, the client the upstream's answer."""
    messages = conversation("nobody")
    answer = (
        gateway().openai().chat.completions.create(model="m", messages=messages, tools=TOOLS, temperature=0.5)
    )

    ((_, body),) = upstream.requests
    assert body == {"model": "m", "messages": messages, "tools": TOOLS, "temperature": 0.5}
    assert answer.choices[0].message.content == "and again to nobody"


def test_a_masked_chat_hides_every_copy_and_keeps_the_rest(gateway, upstream):
    """Arguments, tool results and text are masked alike; ids, tools and white space stay."""
    gateway().openai().chat.completions.create(model="m", messages=conversation(MAIL), tools=TOOLS)

    ((_, body),) = upstream.requests
    placeholder = body["messages"][2]["content"].removeprefix("sent to ")
    assert placeholder.startswith("MASKED_EMAIL_ADDRESS_")
    assert body == {"model": "m", "messages": conversation(placeholder), "tools": TOOLS}


def test_a_response_is_masked(gateway, upstream):
    """An address that only the model knows does not reach the client."""
    upstream.answer = f"write to {MAIL}"
    answer = (
        gateway().openai().chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    )

    assert answer.choices[0].message.content.startswith("write to MASKED_EMAIL_ADDRESS_")


def test_a_denied_request_never_reaches_the_upstream(gateway, upstream):
    """The client gets 446."""
    with pytest.raises(openai.APIStatusError) as caught:
        gateway().openai().chat.completions.create(
            model="m", messages=[{"role": "user", "content": "DENYME"}]
        )

    assert caught.value.status_code == 446
    assert upstream.requests == []


def test_a_denied_response_never_reaches_the_client(gateway, upstream):
    """The client gets 446 and not the text."""
    upstream.answer = "so DENYME it is"
    with pytest.raises(openai.APIStatusError) as caught:
        gateway().openai().chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

    assert caught.value.status_code == 446
    assert "DENYME" not in caught.value.response.text


def test_without_deny_the_gateway_only_marks(gateway, upstream):
    """`deny: false` lets the exchange pass with status 246."""
    client = gateway(deny=False).openai()
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": "DENYME"}]
    )

    assert raw.status_code == 246
    assert len(upstream.requests) == 1


def test_a_streamed_chat_is_masked_on_its_way_in(gateway, upstream):
    """The request is masked; the stream itself passes."""
    chunks = list(
        gateway()
        .openai()
        .chat.completions.create(model="m", messages=[{"role": "user", "content": f"hi {MAIL}"}], stream=True)
    )

    assert "MASKED_EMAIL_ADDRESS_" in upstream.requests[0][1]["messages"][0]["content"]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.startswith("hi MASKED_EMAIL_ADDRESS_")


def test_embeddings_are_masked_and_denied(gateway, upstream):
    """The input of an embedding is judged like a message."""
    client = gateway().openai()
    client.embeddings.create(model="e", input=[f"mail {MAIL}", "x"], encoding_format="float")
    assert upstream.requests[0][1]["input"][0].startswith("mail MASKED_EMAIL_ADDRESS_")

    with pytest.raises(openai.APIStatusError):
        client.embeddings.create(model="e", input="DENYME", encoding_format="float")


def messages(text):
    return [
        {"role": "user", "content": [{"type": "text", "text": f"read {text}"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": f"echo {text}"}}
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"OWNER={text}"},
                {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ]


SYSTEM = [{"type": "text", "text": "You are an agent", "cache_control": {"type": "ephemeral"}}]


def test_anthropic_messages_are_masked_in_tools_and_results(gateway, upstream):
    """Tool input and output are masked; system blocks and cache markers stay."""
    answer = (
        gateway().anthropic().messages.create(model="m", max_tokens=9, system=SYSTEM, messages=messages(MAIL))
    )

    ((_, body),) = upstream.requests
    placeholder = body["messages"][2]["content"][0]["content"].removeprefix("OWNER=")
    assert placeholder.startswith("MASKED_EMAIL_ADDRESS_")
    assert body == {"model": "m", "max_tokens": 9, "system": SYSTEM, "messages": messages(placeholder)}
    assert answer.content[1].input == {"command": "echo  go on"}


def test_anthropic_responses_and_denials(gateway, upstream):
    """A tool call in the response is masked; a denied request is an error."""
    client = gateway().anthropic()
    upstream.answer = MAIL
    answer = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert answer.content[1].input["command"].startswith("echo MASKED_EMAIL_ADDRESS_")

    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "DENYME"}])
    assert caught.value.status_code == 446


def test_a_streamed_anthropic_message_is_masked_on_its_way_in(gateway, upstream):
    """The request is masked and the event stream arrives whole."""
    with (
        gateway()
        .anthropic()
        .messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": f"hi {MAIL}"}]
        ) as stream
    ):
        text = "".join(stream.text_stream)

    assert text.startswith("hi MASKED_EMAIL_ADDRESS_")


@pytest.fixture
def broken():
    """A guardrail that answers 500, or too late."""
    seconds = [0.0]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            time.sleep(seconds[0])
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", seconds
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("failure", ["answers 500", "is slow", "is down"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_failing_guard_closes_the_gate_with_fail_on_error_only(gateways, upstream, broken, failure, closed):
    """With `failOnError` a failing guard stops the call; without it the call passes unguarded."""
    url, seconds = broken
    seconds[0] = 1.0 if failure == "is slow" else 0.0
    url = "http://127.0.0.1:9/" if failure == "is down" else url
    client = gateways(url, closed=closed, timeout=300).openai()
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}

    if closed:
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**body)
        assert caught.value.status_code == 446
        assert upstream.requests == []
    else:
        assert client.chat.completions.create(**body).choices[0].message.content == "hello"


def test_the_service_wrote_no_value(gateway, guard):
    """After an exchange with a marked value, none of the service's output holds it."""
    gateway().openai().chat.completions.create(model="m", messages=[{"role": "user", "content": MAIL}])
    written = guard[1].read_text()

    assert '"verdict":"mask"' in written
    assert MAIL not in written
    assert KEY not in written
