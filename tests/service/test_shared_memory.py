"""A memory shared through a real Redis: what one process found out another need not."""

import datetime as dt
import json
import time
from pathlib import Path

import msgspec
import pytest
import redis
import servers
from litestar.testing import TestClient
from stores import until, valkey

from guardrails.bodies.detect import Traits
from guardrails.detectors.base import Deadline
from guardrails.engine import Block, Engine, Known, Sighting
from guardrails.masking import Keys
from guardrails.model import Address, Context, Hit, Hook, Kind, Role, Verdict
from guardrails.policy.compile import load_set
from guardrails.policy.policyset import Seen
from service.app import create_app
from service.settings import Settings, SettingsError
from service.shared_memory import SharedMemory

POLICIES = Path(__file__).resolve().parents[2] / "policies"
KEYS = Keys(b"k" * 40)
SIGHTING = Sighting(
    Address("/messages/0/content"),
    Role.USER,
    Kind.TEXT,
    Seen({0: (Hit(3, 9, "EMAIL_ADDRESS", 1.0, "source", "pattern"),)}, {}),
)
VALUES = {
    b"k" * 32: Known(2, 40, (SIGHTING,)),
    b"b" * 32: Block(3, 90, ((1, Known(1, 20, (SIGHTING,))),), True),
    b"t" * 32: Traits(frozenset({"user"}), frozenset({"text"})),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with valkey(tmp_path_factory.mktemp("store")) as port:
        yield port


@pytest.fixture
def client(store):
    with redis.Redis(port=store) as made:
        made.flushall()
        yield made


def memory(port, keys=KEYS):
    return SharedMemory(1_000_000, f"redis://127.0.0.1:{port}/0", keys)


def filled(port, client):
    first = memory(port)
    for key, value in VALUES.items():
        first.put(key, value, 100)
    until(lambda: client.dbsize() == len(VALUES))


def test_what_one_process_knows_another_learns(store, client):
    """Every sort of entry comes through the store as it was, and only when it is fetched."""
    filled(store, client)
    other = memory(store)
    assert all(other.get(key) is None for key in VALUES)
    other.fetch(list(VALUES))

    assert {key: other.get(key) for key in VALUES} == VALUES


def test_nobody_can_make_a_message_pass_by_writing_to_the_store(store, client):
    """An entry that was forged, moved to another key or cut, or made under another secret, is not known."""
    filled(store, client)
    genuine = {key: client.get(key) for key in VALUES}
    forged = {
        b"1" * 32: b"\0" * 16 + b"B" + msgspec.msgpack.encode(Block(1, 1, (), True)),
        b"2" * 32: genuine[b"b" * 32],
        b"3" * 32: genuine[b"b" * 32][:20],
        b"4" * 32: b"",
    }
    client.mset(forged)
    other = memory(store)
    other.fetch([*forged])
    stranger = memory(store, Keys(b"s" * 40))
    stranger.fetch([*VALUES])

    assert all(other.get(key) is None for key in forged)
    assert all(stranger.get(key) is None for key in VALUES)


def test_without_its_store_a_memory_is_that_of_its_process():
    """A store that is away costs one short wait, then nothing for a while; what is known here stays."""
    alone = memory(servers.free_port())
    alone.fetch([b"x" * 32])
    started = time.perf_counter()
    for number in range(100):
        alone.fetch([number.to_bytes(32)])
    alone.put(b"y" * 32, VALUES[b"t" * 32], 100)

    assert time.perf_counter() - started < 1
    assert alone.failures == 1
    assert alone.get(b"y" * 32) == VALUES[b"t" * 32]


def test_another_replica_judges_what_the_first_has_seen(store, client):
    """A conversation that one replica judged costs the other no detection, and is masked alike."""
    policies = load_set([POLICIES])
    said = [f"step {number}: mail user{number % 3}@example.com about it" for number in range(60)]
    body = {"model": "m", "messages": [{"role": "user", "content": text} for text in said]}
    data = json.dumps(body).encode()

    def judged(engine):
        return engine.judge_json(
            data, Hook.REQUEST, Context(), deadline=Deadline.after(60), today=dt.date(2026, 1, 1)
        )

    first = judged(Engine(policies, KEYS, memory(store)))
    until(lambda: client.dbsize() > 60)
    time.sleep(0.2)
    looked = []
    second = Engine(policies, KEYS, memory(store))
    original = policies.look
    policies.look = lambda text, *rest, **more: looked.append(text) or original(text, *rest, **more)
    again = judged(second)

    assert first.decision.verdict is Verdict.MASK
    assert bytes(again.body) == bytes(first.body)
    # What is masked is judged once more; nothing of what was sent is.
    assert not set(looked) & set(said)


def test_the_service_says_what_a_shared_memory_needs(tmp_path, store):
    """Without a secret, or with an address that is none, the service does not start; with both it does."""
    for settings in (
        Settings(policies=str(POLICIES), shared_memory=f"redis://127.0.0.1:{store}/0"),
        Settings(policies=str(POLICIES), shared_memory="nonsense", secret="s" * 40),
        Settings(policies=str(POLICIES), shared_memory="redis://h/0", secret="s" * 40, memory_bytes=0),
    ):
        with pytest.raises(SettingsError, match="shared_memory"):
            create_app(settings)
    working = Settings(policies=str(POLICIES), shared_memory=f"redis://127.0.0.1:{store}/0", secret="s" * 40)
    with TestClient(create_app(working)) as http:
        body = {"messages": [{"role": "user", "content": "mail ada@example.com"}]}
        for _ in range(2):
            assert http.post("/v1/hooks/before-request", json={"body": body}).json()["verdict"] == "mask"
        assert 'guardrails_memory_lookups{outcome="store_failure"} 0.0' in http.get("/metrics").text
