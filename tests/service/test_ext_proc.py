"""The external processor's address, and a process that serves there. What it answers: `e2e/test_envoy.py`."""

import asyncio
import signal
import socket

import pytest
import servers
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as proto

from guardrails.cli.serve import serve
from service.assembly import Assembly
from service.extproc.exchange import Exchange
from service.server import serve as start
from service.settings import Settings, SettingsError, ext_proc_address

POLICY = """\
version: 1
policy: one
rules:
  - {id: word, title: A word, severity: high, detect: {type: words, words: [DENYME]}, action: deny}
"""


@pytest.fixture
def policies(tmp_path):
    file = tmp_path / "one.yaml"
    file.write_text(POLICY)
    return str(file)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:8181", ("127.0.0.1", 8181)), ("localhost:1", ("localhost", 1)), ("[::1]:81", ("::1", 81))],
)
def test_an_address_is_a_host_and_a_port(text, address):
    """Brackets around an IPv6 address are no part of it."""
    assert ext_proc_address(Settings(ext_proc=text)) == address


@pytest.mark.parametrize(
    "text", ["8181", ":8181", "localhost", "localhost:0", "localhost:70000", "a:b", "[]:1"]
)
def test_anything_else_is_no_address(text):
    """What cannot be bound is said before anything is served."""
    with pytest.raises(SettingsError, match="`ext_proc` must be an address"):
        ext_proc_address(Settings(ext_proc=text))


def test_without_keys_only_loopback_is_bound(policies):
    """As for HTTP."""
    with pytest.raises(SettingsError, match=r"binding 0\.0\.0\.0 needs API keys"):
        Assembly(Settings(policies=policies, ext_proc="0.0.0.0:8181"))


def test_an_address_in_use_is_an_error(policies):
    """Even where the one that serves there would share it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=r"cannot listen at .*: address already in use"):
            start(Settings(policies=policies, port=0, ext_proc=address))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_process_serves_both_and_ends_when_told(tmp_path, policies, workers):
    """gRPC does not keep a worker from ending, nor the address from being used again."""
    port = servers.free_port()
    for _ in range(2):
        with servers.guard(
            tmp_path, policies, "key", ext_proc=f"127.0.0.1:{port}", workers=workers
        ) as running:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            assert f'"ext_proc":"127.0.0.1:{port}"' in running.written()
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(10) in {0, -signal.SIGTERM}
        assert "error" not in running.written()


def test_the_command_has_the_option_of_the_page():
    """`guardrails serve --ext-proc HOST:PORT`."""
    made = serve.make_context("serve", ["--policies", "policies", "--ext-proc", "127.0.0.1:8181"])

    assert made.params["ext_proc"] == "127.0.0.1:8181"


def headers(half, end_of_stream=False, **named):
    sent = [base_pb2.HeaderValue(key=f":{name}", raw_value=value.encode()) for name, value in named.items()]
    told = proto.HttpHeaders(headers=base_pb2.HeaderMap(headers=sent), end_of_stream=end_of_stream)
    return proto.ProcessingRequest(**{f"{half}_headers": told})


def body(half, data):
    return proto.ProcessingRequest(**{f"{half}_body": proto.HttpBody(body=data, end_of_stream=True)})


BAD = b'{"choices": [{"message": {"role": "assistant", "content": "DENYME"}}]}'
ASKED = b'{"messages": [{"role": "user", "content": "hello"}]}'


@pytest.mark.parametrize(
    "told",
    [
        [body("request", BAD)],
        [headers("response", status="200")],
        [headers("request", path="/v1/chat/completions")],
        [headers("request", method="POST")],
    ],
)
def test_an_envoy_that_does_not_say_what_a_request_is_for_gets_an_error(policies, told):
    """Nothing passes because of a configuration that leaves the headers out."""
    made = Assembly(Settings(policies=policies))
    exchange = Exchange(made, "acme")
    answers = [one for message in told for one in asyncio.run(exchange.take(message))]

    assert [one.immediate_response.status.code for one in answers] == [500]
    assert exchange.over


def test_a_response_whose_status_is_not_sent_is_judged(policies):
    """It may be one that counts."""

    async def answered():
        made = Assembly(Settings(policies=policies))
        async with made.running():
            exchange = Exchange(made, "acme")
            for message in (
                headers("request", method="POST", path="/v1/chat/completions"),
                body("request", ASKED),
                headers("response"),
            ):
                assert not [one for one in await exchange.take(message) if one.HasField("immediate_response")]
            return await exchange.take(body("response", BAD))

    (answer,) = asyncio.run(answered())
    assert answer.immediate_response.status.code == 400
