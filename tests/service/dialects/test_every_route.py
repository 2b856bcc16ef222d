"""What holds for the routes of every dialect."""

import json

import pytest
from litestar.testing import TestClient

from guardrails.model import Context, Hook
from service.app import create_app
from service.dialects import ROUTES, litellm, truefoundry
from service.dialects.route import Call

MAIL = "zelda.unmistakable@example.com"
PATHS = [route.path.replace("{guardrail:str}", "g").replace("{version:str}", "1") for route in ROUTES]


def example(route):
    """The route's documented request, with a marked value and a denied word in it."""
    content = route.operation().request_body.content["application/json"]
    return json.dumps(content.examples["example"].value).replace("ada@example.com", MAIL)


def test_no_value_leaves_by_any_route(settings, key, capfd):
    """Neither answers nor logs hold a value, whether it was masked, denied, malformed or without a key."""
    with TestClient(create_app(settings())) as client:
        for route, path in zip(ROUTES, PATHS, strict=True):
            given = example(route)
            for content in (
                given,
                given.replace(MAIL, f"{MAIL} DENYME"),
                json.dumps({"x": MAIL}),
                f'"{MAIL}"',
                "{" + MAIL,
            ):
                for headers in ({"x-api-key": key}, {"x-api-key": MAIL}):
                    answer = client.post(path, content=content, headers={**headers, "x-request-id": MAIL})
                    assert MAIL not in answer.text, (path, content)
        assert MAIL not in client.get("/metrics").text
    written = capfd.readouterr()

    assert MAIL not in written.out + written.err
    assert written.err.count('"verdict":"mask"') > 10


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_no_route_says_yes(ask, path):
    """A 401, or the dialect's own denial where any other status would be a yes."""
    answer = ask.client.post(path, content=b"{}")

    if answer.status_code == 200:
        assert "unauthorized" in answer.text
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("stream", "unseen"), [({"stream": True}, True), ({"stream": False}, False), ({}, False)]
)
def test_truefoundry_says_what_is_streamed(stream, unseen):
    """A policy with `streams: deny` needs to know."""
    question = truefoundry.read({"requestBody": {"messages": [], **stream}}, Call("acme"), Hook.REQUEST)

    assert question.ask.response_unseen is unseen


def test_identity_is_the_gateways_word():
    """The tenant is the key's, the metadata what the gateway says; the caller's own headers are neither."""
    payload = {
        "input_type": "request",
        "texts": ["x"],
        "model": "m",
        "request_data": {"user_api_key_team_id": "blue", "tenant": "other"},
        "request_headers": {"x-team": "red"},
    }
    context = litellm.read(payload, Call("acme")).ask.context

    assert context == Context(
        tenant="acme", model="m", metadata={"user_api_key_team_id": "blue", "tenant": "other"}
    )
