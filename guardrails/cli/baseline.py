"""Baselines: what was found before, so that a repository with old findings can start.

A baseline names a finding by its file, its rule and a slow, salted hash of its value (scrypt, RFC 7914):
it can lie beside the code without giving the values away. A finding that moves within its file stays
known; a value that changes does not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

_COST = {"n": 4096, "r": 8, "p": 1, "dklen": 16}
Hex = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class BaselineError(Exception):
    """A file that is no baseline."""


class Known(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """A finding of a baseline."""

    file: str
    rule: str
    digest: Hex


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline as its file holds it."""

    version: Literal[1]
    salt: Hex
    findings: tuple[Known, ...]

    def known(self, file: str, rule: str, value: str) -> Known:
        """What the baseline would hold for a finding."""
        return Known(Path(file).as_posix(), rule, _hashed(self.salt, value))


def new() -> Baseline:
    """An empty baseline with a salt of its own."""
    return Baseline(1, os.urandom(16).hex(), ())


def load(path: Path) -> Baseline:
    """Reads a baseline. Raises `BaselineError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise BaselineError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except msgspec.DecodeError as error:
        raise BaselineError(f"{path} is no baseline: {error}") from None


def save(path: Path, baseline: Baseline, findings: Iterable[Known]) -> int:
    """Writes a baseline with these findings instead of its own; how many there are."""
    kept = tuple(sorted(set(findings)))
    content = msgspec.json.encode(msgspec.structs.replace(baseline, findings=kept))
    path.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
    return len(kept)


@cache
def _hashed(salt: str, value: str) -> str:
    data = value.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=bytes.fromhex(salt), **_COST).hex()
