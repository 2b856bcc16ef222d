"""What a policy author writes, as frozen structs. The compiled form is `guardrails.policy.policyset`.

A field with `None` as its default may be left out; writing it without a value is an error.
Lists of a scope are never empty: an empty list of alternatives would match nothing, and so switch the
rule off without a word.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from guardrails.detectors import AnySpec
from guardrails.masking import AnyMask
from guardrails.model import Action, Hook, Kind, Mode, OnError, Role, Severity

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
RuleId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Globs = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]


def _is(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


def _some(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text, min_length=1)


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a policy or rule applies. Keys are ANDed, entries ORed; absent means any."""

    hooks: Annotated[
        tuple[Hook, ...] | None, _some("Before (`request`) or after (`response`) the model.")
    ] = None
    roles: Annotated[tuple[Role, ...] | None, _some("Who speaks.")] = None
    kinds: Annotated[tuple[Kind, ...] | None, _some("What a text is.")] = None
    tenants: Annotated[Globs | None, _is("Tenants; `*` and `?` stand for any characters and any one.")] = None
    routes: Annotated[Globs | None, _is("Routes of the gateway, with `*` and `?`.")] = None
    providers: Annotated[Globs | None, _is("Providers of models, with `*` and `?`.")] = None
    models: Annotated[Globs | None, _is("Models, with `*` and `?`.")] = None
    metadata: Annotated[
        dict[str, Text | Globs] | None, _some("The gateway's metadata: for each name a text or several.")
    ] = None


class Escalate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `count` distinct values in one exchange on, the rule does `action`."""

    count: Annotated[int, msgspec.Meta(ge=2, description="Distinct values.")]
    action: Annotated[Action, _is("What the rule then does; stricter than its own action.")]


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that the rule must find something in (`hit`), or must not (`miss`)."""

    hit: Annotated[str | None, _is("Every expected span stands in «…»; no other is allowed.")] = None
    miss: Annotated[str | None, _is("Nothing is found here.")] = None
    becomes: Annotated[str | None, _is("The `hit` after masking.")] = None
    role: Annotated[Role | None, _is("Who speaks the text.")] = None
    hook: Annotated[Hook | None, _is("Which half of the exchange the text is in.")] = None
    kind: Annotated[Kind | None, _is("What the text is.")] = None
    tool: Annotated[str | None, _is("The text is the arguments of a call of this tool.")] = None
    prompt: Annotated[str | None, _is("The system prompt of the exchange, for a text of a response.")] = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to find, where, and what then happens."""

    id: Annotated[RuleId, _is("Name of the rule: lower-case words, joined by `-` and `.`.")]
    title: Annotated[Text, _is("What was found, for the one who reads the finding.")]
    severity: Annotated[Severity, _is("How much a finding matters.")]
    detect: Annotated[AnySpec, _is("What to find; `type` names the detector.")]
    action: Annotated[Action, _is("What happens: `flag`, `mask` or `deny`.")]
    description: Annotated[str, _is("Why the rule is there.")] = ""
    tags: Annotated[tuple[Text, ...], _is("OWASP, CWE and the like.")] = ()
    references: Annotated[tuple[Text, ...], _is("Where the facts behind the rule are written.")] = ()
    mask: Annotated[AnyMask | None, _is("How a value is masked; where the rule masks, and only there.")] = (
        None
    )
    mode: Annotated[Mode | None, _is("Overrides the policy's.")] = None
    on_error: Annotated[OnError | None, _is("Overrides the policy's.")] = None
    scope: Annotated[Scope | None, _is("Where the rule applies, within the policy's scope.")] = None
    escalate: Annotated[Escalate | None, _is("A stricter action for many values.")] = None
    examples: Annotated[tuple[Example, ...], _is("The rule's tests.")] = ()


class ExceptionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dated, owned permission for a found value."""

    id: Annotated[Text, _is("Name of the exception.")]
    rules: Annotated[tuple[Text, ...], _some("Ids of rules, with `*` and `?`.")]
    reason: Annotated[Text, _is("Why the value may pass.")]
    owner: Annotated[Text, _is("Who answers for it.")]
    expires: Annotated[Day, _is("The last day that it holds, like 2027-03-31.")]
    values: Annotated[tuple[Text, ...], _is("Found values, whole, in any case.")] = ()
    fingerprints: Annotated[tuple[Text, ...], _is("Keyed hashes of found values.")] = ()
    pattern: Annotated[Text | None, _is("Expression that the whole found value matches.")] = None


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of policy."""

    version: Annotated[Literal[1], _is("Version of this language.")]
    policy: Annotated[Name, _is("Name of the policy.")]
    rules: Annotated[tuple[Rule, ...], _some("An unordered set.")]
    description: Annotated[str, _is("What the policy is for.")] = ""
    mode: Annotated[Mode, _is("`enforce`, `shadow` (measured, never enforced) or `off`.")] = Mode.ENFORCE
    on_error: Annotated[OnError, _is("What an unjudged rule counts as.")] = OnError.DENY
    streams: Annotated[
        OnError,
        _is(
            "`deny` refuses a request whose streamed response the gateway will not show us, where the policy "
            "has response rules to enforce, or rules that need the whole text; `allow` lets it pass."
        ),
    ] = OnError.ALLOW
    scope: Annotated[Scope | None, _is("Where the policy applies.")] = None
    exceptions: Annotated[tuple[ExceptionRecord, ...], _is("Found values that may pass.")] = ()
