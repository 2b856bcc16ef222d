"""Keys for placeholders, fingerprints and encryption, one set per tenant, all from one secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

MIN_SECRET_BYTES = 32


class Keys:
    """Derives keys from the service's secret. Two tenants never share one."""

    def __init__(self, secret: bytes) -> None:
        """Raises `ValueError` when the secret is shorter than `MIN_SECRET_BYTES`."""
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES}")
        self._secret = secret
        self.derive = lru_cache(maxsize=4096)(self._derive)

    def _derive(self, purpose: str, tenant: str) -> bytes:
        """32 bytes for one purpose and tenant."""
        message = purpose.encode() + b"\0" + tenant.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, message, "sha256")

    def mac(self, purpose: str, tenant: str, *parts: str) -> bytes:
        """Keyed hash of `parts`, 32 bytes; the parts' borders count."""
        state = hashlib.blake2b(key=self.derive(purpose, tenant), digest_size=32)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "big") + data)
        return state.digest()

    def fingerprint(self, tenant: str, label: str, value: str) -> str:
        """What names a value in findings, exceptions and logs: 24 letters, meaningless without the key."""
        digest = self.mac("fingerprint", tenant, label, value)
        return base64.b32encode(digest[:15]).decode().lower()
