"""The catalogue of secret kinds: YAML records, one per kind of credential, one file per vendor.

A record is found in one of four ways:

- `token`: the credential has a format of its own, which this expression of the `regex` package spells
  from its first to its last character; `guardrails.catalogue.boundaries` adds what may stand around it.
- `pattern`: the credential stands in a recognisable place (a *structure*: userinfo of a URL, a PEM
  block, a CLI flag). One expression or a list of them; a group named `secret` marks the secret itself.
  Tokens and patterns join the shared multi-pattern pass, in which common words and the wide gaps behind
  them cost much: `{pattern: ..., trigger: ...}` has the pass look for a rarer part of every match instead.
- `assigned`: the credential is a plain run of characters that only the name it is assigned to betrays.
  Such a record costs the shared pass nothing: one extractor reads `name = value` pairs (in code, JSON,
  YAML, .env, XML, headers, flags, prose, ...) and each pair is tried on all of them.
- `reader`: found by a function of that name in `guardrails.detectors.readers`.

```yaml
- id: datadog-api-key                # letters, digits and single hyphens
  title: 'Datadog API key'
  vendor: 'Datadog'
  references: ['https://docs.datadoghq.com/account_management/api-app-keys/']
  assigned:
    names: [datadog, dd]             # any, as words of the name or of the 60 characters before it
    value: '[a-f0-9]{32}'            # the whole value
    suffixes: [api key, key]         # words the name must have too; by default any telling one
                                     # (key, token, secret, password, ...); `[]` for none
  validators: [random]
  examples:
    - hit: 'DD_API_KEY=«{hex(32)}»'
    - miss: 'DD_API_KEY={hex(40)}'
```

Names are compared word by word, without case: `new relic` fits `NEW_RELIC_KEY`, `newRelicKey`,
`new-relic.key` and `newrelic_key`; a word of five letters or more also fits at the start of a longer
one (`datadogapikey`). A kind with `assigned` takes its pair before `generic-assignment` does. Its value
is never a placeholder, a reference or something masked; further `validators` are optional.

Examples are templates: `{base62(36)}` becomes 36 random-looking characters, the same ones at every run
(`guardrails.catalogue.makers` lists the makers). `«…»` marks the span that must be found; a `miss` is
a text in which this kind finds nothing. `guardrails.detectors.secret.prove` runs them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec
import regex
import yaml

from guardrails.catalogue.boundaries import standing_alone
from guardrails.catalogue.makers import expand
from guardrails.catalogue.validators import REQUIRED, SUPPORTING
from guardrails.model import Severity

# The records are many and our own: libyaml reads them fifteen times as fast as what reads policies.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FOLDER = Path(__file__).parent / "secrets"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Expression = Annotated[str, msgspec.Meta(min_length=4)]


class KindExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template in which the marked span is found, or in which nothing is."""

    hit: str | None = None
    miss: str | None = None


class Assigned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of a shape, assigned to a name with one of `names` among its words."""

    names: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    value: Text
    suffixes: tuple[Text, ...] | None = None


class Structure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An expression. The shared pass looks for `trigger`, a part of every match, where there is one."""

    pattern: Expression
    trigger: Expression | None = None


Structures = Annotated[tuple[Expression | Structure, ...], msgspec.Meta(min_length=1)]


class SecretKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of credential, found in just one way: `token`, `pattern`, `assigned` or `reader`."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    vendor: str
    examples: Annotated[tuple[KindExample, ...], msgspec.Meta(min_length=1)]
    token: Expression | None = None
    pattern: Expression | Structures | None = None
    assigned: Assigned | None = None
    reader: Text | None = None
    severity: str = "critical"
    references: tuple[str, ...] = ()
    ignorecase: bool = False
    validators: tuple[str, ...] = ()
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.9

    @property
    def label(self) -> str:
        return self.id.replace("-", "_").upper()

    @property
    def patterns(self) -> tuple[Structure, ...]:
        """What joins the shared pass."""
        if self.token is not None:
            return (Structure(standing_alone(self.token)),)
        if self.pattern is None:
            return ()
        several = (self.pattern,) if isinstance(self.pattern, str) else self.pattern
        return tuple(Structure(one) if isinstance(one, str) else one for one in several)


class CatalogueError(Exception):
    """A record that is wrong: names the file and the record."""


@lru_cache(maxsize=1)
def kinds() -> dict[str, SecretKind]:
    """Every kind by id. Raises `CatalogueError`."""
    found: dict[str, SecretKind] = {}
    for file in sorted(_FOLDER.glob("*.yaml")):
        for kind in load(file.name, file.read_text("utf-8")):
            if kind.id in found:
                raise CatalogueError(f"{file.name} ({kind.id}): the id is used twice")
            found[kind.id] = kind
    return found


def load(name: str, text: str) -> list[SecretKind]:
    """The records of one file, called `name` in errors. Raises `CatalogueError`."""
    found = []
    for number, record in enumerate(yaml.load(text, _LOADER) or (), 1):  # noqa: S506 - a safe one
        try:
            kind = msgspec.convert(record, SecretKind)
        except msgspec.ValidationError as error:
            raise CatalogueError(f"{name}, record {number}: {error}") from None
        problem = _problem(kind)
        if problem:
            raise CatalogueError(f"{name}, record {number} ({kind.id}): {problem}")
        found.append(kind)
    return found


def _problem(kind: SecretKind) -> str | None:
    if sum(one is not None for one in (kind.token, kind.pattern, kind.assigned, kind.reader)) != 1:
        return "exactly one of `token`, `pattern`, `assigned` and `reader` is needed"
    if kind.severity.upper() not in Severity.__members__:
        return f"unknown severity `{kind.severity}`"
    unknown = [one for one in kind.validators if one not in REQUIRED and one not in SUPPORTING]
    if unknown:
        return f"unknown validator `{unknown[0]}`"
    if any((example.hit is None) == (example.miss is None) for example in kind.examples):
        return "an example is either a `hit` or a `miss`"
    if all(example.hit is None for example in kind.examples):
        return "at least one example must be a `hit`"
    if kind.assigned is not None:
        try:
            regex.compile(kind.assigned.value)
        except regex.error as error:
            return f"`value` does not parse: {error}"
    return None


__all__ = ["Assigned", "CatalogueError", "KindExample", "SecretKind", "expand", "kinds", "load"]
