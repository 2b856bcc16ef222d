"""A connection to Valkey or Redis that is left alone for a while once it failed."""

from __future__ import annotations

import time

import redis

PAUSE_SECONDS = 5.0
"""How long the server is left alone once it failed."""


class Valkey:
    """A client, and whether the server is away. Safe in several threads and to fork before its first use."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        """Raises `ValueError` for an address that is none."""
        self.client = redis.Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
        )
        self.failures = 0
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        """Whether it failed not long ago: then it is not asked."""
        return time.monotonic() < self._away_until

    def failed(self) -> None:
        """It did not answer."""
        self.failures += 1
        self._away_until = time.monotonic() + PAUSE_SECONDS
