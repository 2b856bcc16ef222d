"""API keys: many, hashed at rest, each bound to a tenant."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from service.settings import SettingsError, records_of


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key: the SHA-256 of its text, and the tenant it speaks for."""

    tenant: Annotated[str, msgspec.Meta(min_length=1)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    note: str = ""


class KeyRing:
    """Turns a presented key into its tenant, in time that does not depend on the keys.

    Without any record every caller is tenant `default`; `service.app` allows that on loopback only.
    """

    def __init__(self, records: tuple[KeyRecord, ...] = ()) -> None:
        self._records = tuple((bytes.fromhex(one.sha256), one.tenant) for one in records)

    @property
    def open(self) -> bool:
        return not self._records

    def tenant(self, presented: str | None) -> str | None:
        """The tenant of a presented key, None when no record has it."""
        if self.open:
            return "default"
        digest = hashlib.sha256((presented or "").encode("utf-8", "surrogatepass")).digest()
        found: str | None = None
        for known, tenant in self._records:  # every record is compared: no early end
            if hmac.compare_digest(known, digest):
                found = tenant
        return found if presented else None


_KEY_HEADERS = ("x-api-key", "api-key", "ocp-apim-subscription-key")


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request, however its client sends one.

    `Authorization` may be a bearer token, the password of basic credentials (as in `http://any:KEY@host`),
    or AWS Signature Version 4, whose access key id is then the key. The signature itself cannot be verified
    without its secret: the id is worth as much as a bearer token, no more.
    """
    for name in _KEY_HEADERS:
        if name in headers:
            return headers[name]
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _password(rest.strip())
        case "aws4-hmac-sha256":
            found = _CREDENTIAL.search(rest)
            return found[1] if found else None
    return None


_CREDENTIAL = re.compile(r"\bCredential=([^/,]{1,200})/")


def _password(credentials: str) -> str | None:
    try:
        _, _, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None
    return password


def load_keys(file: Path) -> KeyRing:
    """Reads a keys file. Raises `SettingsError` naming the record that is wrong."""
    records = []
    for number, one in enumerate(records_of(file, "keys_file", "`tenant` and `sha256`"), 1):
        try:
            records.append(msgspec.convert(one, KeyRecord))
        except msgspec.ValidationError as error:
            raise SettingsError(f"`keys_file`, record {number}: {error}") from None
    return KeyRing(tuple(records))


def new_key() -> tuple[str, str]:
    """A fresh key and the SHA-256 that goes into the keys file."""
    key = "grk_" + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()
