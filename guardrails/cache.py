"""What is already known of a text, by its content: agents send the same conversation again every turn.

An entry holds spans, labels and reasons, never a text or a value. Its key is a keyed hash of the content,
so neither can be told from a dump of the memory without the content itself.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec
from blake3 import blake3

T = TypeVar("T")
Buffer: TypeAlias = bytes | msgspec.Raw

_KEY_BYTES = 64
_HASH_BYTES = 16
_ENTRY_BYTES = 160
"""What an entry costs beside its value: the key, the tuple, a slot in the table."""


class Cache(Generic[T]):
    """Values by key, bounded in bytes; those not asked for in a while go first.

    Two tables take turns: when the young one is half of the bound the old one is dropped and the young
    one becomes the old. Safe in several threads, and no reader waits for another.
    """

    def __init__(self, max_bytes: int) -> None:
        self._half = max_bytes // 2
        self._young: dict[bytes, tuple[T, int]] = {}
        self._old: dict[bytes, tuple[T, int]] = {}
        self._bytes = 0
        self._old_bytes = 0
        self._writing = threading.Lock()
        self.hits = 0
        self.misses = 0

    def get(self, key: bytes) -> T | None:
        """The value, None when there is none any more."""
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.get(key)
            if entry is None:
                self.misses += 1
                return None
            self._add(key, entry)
        self.hits += 1
        return entry[0]

    def holds(self, key: bytes) -> bool:
        """Whether there is a value; does not count as asking for it."""
        return key in self._young or key in self._old

    def fetch(self, keys: Sequence[bytes]) -> None:
        """Told which keys will be asked for next: where there is another memory behind, it is read here."""

    def put(self, key: bytes, value: T, size: int) -> None:
        """Keeps a value of about `size` bytes; one that is larger than a tenth of the bound is not kept."""
        size += _ENTRY_BYTES
        if size * 5 <= self._half:
            self._add(key, (value, size))

    def size(self) -> int:
        """About how many bytes the entries take."""
        return self._bytes + self._old_bytes

    def _add(self, key: bytes, entry: tuple[T, int]) -> None:
        with self._writing:
            if self._bytes + entry[1] > self._half:
                self._old, self._young = self._young, {}
                self._old_bytes, self._bytes = self._bytes, 0
            if key not in self._young:
                self._bytes += entry[1]
            self._young[key] = entry


class Hasher:
    """Keyed hashes of contents (BLAKE3, 128 bits), for one purpose."""

    def __init__(self, key: bytes, *purpose: str) -> None:
        """`purpose` are the words that tell these hashes from those made for another."""
        words = "\0".join(purpose).encode("utf-8", "surrogatepass")
        own = hashlib.blake2b(words, key=key[:_KEY_BYTES], digest_size=blake3.key_size)
        self._start = blake3(key=own.digest())

    def of(self, *data: Buffer) -> bytes:
        """The hash of all of `data`, one after the other: their borders do not count."""
        started = self._start.copy()
        # One long text is hashed four times as fast as many short ones.
        started.update(data[0] if len(data) == 1 else b"".join(data))
        return started.digest(_HASH_BYTES)
