"""The service keeps its own OpenAPI description, whatever is sent."""

import hashlib
import re
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from schemathesis import GenerationMode, checks

from service.app import create_app
from service.dialects import LOOKS, ROUTES
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
KEY = "a test key"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    keys = tmp_path_factory.mktemp("openapi") / "keys.yaml"
    keys.write_text(f"- tenant: acme\n  sha256: {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    # A millisecond's generated message must not be refused for load.
    return create_app(
        Settings(policies=str(ROOT / "policies"), keys_file=str(keys), secret="s" * 40, deadline_seconds=30)
    )


@pytest.fixture(scope="module")
def description(app):
    # With a key the service does not look at the other way to send one: no wrong ones are generated.
    without_keys = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_asgi("/docs/openapi.json", app, config=without_keys)


OPERATIONS = [
    *((route.path.replace(":str", ""), "POST") for route in ROUTES),
    *((look.path, "GET") for look in LOOKS),
    ("/health/live", "GET"),
    ("/health/ready", "GET"),
    ("/metrics", "GET"),
]
DENYING = {route.path.replace(":str", "") for route in ROUTES if route.refused}
"""Routes that answer what cannot be read by a denial, not by a 4xx."""
UNDESCRIBED = {"/compat/presidio/anonymize", "/llm/v1/sanitize", "/llm/v1/sanitize_credentials"}
"""Routes with a 400 for what no schema says: offsets outside a text, members refused, a policy's denial."""


def test_all_operations_are_tried(description):
    """The list above is the description's."""
    described = {(path, method.upper()) for path in description for method in description[path]}

    assert described == set(OPERATIONS)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_one_that_the_description_names(description, path, method, mode, data):
    """Valid or not, what is sent is answered with what is described; never a 500."""
    operation = description[path][method]
    if mode is GenerationMode.NEGATIVE and method == "GET":
        return  # there is nothing to get wrong
    case = data.draw(operation.as_strategy(generation_mode=mode))
    # With a key the service does not ask for one; `test_service` has the 401s.
    excluded = [checks.ignored_auth]
    if path in DENYING:
        excluded.append(checks.negative_data_rejection)
    if path in UNDESCRIBED:
        excluded.append(checks.positive_data_acceptance)
    case.call_and_validate(headers={"x-api-key": KEY}, excluded_checks=excluded)


FREE = {"timings_ms", "score", "why", "fingerprint", "duration", "stream_holdback_chars"}


def shape(value):
    """A JSON value without what differs by installation or improves with the detectors."""
    if isinstance(value, dict):
        return {
            name: type(one) if name in FREE else shape(one)
            for name, one in value.items()
            if one is not None  # the description leaves members that are null out of its examples
        }
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str):
        return re.sub(r"(MASKED_[A-Z_]+_)[0-9A-Z]{16}|(sha256:)[0-9a-f]+", r"\1\2*", value)
    return value


@pytest.mark.parametrize("path", [path for path, method in OPERATIONS if method == "POST"])
def test_the_examples_are_what_is_answered(app, path):
    """The shipped policies answer the example requests by the example answers."""
    with TestClient(app) as client:
        operation = client.get("/docs/openapi.json").json()["paths"][path]["post"]
        given = operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
        answer = operation["responses"]["200"]["content"]["application/json"]["examples"]["example"]["value"]
        url = path.replace("{guardrail}", "g").replace("{version}", "1")
        found = client.post(url, json=given, headers={"x-api-key": KEY}).json()

    assert shape(answer) == shape(found)
