"""One service for the tables of all dialects, and one that never has the time to look."""

import hashlib
import json
import re

import pytest
from litestar.testing import TestClient

from policies import masking_mail
from service.app import create_app
from service.settings import Settings

KEY = "a key of the tables"
POLICY = masking_mail(
    "tables",
    """\
  - id: measured
    title: A word that is only measured
    severity: low
    detect: {type: words, words: [SHADOWED]}
    action: deny
    mode: shadow
""",
)


class Asked:
    """A client that sends JSON with a key, and shows placeholders without their tag."""

    def __init__(self, client):
        self.client = client

    def raw(self, path, content, **headers):
        """The HTTP answer to a body."""
        return self.client.post(path, content=content, headers={"x-api-key": KEY, **headers})

    def __call__(self, path, payload, **headers):
        """The decoded answer of an HTTP 200."""
        answer = self.raw(path, json.dumps(payload), **headers)
        assert answer.status_code == 200, answer.text
        return json.loads(re.sub(r"MASKED_EMAIL_ADDRESS_[0-9A-Z]{16}", "[MAIL]", answer.text))


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "keys").mkdir()
    keys = folder / "keys" / "keys.txt"
    keys.write_text(f"- tenant: acme\n  sha256: {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    made = {"policies": str(folder / "policy.yaml"), "keys_file": str(keys), "secret": "s" * 40}
    return lambda **more: Settings(**made, **more)


@pytest.fixture(scope="session")
def ask(settings):
    with TestClient(create_app(settings(max_body_bytes=100_000, deadline_seconds=30))) as client:
        yield Asked(client)


@pytest.fixture(scope="session")
def late(settings):
    """A service to which the time has always run out: nothing is judged."""
    with TestClient(create_app(settings(deadline_seconds=1e-9))) as client:
        yield Asked(client)


@pytest.fixture(scope="session")
def key():
    return KEY
