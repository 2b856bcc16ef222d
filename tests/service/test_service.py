"""The service over HTTP: verdicts, refusals, reload, and nothing in clear."""

import hashlib
import json
import re
import shutil
import time
from pathlib import Path

import pytest
from litestar.testing import TestClient

from service.app import create_app
from service.settings import Settings, SettingsError, load, table

ROOT = Path(__file__).resolve().parents[2]
KEY = "a test key"
HEADERS = {"x-api-key": KEY}
MAIL = "zelda.unmistakable@example.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("service")
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    (made / "keys.yaml").write_text(f"- tenant: acme\n  sha256: {digest}\n")
    shutil.copytree(ROOT / "policies", made / "policies")
    return made


def settings(folder, **more):
    return Settings(
        policies=str(folder / "policies"), keys_file=str(folder / "keys.yaml"), secret="s" * 40, **more
    )


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(create_app(settings(folder, max_body_bytes=100_000))) as made:
        yield made


def portkey(text, event="beforeRequestHook", **more):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    return {
        "request": {"json": body, "text": text, "isStreamingRequest": False},
        "response": {"json": {}, "text": "", "statusCode": None},
        "provider": "openai",
        "requestType": "chatComplete",
        "metadata": {"team": "blue"},
        "eventType": event,
        **more,
    }


def test_the_hook_endpoint_masks(client):
    """A chat request with an address comes back with a placeholder, and the finding has no value."""
    body = {"model": "m", "messages": [{"role": "user", "content": f"mail {MAIL} now"}], "stream": True}
    answer = client.post("/v1/hooks/before-request", json={"body": body}, headers=HEADERS)

    assert answer.status_code == 200
    assert answer.json()["verdict"] == "mask"
    assert answer.json()["body"]["messages"][0]["content"].startswith("mail MASKED_EMAIL_ADDRESS_")
    assert answer.json()["body"]["stream"] is True
    assert MAIL not in answer.text


def test_a_response_is_judged_too(client):
    """After the response, an address in the assistant's text is masked."""
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": MAIL}}]}
    answer = client.post("/v1/hooks/after-response", json={"body": body}, headers=HEADERS)

    assert answer.json()["verdict"] == "mask"


@pytest.mark.parametrize(
    ("text", "verdict", "transformed"),
    [("hello", True, False), (f"mail {MAIL}", True, True), ("hid\U000e0068\U000e0069den", False, False)],
)
def test_portkey_gets_its_own_shape(client, text, verdict, transformed):
    """Allow, mask and deny are all 200; only a mask carries the whole body."""
    answer = client.post("/v1/gateways/portkey", json=portkey(text), headers=HEADERS)

    assert answer.status_code == 200
    assert answer.json()["verdict"] is verdict
    assert ("transformedData" in answer.json()) is transformed


def test_a_streamed_response_is_answered_at_once(client):
    """Portkey sends no body after a streamed call; the verdict is true."""
    payload = portkey("x", "afterRequestHook", response={"json": None, "text": "", "statusCode": 200})
    payload["request"]["isStreamingRequest"] = True
    answer = client.post("/v1/gateways/portkey", json=payload, headers=HEADERS)

    assert answer.json()["verdict"] is True


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"not json", 400),
        (b"[1]", 400),
        (b'{"body": 1, "other": 2}', 400),
        (b"{}", 400),
        (b'{"body": {}, "format": "x"}', 400),
        (b'{"body": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400),
        (b'{"body": "' + b"x" * 100_001 + b'"}', 413),
        (b"\xff\xfe", 400),
    ],
)
def test_bad_input_is_a_clear_problem(client, content, status):
    """Malformed and oversized payloads get problem details; Portkey, which would let them pass, a denial."""
    answer = client.post("/v1/hooks/before-request", content=content, headers=HEADERS)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]

    answer = client.post("/v1/gateways/portkey", content=content, headers=HEADERS)
    assert answer.status_code == 200
    assert answer.json()["verdict"] is False


def test_deep_nesting_is_unjudged_and_denied(client):
    """A body nested deeper than is read is not allowed by accident."""
    body = {"messages": [{"role": "user", "content": json.loads("[" * 400 + '"x"' + "]" * 400)}]}
    answer = client.post("/v1/hooks/before-request", json={"body": body}, headers=HEADERS)

    assert answer.json()["verdict"] == "deny"
    assert answer.json()["unjudged"][0]["reason"] == "too_deep"


def test_a_lone_surrogate_and_nul_are_judged(client):
    """What JavaScript sends of a cut emoji does not stop the judging."""
    content = (
        b'{"body": {"messages": [{"role": "user", "content": "\\ud83d\\u0000 ' + MAIL.encode() + b'"}]}}'
    )
    answer = client.post("/v1/hooks/before-request", content=content, headers=HEADERS)

    assert answer.status_code == 200
    assert answer.json()["verdict"] == "mask"
    assert answer.json()["body"]["messages"][0]["content"].startswith("\ud83d\x00 MASKED_")


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
def test_no_known_key_is_401(client, headers):
    """Without a known key there is no verdict."""
    answer = client.post("/v1/hooks/before-request", json={"body": {}}, headers=headers)

    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


def test_a_bearer_token_is_a_key(client):
    """The key may come as a bearer token."""
    headers = {"authorization": f"Bearer {KEY}"}

    assert client.post("/v1/hooks/before-request", json={"body": {}}, headers=headers).status_code == 200


def test_trace_context_and_request_id_are_carried(client):
    """The caller's trace goes on with a new span; its request id comes back."""
    given = {
        "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "x-request-id": "ab" * 16,
    }
    answer = client.post("/v1/hooks/before-request", json={"body": {}}, headers={**HEADERS, **given})

    assert answer.headers["x-request-id"] == "ab" * 16
    assert answer.headers["traceparent"].split("-")[1] == "0123456789abcdef0123456789abcdef"
    assert answer.headers["traceparent"].split("-")[2] != "0123456789abcdef"


def test_health_metrics_and_openapi_answer(client):
    """Liveness, readiness, metrics and the API description need no key."""
    assert client.get("/health/live").json()["status"] == "ok"
    assert client.get("/health/ready").json()["ready"] is True
    assert b"guardrails_verdicts_total" in client.get("/metrics").content
    paths = client.get("/docs/openapi.json").json()["paths"]
    assert {"/v1/hooks/before-request", "/v1/hooks/after-response", "/v1/gateways/portkey"} <= set(paths)


def test_reload_is_atomic_and_keeps_the_last_good_set(folder, tmp_path):
    """A changed folder is read again; one that does not load, or is gone, changes nothing but readiness."""
    policies = tmp_path / "policies"
    shutil.copytree(folder / "policies", policies)
    made = settings(folder, reload_seconds=0.05)
    app = create_app(
        Settings(
            **{**{name: getattr(made, name) for name in made.__struct_fields__}, "policies": str(policies)}
        )
    )

    def wait(client, name):
        for _ in range(200):
            state = client.get("/health/ready").json()
            if state[name]:
                return state
            time.sleep(0.05)
        raise AssertionError(f"{name} stayed empty")

    with TestClient(app) as client:
        before = client.get("/health/ready").json()
        (policies / "content.yaml").write_text("version: 2\n")
        broken = wait(client, "reload_failures")
        assert broken["policy"] == before["policy"]
        assert "content.yaml" in broken["problem"]
        (policies / "content.yaml").unlink()
        assert wait(client, "reloads")["policy"] != before["policy"]
        shutil.rmtree(policies)
        for _ in range(100):
            time.sleep(0.05)
            if client.get("/health/ready").json()["problem"]:
                break
        answer = client.post("/v1/gateways/portkey", json=portkey(MAIL), headers=HEADERS)
        assert "transformedData" in answer.json()


def test_nothing_in_clear_is_ever_written(folder, capfd):
    """No value, key or body is in what the service writes, whatever the path."""
    with TestClient(create_app(settings(folder))) as client:
        for content in (
            json.dumps(portkey(MAIL)).encode(),
            b"{" + MAIL.encode(),
            json.dumps({MAIL: MAIL}).encode(),
        ):
            for path in ("/v1/gateways/portkey", "/v1/hooks/before-request", f"/{MAIL}"):
                headers = {**HEADERS, "x-request-id": MAIL, "traceparent": MAIL}
                answer = client.post(path, content=content, headers=headers)
                assert MAIL not in answer.text
        client.post("/v1/hooks/before-request", content=b"{}", headers={"x-api-key": MAIL})
        assert MAIL not in client.get("/metrics").text
    written = capfd.readouterr()

    assert MAIL not in written.out + written.err
    assert KEY not in written.out + written.err
    assert '"verdict":"mask"' in written.err


def test_settings_come_from_the_environment_and_wrong_ones_are_named():
    """A value of the wrong kind or an unknown name is an error that names the setting, not the value."""
    assert load({"GUARDRAILS_PORT": "9000"}).port == 9000
    with pytest.raises(SettingsError, match="`port`"):
        load({"GUARDRAILS_PORT": "many"})
    with pytest.raises(SettingsError, match="GUARDRAILS_PROT"):
        load({"GUARDRAILS_PROT": "1"})
    assert all(f"GUARDRAILS_{name.upper()}" in table() for name in Settings.__struct_fields__)


def test_an_open_service_binds_loopback_only(folder):
    """Without API keys any other address is refused."""
    with pytest.raises(SettingsError, match="keys_file"):
        create_app(Settings(policies=str(folder / "policies"), host="0.0.0.0"))


def test_the_docs_page_needs_nothing_from_elsewhere(client):
    """Every script, style and picture of the page is served by the service itself."""
    page = client.get("/docs").text
    links = re.findall(r"""(?:src|href)=["']([^"']+)""", page)

    assert any(link.endswith(".js") for link in links)
    for link in links:
        assert link.startswith("/docs/")
        assert client.get(link).status_code == 200
