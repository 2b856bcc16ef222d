"""API keys: many, hashed at rest, each bound to a tenant."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from service.settings import SettingsError


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


def load_keys(file: Path) -> KeyRing:
    """Reads a keys file. Raises `SettingsError` naming the record that is wrong."""
    try:
        data = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"`keys_file` cannot be read: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError):
        raise SettingsError("`keys_file` is not YAML") from None
    if not isinstance(data, list) or not data:
        raise SettingsError("`keys_file` must be a list of records with `tenant` and `sha256`")
    records = []
    for number, one in enumerate(data, 1):
        try:
            records.append(msgspec.convert(one, KeyRecord))
        except msgspec.ValidationError as error:
            raise SettingsError(f"`keys_file`, record {number}: {error}") from None
    return KeyRing(tuple(records))


def new_key() -> tuple[str, str]:
    """A fresh key and the SHA-256 that goes into the keys file."""
    key = "grk_" + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()
