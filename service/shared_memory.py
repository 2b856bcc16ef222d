"""What is known of messages, shared by workers and replicas through Valkey or Redis.

Entries hold spans and labels under keyed hashes, as in the memory of a process. Each carries a keyed
hash of its own, so that who can write to the store still cannot make a message pass that was never
judged: what does not prove itself counts as not known. While the store is away, judging goes on alone.
"""

from __future__ import annotations

import hashlib
import hmac
import queue
import threading
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import redis

from guardrails.bodies.detect import Traits
from guardrails.cache import Cache
from guardrails.engine import Block, Known
from guardrails.masking import Keys
from service.valkey import Valkey

TIMEOUT_SECONDS = 0.05
"""How long an answer of the store is waited for."""

EXPIRY_SECONDS = 24 * 3_600
_QUEUED = 4_096
_PROOF_BYTES = 16
_TYPES: dict[bytes, type[Any]] = {b"B": Block, b"K": Known, b"T": Traits}
_TAGS = {type: tag for tag, type in _TYPES.items()}
_DECODERS = {
    tag: msgspec.msgpack.Decoder(type, dec_hook=lambda *_: _refuse()) for tag, type in _TYPES.items()
}


def _refuse() -> object:
    raise NotImplementedError("failures are never remembered")


class SharedMemory(Cache[object]):
    """A process's memory with a store behind it. Safe in several threads and to fork before `open`."""

    def __init__(self, max_bytes: int, url: str, keys: Keys) -> None:
        """Raises `ValueError` for an address that is none."""
        super().__init__(max_bytes)
        self._store = Valkey(url, TIMEOUT_SECONDS)
        self._key = keys.derive("shared-memory", "")
        self._new: queue.Queue[tuple[bytes, bytes]] = queue.Queue(_QUEUED)
        self._writer: threading.Thread | None = None

    @property
    def failures(self) -> int:
        """How often the store did not answer."""
        return self._store.failures

    def fetch(self, keys: Sequence[bytes]) -> None:
        missing = [key for key in keys if not self.holds(key)]
        if not missing or self._store.away:
            return
        try:
            answers = cast("list[bytes | None]", self._store.client.mget(missing))
        except redis.RedisError:
            self._store.failed()
            return
        for key, answer in zip(missing, answers, strict=True):
            value = None if answer is None else self._opened(key, answer)
            if answer is not None and value is not None:
                super().put(key, value, len(answer) * 4)

    def put(self, key: bytes, value: object, size: int) -> None:
        super().put(key, value, size)
        tag = _TAGS.get(type(value))
        if tag is not None and not self._store.away:
            data = tag + msgspec.msgpack.encode(value, enc_hook=lambda _: _refuse())
            try:
                self._new.put_nowait((key, self._proof(key, data) + data))
            except queue.Full:
                return  # it is known here, and will be found out again elsewhere
            if self._writer is None:
                self._start()

    def _start(self) -> None:
        self._writer = threading.Thread(target=self._write, name="shared-memory", daemon=True)
        self._writer.start()

    def _write(self) -> None:
        """Writes what is new, in batches; nothing waits for it."""
        while True:
            batch = [self._new.get()]
            while len(batch) < 256 and not self._new.empty():
                batch.append(self._new.get())
            if self._store.away:
                continue
            try:
                pipeline = self._store.client.pipeline(transaction=False)
                for key, data in batch:
                    pipeline.set(key, data, ex=EXPIRY_SECONDS)
                pipeline.execute()
            except redis.RedisError:
                self._store.failed()

    def _proof(self, key: bytes, data: bytes) -> bytes:
        return hashlib.blake2b(key + data, key=self._key, digest_size=_PROOF_BYTES).digest()

    def _opened(self, key: bytes, answer: bytes) -> object | None:
        proof, data = answer[:_PROOF_BYTES], answer[_PROOF_BYTES:]
        if not hmac.compare_digest(proof, self._proof(key, data)):
            return None
        try:
            decoded: object = _DECODERS[data[:1]].decode(data[1:])
        except (KeyError, msgspec.DecodeError, NotImplementedError):
            return None
        return decoded
