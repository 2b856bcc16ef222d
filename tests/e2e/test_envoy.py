"""The real SDKs through the real Envoy, set up as its page says, with the real service as its processor."""

import contextlib
import copy
import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import httpx
import pytest
import servers
from inline import MAIL, PATHS, Inline, body, post
from ruamel.yaml import YAML
from streaming import assembled, chat_chunks

from policies import NAMES, masking_mail

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/gateways/envoy.md"
ENVOY = ROOT / ".venv-envoy/lib"
KEY = "the end-to-end key"
POLICY = masking_mail(
    "e2e",
    """\
  - id: route
    title: A word that is forbidden on one route
    severity: high
    detect: {type: words, words: [ROUTEDENY]}
    action: deny
    scope: {tenants: [acme], routes: [assistants], metadata: {xds.cluster_name: [provider]}}
""",
)


def configuration(upstream, guard, duplex=False):
    """The page's configuration with the addresses of this run; its listener, and the filter that asks us."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    config, different, *_ = (YAML(typ="safe", pure=True).load(one) for one in blocks)
    provider, guardrails = config["static_resources"]["clusters"]
    del provider["transport_socket"]
    for cluster, port in ((provider, upstream), (guardrails, guard)):
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    processor = manager["http_filters"][0]["typed_config"]
    if duplex:
        processor |= different
    return config, listener, processor


@contextlib.contextmanager
def envoy(folder, made, key=KEY):
    """Envoy with a configuration; gives its URL."""
    binary = next(iter(ENVOY.glob("python*/site-packages/envoy/_bin/envoy")), None)
    if binary is None:
        reason = "Envoy is not installed: run `make .venv-envoy/.done`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    config, listener, _ = made
    port = servers.free_port()
    listener["address"]["socket_address"]["port_value"] = port
    file = folder / f"envoy-{port}.yaml"
    file.write_text(json.dumps(config))
    with (folder / f"envoy-{port}.log").open("wb") as output:
        process = subprocess.Popen(
            [binary, "-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"],
            env={**os.environ, "GUARDRAILS_KEY": key},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            servers.wait(f"http://127.0.0.1:{port}/v1/models", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            servers.stop(process)


@pytest.fixture(scope="module")
def guard(tmp_path_factory):
    """The service, and the port where it speaks gRPC."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "policies").mkdir()
    (folder / "policies/e2e.yaml").write_text(POLICY)
    port = servers.free_port()
    address = f"127.0.0.1:{port}"
    with servers.guard(folder, folder / "policies", KEY, ext_proc=address, workers=2) as running:
        yield running, port


@pytest.fixture(scope="module", params=["buffered", "duplex"])
def gateway(request, tmp_path_factory, guard, upstream):
    made = configuration(upstream.port, guard[1], duplex=request.param == "duplex")
    with envoy(tmp_path_factory.mktemp("envoy"), made) as url:
        yield url


@pytest.fixture
def url(gateway, upstream):
    upstream.reset()
    return gateway


class TestInline(Inline):
    """What Envoy has in common with the proxy."""


def test_what_is_allowed_passes_as_it_is(url, upstream):
    """Both ways; the client's credentials reach the upstream, and a path that is not judged too."""
    upstream.answer = "all is well"
    asked = body("chat", "nobody", stream=False)
    headers = {"authorization": "Bearer sk-provider"}
    answer = httpx.post(url + PATHS["chat"], json=asked, headers=headers)
    assert answer.json()["choices"][0]["message"]["content"] == "all is well"
    assert upstream.requests == [(PATHS["chat"], asked)]
    (seen,) = upstream.seen
    assert httpx.Headers(seen)["authorization"] == "Bearer sk-provider"

    assert httpx.get(f"{url}/v1/models?limit=2").json() == {"object": "list", "data": []}
    anything = {"purpose": f"fine-tune {MAIL}", "messages": [{"content": "DENYME"}]}
    assert httpx.post(f"{url}/v1/files", json=anything).status_code == 200
    assert upstream.requests[1:] == [("/v1/models?limit=2", None), ("/v1/files", anything)]

    upstream.failure = (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert post(url, "anthropic") == upstream.failure


def test_a_long_conversation_passes(url, upstream):
    """Longer than what Envoy buffers by default, both ways."""
    text = "words and words, " * 90_000 + MAIL
    upstream.answer = text
    answer = httpx.post(url + PATHS["chat"], json=body("chat", text, stream=False), timeout=60)

    assert answer.status_code == 200
    ((_, asked),) = upstream.requests
    masked = asked["messages"][0]["content"]
    assert masked.startswith(text[: -len(MAIL)] + "MASKED_EMAIL_ADDRESS_")
    assert answer.json()["choices"][0]["message"]["content"] == masked


def test_an_answer_that_cannot_be_read_is_refused(url, upstream):
    """Compressed though it was not to be, or no object."""
    upstream.answer = "fine"
    upstream.headers = {"content-encoding": "gzip"}
    assert post(url, "chat", "x")[0] == 502
    upstream.headers = {}
    for unreadable in (b"[1]", b'{"a":'):
        upstream.failure = (200, unreadable)
        assert post(url, "chat", "x")[0] == 502


def test_no_spelling_of_a_path_leads_past_the_rules(url, upstream):
    """Percent escapes, doubled slashes, a slash at the end."""
    for path in ("/v1/ch%61t/completions", "/v1//chat//completions", "/v1/chat/completions/"):
        assert httpx.post(url + path, json=body("chat", "DENYME")).status_code == 400
    assert upstream.requests == []


def test_rules_apply_by_the_keys_tenant_and_envoys_attributes(url, upstream):
    """The route's name and the cluster are Envoy's to say; a client's headers change nothing."""
    assert post(url, "chat", "ROUTEDENY")[0] == 400
    headers = {"x-api-key": "another", "xds.route_name": "another", "x-guardrails-key": "another"}
    answer = httpx.post(url + PATHS["chat"], json=body("chat", "ROUTEDENY"), headers=headers)

    assert answer.status_code == 400
    assert upstream.requests == []


def test_nothing_that_was_said_is_written_to_the_log(url, upstream, guard):
    """Neither values nor credentials; one line for each half of an exchange."""
    running, _ = guard
    upstream.parts = list(chat_chunks([f"to {MAIL}"]))
    headers = {"authorization": "Bearer sk-very-secret"}
    asked = body("chat", f"from {MAIL}")
    answer = httpx.post(url + PATHS["chat"], json=asked, headers=headers, timeout=20)
    asked_as = answer.headers["x-guardrails-request-id"]
    for _ in range(100):  # the line is written once the answer has been sent
        lines = [json.loads(line) for line in running.written().splitlines() if asked_as in line]
        if len(lines) == 2:
            break
        time.sleep(0.05)

    assert [(one["hook"], one["verdict"], one["dialect"], one["tenant"]) for one in lines] == [
        ("request", "mask", "envoy", "acme"),
        ("response", "mask", "envoy", "acme"),
    ]
    assert "unmistakable" not in running.written()
    assert "sk-very-secret" not in running.written()
    metrics = urllib.request.urlopen(f"{running.url}/metrics").read().decode()
    assert 'dialect="envoy"' in metrics


@pytest.mark.parametrize("duplex", [False, True])
def test_when_the_service_is_down_nothing_passes(tmp_path, upstream, duplex):
    """Envoy answers 500 by itself."""
    upstream.reset()
    made = configuration(upstream.port, servers.free_port(), duplex=duplex)
    with envoy(tmp_path, made) as url:
        upstream.reset()
        assert post(url, "chat")[0] == 500
    assert upstream.requests == []


@pytest.mark.parametrize("duplex", [False, True])
def test_when_the_service_is_slow_nothing_passes(tmp_path, upstream, silent, duplex):
    """Envoy gives up after `message_timeout`, in full duplex after `stream_idle_timeout`, and answers 504."""
    made = configuration(upstream.port, int(silent.rpartition(":")[2]), duplex=duplex)
    _, listener, processor = made
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    holder, name = (manager, "stream_idle_timeout") if duplex else (processor, "message_timeout")
    assert holder[name].endswith("s")
    holder[name] = "0.5s"
    with envoy(tmp_path, made) as url:
        upstream.reset()
        assert post(url, "chat")[0] == 504
    assert upstream.requests == []


def test_with_a_wrong_key_nothing_passes(tmp_path, upstream, guard):
    """The service ends the call, which Envoy takes for a failure."""
    with envoy(tmp_path, configuration(upstream.port, guard[1]), key="wrong") as url:
        upstream.reset()
        assert post(url, "chat")[0] == 500
    assert upstream.requests == []


@pytest.mark.parametrize("mode", ["NONE", "STREAMED", "BUFFERED_PARTIAL"])
def test_a_mode_that_does_not_show_bodies_is_refused(tmp_path, upstream, guard, mode):
    """An operator's mistake is an error, not an open gate."""
    made = configuration(upstream.port, guard[1])
    made[2]["processing_mode"]["request_body_mode"] = mode
    with envoy(tmp_path, made) as url:
        upstream.reset()
        status, got = post(url, "chat")
    assert status == 500
    assert b"FULL_DUPLEX_STREAMED" in got
    assert upstream.requests == []


def test_new_policies_hold_for_the_next_exchange(tmp_path, upstream):
    """For requests, and for streams, without a restart."""
    policy = tmp_path / "e2e.yaml"
    policy.write_text(POLICY.replace("DENYME", "ANOTHER"))
    port = servers.free_port()
    with (
        servers.guard(tmp_path, policy, KEY, ext_proc=f"127.0.0.1:{port}", reload_seconds=0.1) as running,
        envoy(tmp_path, configuration(upstream.port, port)) as url,
    ):
        upstream.reset()
        upstream.parts = list(chat_chunks(["DENYME ", "x"]))
        assert b"guardrail" not in post(url, "chat", "DENYME")[1]
        policy.write_text(POLICY)
        for _ in range(100):
            if "policies reloaded" in running.written():
                break
            time.sleep(0.05)
        assert b"stopped by a guardrail" in post(url, "chat")[1]
        assert post(url, "chat", "DENYME")[0] == 400


def test_what_a_request_masked_comes_back_in_its_response(tmp_path, upstream):
    """Whole and streamed, where the rule says so; the upstream sees neither the value nor our header."""
    policy = tmp_path / "e2e.yaml"
    policy.write_text(POLICY.replace("{with: placeholder}", "{with: placeholder, restore: {kinds: [text]}}"))
    port = servers.free_port()
    headers = {"x-guardrails-conversation": "one"}
    for duplex in (False, True):
        with (
            servers.guard(tmp_path, policy, KEY, ext_proc=f"127.0.0.1:{port}"),
            envoy(tmp_path, configuration(upstream.port, port, duplex=duplex)) as url,
        ):
            upstream.reset()
            for stream in (False, True):
                asked = body("chat", f"say {MAIL} twice", stream=stream)
                got = httpx.post(url + PATHS["chat"], json=asked, headers=headers, timeout=20)
                said = (
                    assembled("chat", got.content)[0]
                    if stream
                    else got.json()["choices"][0]["message"]["content"]
                )
                assert said == f"say {MAIL} twice"
            assert MAIL not in json.dumps(upstream.requests)
            assert json.dumps(upstream.requests).count("MASKED_EMAIL_ADDRESS_") == 2
            assert not any("conversation" in name.lower() for seen in upstream.seen for name in seen)


def test_responses_that_cannot_be_judged_refuse_requests_where_the_policy_says_so(tmp_path, upstream):
    """`streams: deny`: for a rule that no stream can be held to, and where Envoy does not send responses."""
    (tmp_path / "e2e.yaml").write_text(POLICY.replace("rules:\n", f"streams: deny\nrules:\n{NAMES}"))
    port = servers.free_port()
    made = configuration(upstream.port, port)
    unseen = copy.deepcopy(configuration(upstream.port, port))
    unseen[2]["processing_mode"]["response_body_mode"] = "NONE"
    with (
        servers.guard(tmp_path, tmp_path / "e2e.yaml", KEY, ext_proc=f"127.0.0.1:{port}") as running,
        envoy(tmp_path, made) as seeing,
        envoy(tmp_path, unseen) as blind,
    ):
        upstream.reset()
        assert post(seeing, "chat")[0] == 400
        assert post(blind, "chat")[0] == 400
        assert upstream.requests == []
        assert httpx.post(seeing + PATHS["chat"], json=body("chat", stream=False)).status_code == 200
        assert "rule not enforced on a stream" in running.written()
