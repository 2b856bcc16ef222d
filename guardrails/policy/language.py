"""What a policy author writes, as frozen structs. The compiled form is `guardrails.policy.policyset`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from guardrails.detectors import AnySpec
from guardrails.masking import AnyMask
from guardrails.model import Action, Hook, Kind, Mode, OnError, Role, Severity

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Globs = tuple[Text, ...]


def _is(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a policy or rule applies. Keys are ANDed, entries ORed; absent means any."""

    hooks: Annotated[tuple[Hook, ...] | None, _is("`request`, `response`.")] = None
    roles: Annotated[tuple[Role, ...] | None, _is("Who speaks.")] = None
    kinds: Annotated[tuple[Kind, ...] | None, _is("What a text is.")] = None
    tenants: Annotated[Globs | None, _is("Tenants, `*` and `?` allowed.")] = None
    routes: Annotated[Globs | None, _is("Routes, `*` and `?` allowed.")] = None
    providers: Annotated[Globs | None, _is("Providers, `*` and `?` allowed.")] = None
    models: Annotated[Globs | None, _is("Models, `*` and `?` allowed.")] = None
    metadata: Annotated[
        dict[str, Text | Globs] | None, _is("The gateway's metadata: a text or several for each name.")
    ] = None


class Escalate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `count` distinct values in one exchange on, the rule does `action`."""

    count: Annotated[int, msgspec.Meta(ge=2, description="Distinct values.")]
    action: Annotated[Action, _is("Stricter than the rule's own.")]


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that the rule must find something in (`hit`), or must not (`miss`)."""

    hit: Annotated[str | None, _is("Every expected span stands in «…»; no other is allowed.")] = None
    miss: Annotated[str | None, _is("Nothing is found here.")] = None
    becomes: Annotated[str | None, _is("The `hit` after masking.")] = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to find, where, and what then happens."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$")]
    title: Text
    severity: Severity
    detect: Annotated[AnySpec, _is("What to find; `type` names the detector.")]
    action: Annotated[Action, _is("`flag`, `mask` or `deny`.")]
    description: str = ""
    tags: Annotated[tuple[str, ...], _is("OWASP, CWE and the like.")] = ()
    references: tuple[str, ...] = ()
    mask: Annotated[AnyMask | None, _is("How a value is masked; with `action: mask`, and only then.")] = None
    mode: Annotated[Mode | None, _is("Overrides the policy's.")] = None
    on_error: Annotated[OnError | None, _is("Overrides the policy's.")] = None
    scope: Scope | None = None
    escalate: Escalate | None = None
    examples: tuple[Example, ...] = ()


class ExceptionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dated, owned permission for a found value."""

    id: Text
    rules: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, description="Rule ids, `*` allowed.")]
    reason: Text
    owner: Text
    expires: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Last day, ISO 8601.")]
    values: Annotated[tuple[Text, ...], _is("Found values, whole, in any case.")] = ()
    fingerprints: Annotated[tuple[Text, ...], _is("Keyed hashes of found values.")] = ()
    pattern: Annotated[str | None, _is("Expression that the whole found value matches.")] = None


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of policy."""

    version: Annotated[Literal[1], _is("Version of this language.")]
    policy: Annotated[Name, _is("Name of the policy.")]
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1)]
    description: str = ""
    mode: Annotated[Mode, _is("`enforce`, `shadow` (measured, never enforced) or `off`.")] = Mode.ENFORCE
    on_error: Annotated[OnError, _is("What an unjudged rule counts as.")] = OnError.DENY
    streams: Annotated[
        OnError,
        _is(
            "`deny` refuses a request whose streamed response the gateway will not show us, where the policy "
            "has response rules to enforce; `allow` lets it pass."
        ),
    ] = OnError.ALLOW
    scope: Scope | None = None
    exceptions: tuple[ExceptionRecord, ...] = ()
