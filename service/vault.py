"""The vault that the settings name, and the one that replicas share through Valkey or Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import platformdirs
import redis

from guardrails import DISTRIBUTION
from guardrails.masking import Keys
from guardrails.masking.vault import Size, SqliteStore, Store, Vault, VaultError
from service.settings import Settings, SettingsError, secret_of
from service.valkey import Valkey

TIMEOUT_SECONDS = 0.5
"""How long an answer of Valkey or Redis is waited for."""

_PREFIX = b"guardrails:vault:"
_BATCH = 500


def vault_of(settings: Settings, keys: Keys) -> Vault | None:
    """The vault in use, None where there is none. Raises `SettingsError`."""
    where = settings.vault
    if where in {"", "none"}:
        return None
    if secret_of(settings) is None:
        if where == "auto":
            return None
        raise SettingsError("`vault` needs a secret, or nothing could be read again: set `secret_file`")
    return Vault(_store(where), keys, settings.vault_seconds)


def _store(where: str) -> Store:
    if where == "auto":
        where = str(platformdirs.user_state_path(DISTRIBUTION) / "vault.sqlite")
    if "://" not in where:
        return SqliteStore(Path(where).absolute())
    try:
        return ValkeyStore(where)
    except ValueError:
        raise SettingsError("`vault` must be a file, or an address as `redis://HOST:PORT/0`") from None


class ValkeyStore:
    """A hash for each conversation, which expires as a whole: `seconds` after it was last written to."""

    def __init__(self, url: str) -> None:
        """Raises `ValueError` for an address that is none."""
        self._server = Valkey(url, TIMEOUT_SECONDS)

    def put(
        self, tenant: bytes, conversation: bytes, sealed: Mapping[str, bytes], now: float, seconds: int
    ) -> None:
        with self._asked() as client:
            name = _name(tenant, conversation)
            pipeline = client.pipeline()
            pipeline.hset(name, mapping={one.encode(): value for one, value in sealed.items()})
            pipeline.expire(name, seconds)
            pipeline.execute()

    def get(self, tenant: bytes, conversation: bytes, now: float) -> dict[str, bytes]:
        with self._asked() as client:
            found = cast("dict[bytes, bytes]", client.hgetall(_name(tenant, conversation)))
        return {name.decode("utf-8", "replace"): sealed for name, sealed in found.items()}

    def forget(self, tenant: bytes | None, conversation: bytes | None) -> int:
        count = 0
        with self._asked() as client:
            names = (
                self._names(client, tenant) if conversation is None else [_name(tenant or b"", conversation)]
            )
            for name in names:
                pipeline = client.pipeline()
                pipeline.hlen(name)
                pipeline.unlink(name)
                count += int(pipeline.execute()[0])
        return count

    def purge(self, now: float) -> int:
        """Nothing to do: the server erases what has expired."""
        with self._asked() as client:
            client.ping()
        return 0

    def size(self, tenant: bytes | None, now: float) -> Size:
        conversations = values = 0
        with self._asked() as client:
            for name in self._names(client, tenant):
                conversations += 1
                values += client.hlen(name)
        return Size(conversations, values)

    def _names(self, client: redis.Redis, tenant: bytes | None) -> Iterator[bytes]:
        pattern = _PREFIX + (b"*" if tenant is None else tenant.hex().encode() + b":*")
        # A scan may give a name twice.
        yield from set(client.scan_iter(match=pattern, count=_BATCH))

    @contextmanager
    def _asked(self) -> Iterator[redis.Redis]:
        if self._server.away:
            raise VaultError("the vault's server is away")
        try:
            yield self._server.client
        except redis.RedisError as error:
            self._server.failed()
            raise VaultError(f"the vault's server failed: {type(error).__name__}") from None


def _name(tenant: bytes, conversation: bytes) -> bytes:
    return _PREFIX + tenant.hex().encode() + b":" + conversation.hex().encode()
