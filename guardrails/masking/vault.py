"""The vault: masked values by conversation, for responses that come in a call of their own.

At rest a value is under AES-GCM with a key of its tenant, derived from the service's secret; tenant,
conversation and placeholder are bound to it, so that none can be moved to another. Tenants and conversations
are stored as keyed hashes. Entries expire, and can be erased.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from guardrails.masking.keys import Keys
from guardrails.masking.restore import Kept

PURGE_SECONDS = 600.0
"""How often a process removes what has expired from an embedded vault, while it writes to it."""

_NONCE = 12
_NAME = 16


class VaultError(Exception):
    """The vault could not be asked. The message holds nothing of what is in it."""


class Size(msgspec.Struct, frozen=True):
    """How much a vault holds that has not expired."""

    conversations: int
    values: int


class Store(Protocol):
    """Where sealed values lie. Moments are seconds since the epoch. Every method may raise `VaultError`."""

    def put(
        self, tenant: bytes, conversation: bytes, sealed: Mapping[str, bytes], now: float, seconds: int
    ) -> None:
        """Stores values of a conversation by placeholder, until `seconds` from `now`."""
        ...

    def get(self, tenant: bytes, conversation: bytes, now: float) -> dict[str, bytes]:
        """The values of a conversation that have not expired."""
        ...

    def forget(self, tenant: bytes | None, conversation: bytes | None) -> int:
        """Erases values of a tenant, of one conversation or of all; gives how many."""
        ...

    def purge(self, now: float) -> int:
        """Erases what has expired; gives how many values."""
        ...

    def size(self, tenant: bytes | None, now: float) -> Size:
        """How much is there of a tenant, or of all."""
        ...


class Vault:
    """Seals values on their way into a store. Safe in several threads and processes."""

    def __init__(self, store: Store, keys: Keys, seconds: int) -> None:
        """Entries expire `seconds` after they were last kept."""
        self._store = store
        self._keys = keys
        self._seconds = seconds

    def keep(self, tenant: str, conversation: str, kept: Mapping[str, Kept], now: float) -> None:
        """Keeps what placeholders of a conversation stand for. Raises `VaultError`."""
        owner, place = self._owner(tenant), self._place(tenant, conversation)
        cipher = AESGCM(self._keys.derive("vault", tenant))
        sealed = {}
        for name, one in kept.items():
            nonce = os.urandom(_NONCE)
            bound = owner + place + name.encode()
            # JSON of the standard library takes halves of surrogate pairs, as clients send them.
            plain = json.dumps([one.value, one.label, one.rules]).encode()
            sealed[name] = nonce + cipher.encrypt(nonce, plain, bound)
        self._store.put(owner, place, sealed, now, self._seconds)

    def find(self, tenant: str, conversation: str, now: float) -> dict[str, Kept]:
        """What is kept of a conversation; what was not sealed for it is left out. Raises `VaultError`."""
        owner, place = self._owner(tenant), self._place(tenant, conversation)
        cipher = AESGCM(self._keys.derive("vault", tenant))
        found = {}
        for name, sealed in self._store.get(owner, place, now).items():
            try:
                opened = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner + place + name.encode())
                value, label, rules = json.loads(opened)
                found[name] = Kept(value, label, tuple(rules))
            except (InvalidTag, ValueError):
                continue  # another secret's, damaged, or moved here by somebody
        return found

    def forget(self, tenant: str | None = None, conversation: str | None = None) -> int:
        """Erases what is kept of a tenant, of one of its conversations, or of all. Raises `VaultError`."""
        if tenant is None:
            return self._store.forget(None, None)
        place = None if conversation is None else self._place(tenant, conversation)
        return self._store.forget(self._owner(tenant), place)

    def purge(self, now: float) -> int:
        """Erases what has expired. Raises `VaultError`."""
        return self._store.purge(now)

    def size(self, tenant: str | None, now: float) -> Size:
        """How much is kept of a tenant, or of all. Raises `VaultError`."""
        return self._store.size(None if tenant is None else self._owner(tenant), now)

    def _owner(self, tenant: str) -> bytes:
        return self._keys.mac("vault-tenant", tenant)[:_NAME]

    def _place(self, tenant: str, conversation: str) -> bytes:
        return self._keys.mac("vault-conversation", tenant, conversation)[:_NAME]


class SqliteStore:
    """One file that all processes of a machine may share. It is made when the first value is put."""

    def __init__(self, file: Path, wait_seconds: float = 1.0) -> None:
        """`wait_seconds` is how long another process's write is waited for."""
        self._file = file
        self._wait = wait_seconds
        self._purged = 0.0

    def put(
        self, tenant: bytes, conversation: bytes, sealed: Mapping[str, bytes], now: float, seconds: int
    ) -> None:
        with self._open(create=True) as database:
            database.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
                [(tenant, conversation, name, one, now + seconds) for name, one in sealed.items()],
            )
            if now - self._purged > PURGE_SECONDS:
                self._purged = now
                database.execute("DELETE FROM kept WHERE expires <= ?", (now,))

    def get(self, tenant: bytes, conversation: bytes, now: float) -> dict[str, bytes]:
        if not self._file.exists():
            return {}
        with self._open() as database:
            return dict(
                database.execute(
                    "SELECT placeholder, sealed FROM kept"
                    " WHERE tenant = ? AND conversation = ? AND expires > ?",
                    (tenant, conversation, now),
                ).fetchall()
            )

    def forget(self, tenant: bytes | None, conversation: bytes | None) -> int:
        named = {"tenant": tenant, "conversation": conversation}
        given = {name: value for name, value in named.items() if value is not None}
        return self._erase(" AND ".join(f"{name} = :{name}" for name in given) or "TRUE", given)

    def purge(self, now: float) -> int:
        return self._erase("expires <= :now", {"now": now})

    def size(self, tenant: bytes | None, now: float) -> Size:
        with self._open() as database:
            found = database.execute(
                "SELECT COUNT(DISTINCT tenant || conversation), COUNT(*) FROM kept"
                " WHERE expires > :now AND (:tenant IS NULL OR tenant = :tenant)",
                {"tenant": tenant, "now": now},
            ).fetchone()
        return Size(*found)

    def _erase(self, where: str, values: Mapping[str, object]) -> int:
        with self._open() as database:
            count = database.execute(f"DELETE FROM kept WHERE {where}", values).rowcount  # noqa: S608 - ours
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was erased is not left in the log
        return count

    @contextmanager
    def _open(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection of this call's own: none is shared by threads, or outlives a fork."""
        if not create and not self._file.exists():
            raise VaultError("there is no vault there: nothing has been kept yet")
        try:
            if create and not self._file.exists():
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file.touch(mode=0o600)
            with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=rw", self._wait, uri=True)) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute("PRAGMA secure_delete = ON")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS kept (tenant BLOB, conversation BLOB, placeholder TEXT,"
                    " sealed BLOB NOT NULL, expires REAL NOT NULL,"
                    " PRIMARY KEY (tenant, conversation, placeholder)) WITHOUT ROWID"
                )
                database.execute("CREATE INDEX IF NOT EXISTS expires ON kept (expires)")
                with database:
                    yield database
        except (sqlite3.Error, OSError) as error:
            raise VaultError(f"the vault cannot be used: {type(error).__name__}") from None
