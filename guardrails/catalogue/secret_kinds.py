"""The catalogue of secret kinds: YAML records, one per kind of credential.

Examples are templates, so that no live-looking token stands in the repository: `{base62(36)}` becomes
36 random-looking characters, the same ones at every run. The makers: `base62`, `base64url`, `base64`,
`hex`, `upper` (A-Z, 2-7), `alnum` (a-z, 0-9), `digits`, `github` (base 62 with its CRC-32), `jwt`, `pem`.
`«…»` marks the span that must be found.
"""

from __future__ import annotations

import base64
import random
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec
from ruamel.yaml import YAML

from guardrails.catalogue.validators import REQUIRED, SUPPORTING, base62_crc32
from guardrails.model import Severity

_FOLDER = Path(__file__).parent / "secrets"


class KindExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template in which the marked span is found, or in which nothing is."""

    hit: str | None = None
    miss: str | None = None


class SecretKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of credential. `pattern` may mark the secret itself with a group named `secret`."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    vendor: str
    pattern: Annotated[str, msgspec.Meta(min_length=4)]
    examples: Annotated[tuple[KindExample, ...], msgspec.Meta(min_length=1)]
    severity: str = "critical"
    references: tuple[str, ...] = ()
    ignorecase: bool = False
    validators: tuple[str, ...] = ()
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.9

    @property
    def label(self) -> str:
        return self.id.replace("-", "_").upper()


class CatalogueError(Exception):
    """A record that is wrong: names the file and the record."""


@lru_cache(maxsize=1)
def kinds() -> dict[str, SecretKind]:
    """Every kind by id. Raises `CatalogueError`."""
    found: dict[str, SecretKind] = {}
    for file in sorted(_FOLDER.glob("*.yaml")):
        for number, record in enumerate(YAML(typ="safe", pure=True).load(file.read_text("utf-8")), 1):
            try:
                kind = msgspec.convert(record, SecretKind)
                Severity[kind.severity.upper()]
            except (msgspec.ValidationError, KeyError) as error:
                raise CatalogueError(f"{file.name}, record {number}: {error}") from None
            unknown = [one for one in kind.validators if one not in REQUIRED and one not in SUPPORTING]
            if unknown or kind.id in found:
                problem = f"unknown validator `{unknown[0]}`" if unknown else "the id is used twice"
                raise CatalogueError(f"{file.name}, record {number} ({kind.id}): {problem}")
            found[kind.id] = kind
    return found


_ALPHABETS = {
    "base62": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "base64url": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_",
    "base64": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/",
    "hex": "0123456789abcdef",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "alnum": "abcdefghijklmnopqrstuvwxyz0123456789",
    "digits": "0123456789",
}
_MAKER = re.compile(r"\{(\w+)\((\d*)\)\}")


def expand(template: str, seed: str) -> str:
    """An example's text: every maker replaced by what it makes, the same for the same seed."""
    source = random.Random(seed)  # noqa: S311 - examples, not keys
    return _MAKER.sub(lambda match: _make(match[1], int(match[2] or 0), source), template)


def _make(maker: str, length: int, source: random.Random) -> str:
    def chars(alphabet: str, count: int) -> str:
        return "".join(source.choices(_ALPHABETS[alphabet], k=count))

    if maker == "github":
        body = chars("base62", length - 6)
        return body + base62_crc32(body)
    if maker == "jwt":
        parts = ('{"alg":"HS256","typ":"JWT"}', '{"sub":"' + chars("digits", 10) + '"}')
        head, body = (base64.urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in parts)
        return f"{head}.{body}.{chars('base64url', 43)}"
    if maker == "pem":
        return "\n".join(chars("base64", 64) for _ in range(5))
    return chars(maker, length)
