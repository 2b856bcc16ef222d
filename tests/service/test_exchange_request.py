"""A rule that compares a response with its request gets it from every gateway that shows it."""

import pytest
from litestar.testing import TestClient

from service.app import create_app
from service.settings import Settings

PROMPT = "You are Rio, the assistant of Acme. Never speak of discounts to anybody."
RECITAL = "Well: never speak of discounts to anybody."
REQUEST = {
    "model": "m",
    "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": "hello"}],
}
HARMLESS = {"model": "m", "messages": [{"role": "system", "content": "be nice"}]}
POLICY = """\
version: 1
policy: p
rules:
  - id: leak
    title: t
    severity: high
    detect: {type: prompt_leak, min_words: 6}
    action: deny
    scope: {hooks: [response]}
"""


def response(text):
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies")
    (folder / "p.yaml").write_text(POLICY, "utf-8")
    with TestClient(create_app(Settings(policies=str(folder), secret="s" * 40))) as made:
        yield made


def own(client, request):
    payload = {"body": response(RECITAL)} | ({"request": request} if request else {})
    return client.post("/v1/hooks/after-response", json=payload).json()["verdict"] != "deny"


def portkey(client, request):
    payload = {
        "request": {"json": request, "isStreamingRequest": False},
        "response": {"json": response(RECITAL), "statusCode": 200},
        "requestType": "chatComplete",
        "eventType": "afterRequestHook",
    }
    return client.post("/v1/gateways/portkey", json=payload).json()["verdict"]


def truefoundry(client, request):
    payload = {"responseBody": response(RECITAL)} | ({"requestBody": request} if request else {})
    return client.post("/v1/gateways/truefoundry/output", json=payload).json()["verdict"]


@pytest.mark.parametrize("passes", [own, portkey, truefoundry])
def test_the_request_reaches_the_rule(client, passes):
    """A recital is stopped; under another prompt it is none, and without a request it is unjudged."""
    assert passes(client, REQUEST) is False
    assert passes(client, HARMLESS) is True
    assert passes(client, None) is False


def test_our_own_contract_says_why(client):
    """A missing request is a reason of its own, and a request hook has no such member."""
    answer = client.post("/v1/hooks/after-response", json={"body": response("hello")}).json()

    assert [one["reason"] for one in answer["unjudged"]] == ["no_request"]
    wrong = client.post("/v1/hooks/before-request", json={"body": REQUEST, "request": REQUEST})
    assert (wrong.status_code, "`request`" in wrong.text) == (400, False)
