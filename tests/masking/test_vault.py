"""The vault, over its file and over a real Redis: sealed, bound to its conversation, expiring, erasable."""

import multiprocessing
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import servers
from stores import valkey

from guardrails.masking import Kept, Keys
from guardrails.masking.vault import PURGE_SECONDS, Size, SqliteStore, Vault, VaultError
from service.vault import ValkeyStore

KEYS = Keys(b"k" * 40)
VALUE = "zelda.unmistakable@example.com"
KEPT = {
    "MASKED_A_1": Kept(VALUE, "EMAIL_ADDRESS", ("mail", "other")),
    "MASKED_B_2": Kept("naïve 🦜\ud83d", "X", ("mail",)),
}
NOW = 1_000_000.0


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with valkey(tmp_path_factory.mktemp("store")) as port:
        yield port


@pytest.fixture(params=["file", "server"])
def store(request, tmp_path):
    if request.param == "file":
        return SqliteStore(tmp_path / "new" / "vault.sqlite")
    port = request.getfixturevalue("port")
    with redis.Redis(port=port) as client:
        client.flushall()
    return ValkeyStore(f"redis://127.0.0.1:{port}/0")


@pytest.fixture
def vault(store):
    return Vault(store, KEYS, 60)


def test_what_is_kept_is_found_by_its_tenant_and_conversation_only(vault):
    """Neither another tenant nor another conversation gets a value."""
    vault.keep("acme", "c1", KEPT, NOW)

    assert vault.find("acme", "c1", NOW) == KEPT
    assert vault.find("acme", "c2", NOW) == {}
    assert vault.find("other", "c1", NOW) == {}


def test_a_later_turn_adds_to_a_conversation(vault):
    """Values of earlier turns stay, and what is sent again is renewed."""
    first, second = ({name: one} for name, one in KEPT.items())
    vault.keep("acme", "c1", first, NOW)
    vault.keep("acme", "c1", second, NOW)
    vault.keep("acme", "c1", {"MASKED_A_1": Kept("new", "X", ("x",))}, NOW)

    assert vault.find("acme", "c1", NOW) == {**KEPT, "MASKED_A_1": Kept("new", "X", ("x",))}


def test_a_value_sealed_for_one_place_opens_at_no_other(store, vault):
    """Who can write to the store cannot move a value to another tenant, conversation or placeholder."""
    vault.keep("acme", "c1", KEPT, NOW)
    owner, place = vault._owner("acme"), vault._place("acme", "c1")
    genuine = store.get(owner, place, NOW)["MASKED_A_1"]
    store.put(vault._owner("other"), vault._place("other", "c1"), {"MASKED_A_1": genuine}, NOW, 60)
    store.put(owner, vault._place("acme", "c2"), {"MASKED_A_1": genuine}, NOW, 60)
    forged = {
        "MASKED_C_3": genuine,
        "MASKED_D_4": b"",
        "MASKED_E_5": genuine[:-1] + b"\0",
        "MASKED_F_6": b"x" * 60,
    }
    store.put(owner, place, forged, NOW, 60)

    assert vault.find("other", "c1", NOW) == vault.find("acme", "c2", NOW) == {}
    assert vault.find("acme", "c1", NOW) == KEPT
    assert Vault(store, Keys(b"s" * 40), 60).find("acme", "c1", NOW) == {}


def test_the_same_value_is_never_sealed_to_the_same_bytes(store, vault):
    """Each seal has a nonce of its own."""
    sealed = set()
    for _ in range(20):
        vault.keep("acme", "c1", KEPT, NOW)
        sealed.add(store.get(vault._owner("acme"), vault._place("acme", "c1"), NOW)["MASKED_A_1"])

    assert len({one[:12] for one in sealed}) == 20


@pytest.mark.parametrize(
    ("tenant", "conversation", "erased", "left"),
    [
        ("acme", "c1", 2, [("acme", "c2"), ("other", "c1")]),
        ("acme", None, 4, [("other", "c1")]),
        (None, None, 6, []),
        ("nobody", None, 0, [("acme", "c1"), ("acme", "c2"), ("other", "c1")]),
    ],
)
def test_what_is_forgotten_is_gone(vault, tenant, conversation, erased, left):
    """One conversation, one tenant or all; the rest stays."""
    everything = [("acme", "c1"), ("acme", "c2"), ("other", "c1")]
    for one in everything:
        vault.keep(*one, KEPT, NOW)

    assert vault.size(None, NOW) == Size(3, 6)
    assert vault.forget(tenant, conversation) == erased
    assert [one for one in everything if vault.find(*one, NOW)] == left
    assert vault.size(None, NOW) == Size(len(left), 2 * len(left))


def test_values_of_a_file_expire_and_are_purged(tmp_path):
    """Nothing is given out after its time; `purge` erases it, and so does writing every now and then."""
    file = tmp_path / "vault.sqlite"
    vault = Vault(SqliteStore(file), KEYS, 60)
    vault.keep("acme", "c1", KEPT, NOW)

    assert vault.find("acme", "c1", NOW + 59) == KEPT
    assert vault.find("acme", "c1", NOW + 60) == {}
    assert vault.size("acme", NOW + 60) == Size(0, 0)
    assert vault.purge(NOW + 59) == 0
    assert vault.purge(NOW + 60) == 2
    vault.keep("acme", "c1", KEPT, NOW)
    vault.keep("acme", "c2", KEPT, NOW + PURGE_SECONDS + 1)
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT COUNT(*) FROM kept").fetchone() == (2,)


def test_values_at_a_server_expire(port):
    """The server erases a conversation by itself, counted from when it was last written to."""
    vault = Vault(ValkeyStore(f"redis://127.0.0.1:{port}/0"), KEYS, 1)
    vault.keep("acme", "short", KEPT, time.time())
    assert vault.find("acme", "short", time.time()) == KEPT
    time.sleep(1.2)

    assert vault.find("acme", "short", time.time()) == {}
    assert vault.purge(time.time()) == 0


def test_neither_values_nor_names_are_readable_at_rest(tmp_path):
    """In the file and beside it; what was forgotten is overwritten, and nobody else may read it."""
    file = tmp_path / "folder" / "vault.sqlite"
    vault = Vault(SqliteStore(file), KEYS, 60)
    vault.keep("tenant-acme", "conversation-1", KEPT, NOW)

    def at_rest():
        return b"".join(one.read_bytes() for one in file.parent.iterdir())

    for text in (VALUE, "tenant-acme", "conversation-1", "other"):
        assert text.encode() not in at_rest()
    assert b"MASKED_A_1" in at_rest()
    for one in file.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
    vault.forget()
    assert b"MASKED_A_1" not in at_rest()


def test_a_server_holds_nothing_readable(port):
    """Keys are hashes, values are sealed."""
    store = ValkeyStore(f"redis://127.0.0.1:{port}/0")
    Vault(store, KEYS, 60).keep("tenant-acme", "conversation-1", KEPT, NOW)
    with redis.Redis(port=port) as client:
        everything = repr([(name, client.hgetall(name)) for name in client.scan_iter()])

    assert "MASKED_A_1" in everything
    assert not any(text in everything for text in (VALUE, "tenant-acme", "conversation-1", "other"))


def _work(arguments):
    file, number = arguments
    vault = Vault(SqliteStore(file, wait_seconds=30), KEYS, 60)
    for turn in range(20):
        vault.keep("acme", f"c{number}", {f"MASKED_X_{turn}": Kept(str(turn), "X", ("r",))}, NOW)
        vault.keep("acme", "shared", {f"MASKED_{number}_{turn}": Kept(str(turn), "X", ("r",))}, NOW)
    return len(vault.find("acme", f"c{number}", NOW))


def test_several_processes_and_threads_share_a_file(tmp_path):
    """All of them write at once, from the first moment on, and nothing is lost."""
    file = tmp_path / "vault.sqlite"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_work, [(file, number) for number in range(3)]) == [20] * 3
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(_work, [(file, number) for number in range(3, 7)])) == [20] * 4
    assert len(Vault(SqliteStore(file), KEYS, 60).find("acme", "shared", NOW)) == 140


def test_a_vault_that_cannot_be_used_says_so_without_a_value(tmp_path):
    """A folder instead of a file, a file that is no database, nobody at the address."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database at all, but a text that is long enough" * 20)
    stores = [SqliteStore(tmp_path / "folder"), SqliteStore(tmp_path / "text")]
    stores.append(ValkeyStore(f"redis://127.0.0.1:{servers.free_port()}/0"))
    for store in stores:
        vault = Vault(store, KEYS, 60)
        for call in (
            lambda vault=vault: vault.keep("acme", "c1", KEPT, NOW),
            lambda vault=vault: vault.find("acme", "c1", NOW),
            vault.forget,
            lambda vault=vault: vault.purge(NOW),
            lambda vault=vault: vault.size(None, NOW),
        ):
            with pytest.raises(VaultError) as caught:
                call()
            assert VALUE not in str(caught.value)


def test_nothing_is_made_where_nothing_was_kept(tmp_path):
    """To look makes no file, and an erasure where there is no vault is no success."""
    vault = Vault(SqliteStore(tmp_path / "vault.sqlite"), KEYS, 60)

    assert vault.find("acme", "c1", NOW) == {}
    with pytest.raises(VaultError, match="no vault there"):
        vault.forget()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_left_alone_for_a_while():
    """It costs one short wait, then nothing."""
    vault = Vault(ValkeyStore(f"redis://127.0.0.1:{servers.free_port()}/0"), KEYS, 60)
    started = time.perf_counter()
    for _ in range(200):
        with pytest.raises(VaultError):
            vault.find("acme", "c1", NOW)

    assert time.perf_counter() - started < 2
