"""A policy set as the engine uses it: compiled, frozen, with a digest.

What an author writes is in `guardrails.policy.language`; `guardrails.policy.compile` turns one into
the other.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
import regex

from guardrails.detectors import Detector
from guardrails.detectors.base import (
    Answers,
    Asking,
    Calling,
    CannotJudge,
    Comparing,
    Deadline,
    Match,
    Pattern,
)
from guardrails.detectors.patterns import Index
from guardrails.evidence import EvidenceError
from guardrails.loose import loose_views
from guardrails.masking import AnyMask, Destination
from guardrails.model import (
    Action,
    Context,
    Hit,
    Hook,
    Kind,
    Mode,
    OnError,
    Reason,
    Role,
    Severity,
)
from guardrails.text import View, ViewLimits, views

_CONTEXTS_REMEMBERED = 1_024


class Globs(msgspec.Struct, frozen=True):
    """Names or globs (`*`, `?`), of which any may match. Letters' case counts."""

    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Globs:
        return cls(tuple(re.compile(_glob(text), re.DOTALL) for text in texts))

    def match(self, value: str | None) -> bool:
        return value is not None and any(one.fullmatch(value) for one in self.patterns)


def _glob(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in text)


class CompiledScope(msgspec.Struct, frozen=True):
    """Keys are ANDed, entries ORed; None means any."""

    hooks: frozenset[Hook] | None = None
    roles: frozenset[Role] | None = None
    kinds: frozenset[Kind] | None = None
    tenants: Globs | None = None
    routes: Globs | None = None
    providers: Globs | None = None
    models: Globs | None = None
    metadata: tuple[tuple[str, Globs], ...] = ()

    def of_the_text_only(self) -> CompiledScope:
        """This scope without what the gateway says: hooks, roles and kinds stay."""
        return CompiledScope(hooks=self.hooks, roles=self.roles, kinds=self.kinds)

    def covers_exchange(self, hook: Hook, context: Context) -> bool:
        return (
            (self.hooks is None or hook in self.hooks)
            and (self.tenants is None or self.tenants.match(context.tenant))
            and (self.routes is None or self.routes.match(context.route))
            and (self.providers is None or self.providers.match(context.provider))
            and (self.models is None or self.models.match(context.model))
            and all(globs.match(context.metadata.get(name)) for name, globs in self.metadata)
        )

    def covers_segment(self, role: Role, kind: Kind) -> bool:
        return (self.roles is None or role in self.roles) and (self.kinds is None or kind in self.kinds)


class CompiledEscalation(msgspec.Struct, frozen=True):
    """From `count` distinct values in one exchange on, the rule's action is `action`."""

    count: int
    action: Action


DESTINATIONS = (
    (Role.ASSISTANT, Kind.TEXT),
    (Role.ASSISTANT, Kind.TOOL_INPUT),
    (Role.ASSISTANT, Kind.DATA),
    (Role.ASSISTANT, Kind.DOCUMENT),
    (Role.TOOL, Kind.TOOL_OUTPUT),
    (Role.TOOL, Kind.DATA),
)
"""What there is in a response: who speaks, and what it is."""


class CompiledRestore(msgspec.Struct, frozen=True):
    """Where in a response a masked value comes back; None means any."""

    roles: frozenset[Role] | None = None
    kinds: frozenset[Kind] | None = None
    tools: Globs | None = None

    def reaches(self, role: Role, kind: Kind) -> bool:
        return (self.roles is None or role in self.roles) and (self.kinds is None or kind in self.kinds)

    def permits(self, to: Destination) -> bool:
        by_name = self.tools is None or to.kind is not Kind.TOOL_INPUT or self.tools.match(to.tool)
        return by_name and self.reaches(to.role, to.kind)


class CompiledRule(msgspec.Struct, frozen=True):
    """One rule, with what it inherits from its policy worked in."""

    id: str
    policy: str
    title: str
    severity: Severity
    action: Action
    mode: Mode
    on_error: OnError
    scopes: tuple[CompiledScope, ...]  # all must cover: the policy's and the rule's own
    detector: int  # place in PolicySet.detectors
    mask: AnyMask | None = None
    restore: CompiledRestore | None = None
    escalate: CompiledEscalation | None = None
    deny_streams: bool = False  # deny the request of a stream whose response this rule could not see
    on_streams: bool = True  # whether it can be judged on a text that arrives bit by bit
    description: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    def covers_exchange(self, hook: Hook, context: Context) -> bool:
        return self.mode is not Mode.OFF and all(one.covers_exchange(hook, context) for one in self.scopes)

    def covers_segment(self, role: Role, kind: Kind) -> bool:
        return all(one.covers_segment(role, kind) for one in self.scopes)


class CompiledException(msgspec.Struct, frozen=True):
    """Dated, owned permission for a found value. It looks at the value only, never around it."""

    id: str
    rules: Globs
    values: frozenset[str]  # casefolded
    fingerprints: frozenset[str]
    pattern: regex.Pattern[str] | None
    expires: dt.date
    owner: str

    def excuses(self, rule: str, value: str, fingerprint: str, today: dt.date) -> bool:
        """Whether the value may pass the rule today. The last day is `expires` itself."""
        if today > self.expires or not self.rules.match(rule):
            return False
        if value.casefold() in self.values or fingerprint in self.fingerprints:
            return True
        if self.pattern is None:
            return False
        try:
            return self.pattern.fullmatch(value, timeout=0.1) is not None
        except TimeoutError:
            return False


class Seen(msgspec.Struct, frozen=True):
    """What all detectors saw in one text: hits by detector, and the detectors that could not look."""

    hits: Mapping[int, tuple[Hit, ...]]
    failed: Mapping[int, CannotJudge]


class Scope(msgspec.Struct, frozen=True):
    """The rules for segments of one role and kind, and their detectors, which `name` stands for."""

    rules: tuple[CompiledRule, ...]
    wanted: frozenset[int]
    name: str

    @classmethod
    def of(cls, rules: tuple[CompiledRule, ...], wanted: frozenset[int]) -> Scope:
        return cls(rules, wanted, ",".join(map(str, sorted(wanted))))


class Applying:
    """The rules that apply to an exchange. Safe to use from several threads."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.all = tuple(rules)
        self.by_id = {rule.id: rule for rule in self.all}
        self.name = "\0".join(self.by_id)
        self._scopes: dict[tuple[Role, Kind], Scope] = {}

    def scope(self, role: Role, kind: Kind) -> Scope:
        """Those for segments of a role and kind."""
        scope = self._scopes.get((role, kind))
        if scope is None:
            rules = tuple(rule for rule in self.all if rule.covers_segment(role, kind))
            wanted = frozenset(rule.detector for rule in rules)
            scope = self._scopes[role, kind] = Scope.of(rules, wanted)
        return scope


Noted = list[tuple[View, dict[int, list[Match]]]]
"""Every view of a text with the confirmed matches in it, by number of the index's pattern."""


class PolicySet:
    """All rules that are in force together. Frozen and safe to use from several threads."""

    def __init__(
        self,
        rules: Sequence[CompiledRule],
        exceptions: Sequence[CompiledException],
        detectors: Sequence[Detector],
        index: Index,
        owners: Sequence[Sequence[tuple[int, int]]],
        digest: str,
        *,
        gates: Mapping[int, int] | None = None,
        limits: ViewLimits | None = None,
    ) -> None:
        """`gates` says of detectors that ask a provider which other one must have found something first."""
        self.rules = tuple(rules)
        self.exceptions = tuple(exceptions)
        self.detectors = tuple(detectors)
        self.digest = digest
        self._index = index
        self._owners = tuple(owners)  # by pattern of the index: (detector, pattern of the detector)...
        self._limits = limits or ViewLimits()
        self._loosely = frozenset(
            number for number, one in enumerate(self.detectors) if getattr(one, "reads_loosely", False)
        )
        self._calling = {
            number: one for number, one in enumerate(self.detectors) if isinstance(one, Calling) and one.calls
        }
        self._comparing = {
            number: one
            for number, one in enumerate(self.detectors)
            if isinstance(one, Comparing) and one.compares
        }
        self._asking = {number: one for number, one in enumerate(self.detectors) if isinstance(one, Asking)}
        self._gates = dict(gates or {})
        scopes = [scope for rule in rules for scope in rule.scopes]
        self._heeds = tuple(
            any(getattr(scope, field) is not None for scope in scopes)
            for field in ("tenants", "routes", "providers", "models")
        )
        self._metadata = sorted({name for scope in scopes for name, _ in scope.metadata})
        self._covered: dict[tuple[Hook, tuple[str | None, ...]], Applying] = {}
        self._chosen: dict[frozenset[int], tuple[frozenset[int], tuple[int, ...]]] = {}

    @property
    def restores(self) -> bool:
        """Whether any rule lets a value come back."""
        return any(rule.restore is not None for rule in self.rules)

    def permits(self, rules: tuple[str, ...], to: Destination) -> bool:
        """Whether every one of the rules lets a value that it masked come back there."""
        found = [rule.restore for rule in self.rules if rule.id in rules]
        return len(found) == len(rules) and all(one is not None and one.permits(to) for one in found)

    def only(self, rule: str) -> PolicySet:
        """This set with one rule, for its examples: enforced for whoever calls, and no exceptions."""
        alone = [
            msgspec.structs.replace(
                one,
                mode=Mode.ENFORCE,
                scopes=tuple(scope.of_the_text_only() for scope in one.scopes),
                escalate=None,
            )
            for one in self.rules
            if one.id == rule
        ]
        return self._with(alone, ())

    def holds_growing_texts(self, hook: Hook, context: Context) -> bool:
        """Whether what acts on a message's text can be enforced where each call has more of it.

        A rule cannot that needs the whole text, or that grows stricter with what is found later.
        """
        role = Role.ASSISTANT if hook is Hook.RESPONSE else Role.USER
        return not any(
            rule.mode is Mode.ENFORCE
            and max(rule.escalate.action if rule.escalate else rule.action, rule.action) is not Action.FLAG
            and (rule.escalate is not None or not rule.on_streams)
            and rule.covers_exchange(hook, context)
            and rule.covers_segment(role, Kind.TEXT)
            for rule in self.rules
        )

    def on_streams(self) -> PolicySet:
        """This set with the rules that can be judged on a text that arrives bit by bit."""
        return self._with([rule for rule in self.rules if rule.on_streams], self.exceptions)

    def _with(self, rules: Sequence[CompiledRule], exceptions: Sequence[CompiledException]) -> PolicySet:
        """The same detectors and patterns, for other rules."""
        return PolicySet(
            rules,
            exceptions,
            self.detectors,
            self._index,
            self._owners,
            self.digest,
            gates=self._gates,
            limits=self._limits,
        )

    def look_at_call(self, name: str, arguments: str, wanted: frozenset[int], deadline: Deadline) -> Seen:
        """What the `wanted` detectors see in a tool call as a whole. Raises `CannotJudge` at the deadline."""
        hits: dict[int, list[Hit]] = {}
        failed: dict[int, CannotJudge] = {}
        for detector in sorted(wanted & self._calling.keys()):
            judge = partial(self._calling[detector].judge_call, name, View("source", arguments), deadline)
            self._collect(detector, judge, hits, failed)
        return Seen({number: tuple(found) for number, found in hits.items()}, failed)

    def compares(self, detectors: Iterable[int]) -> bool:
        """Whether one of the detectors compares a response with its request."""
        return not self._comparing.keys().isdisjoint(detectors)

    def without_asking(self, scope: Scope) -> Scope:
        """A scope without the detectors that ask a provider."""
        if scope.wanted.isdisjoint(self._asking):
            return scope
        return Scope.of(scope.rules, scope.wanted.difference(self._asking))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The expressions of the shared pass."""
        return self._index.patterns

    def owners(self, pattern: int) -> Sequence[tuple[int, int]]:
        """The detectors whose pattern it is, with its number among each one's own."""
        return self._owners[pattern]

    def rules_for(self, hook: Hook, context: Context) -> Applying:
        """The rules that apply to an exchange."""
        said = self._heeded(context)
        if said is None:
            return self._covering(hook, context)
        known = self._covered.get((hook, said))
        if known is None:
            if len(self._covered) >= _CONTEXTS_REMEMBERED:
                self._covered.clear()
            known = self._covered[hook, said] = self._covering(hook, context)
        return known

    def _heeded(self, context: Context) -> tuple[str | None, ...] | None:
        """What any scope looks at in a context; None when it is too long to be remembered."""
        named = (context.tenant, context.route, context.provider, context.model)
        said = (
            *(value if heeded else None for value, heeded in zip(named, self._heeds, strict=True)),
            *(context.metadata.get(name) for name in self._metadata),
        )
        return said if sum(len(one) for one in said if one) < 1_000 else None

    def _covering(self, hook: Hook, context: Context) -> Applying:
        return Applying(rule for rule in self.rules if rule.covers_exchange(hook, context))

    def look(
        self,
        text: str,
        wanted: frozenset[int],
        deadline: Deadline,
        noted: Noted | None = None,
        told: Sequence[str] | None = None,
        answers: Answers | None = None,
    ) -> Seen:
        """Runs the `wanted` detectors over one text, in all its views, which go into `noted`.

        `told` are the system prompts of the exchange, None where they are not known; `answers` is what
        providers say, None where none is asked. A detector that could not look is in `failed`; the
        others' hits are complete. Raises `CannotJudge` at the deadline.
        """
        asking = wanted.intersection(self._asking)
        asked_for = wanted
        wanted = wanted | {self._gates[one] for one in asking if one in self._gates} if asking else wanted
        try:
            seen = views(text, self._limits)
        except EvidenceError as error:
            raise CannotJudge(Reason.DETECTOR_ERROR, str(error)) from None
        hits: dict[int, list[Hit]] = {}
        failed: dict[int, CannotJudge] = {}
        if seen.truncated:
            truncated = CannotJudge(Reason.TOO_MANY, "more encoded pieces than the limit")
            failed = dict.fromkeys(wanted, truncated)
        for view in seen.all:
            self._match(view, wanted, deadline, hits, failed, noted)
        # A guess at a text that arrives bit by bit could change with what comes.
        guessing = wanted & self._loosely if noted is None else frozenset()
        try:
            loose = (*seen.all, *loose_views(seen.all)) if guessing else seen.all
        except EvidenceError as error:
            raise CannotJudge(Reason.DETECTOR_ERROR, str(error)) from None
        for view in loose[len(seen.all) :]:
            self._match(view, guessing, deadline, hits, failed, None)
        for detector in self._choose(wanted)[1]:
            read = loose if detector in guessing else seen.all
            inspect = partial(self.detectors[detector].inspect, read, deadline)
            self._collect(detector, inspect, hits, failed)
        for detector in sorted(wanted & self._comparing.keys()):
            read = loose if detector in guessing else seen.all
            compare = partial(self._comparing[detector].compare, read, told, deadline)
            self._collect(detector, compare, hits, failed)
        if not asking:
            return Seen({number: tuple(found) for number, found in hits.items()}, failed)
        self._ask(seen.all[0], asking, answers, hits, failed)
        return Seen(
            {number: tuple(found) for number, found in hits.items() if number in asked_for},
            {number: failure for number, failure in failed.items() if number in asked_for},
        )

    def _ask(
        self,
        source: View,
        asking: frozenset[int],
        answers: Answers | None,
        hits: dict[int, list[Hit]],
        failed: dict[int, CannotJudge],
    ) -> None:
        """The detectors that ask a provider, once all others have looked."""
        for detector in sorted(asking - failed.keys()):
            gate = self._gates.get(detector)
            if gate is not None and gate in failed:
                failed[detector] = failed[gate]
                continue
            doubts = () if gate is None else tuple(hits.get(gate, ()))
            ask = partial(self._asking[detector].ask, source, doubts, answers)
            self._collect(detector, ask, hits, failed)

    def _match(
        self,
        view: View,
        wanted: frozenset[int],
        deadline: Deadline,
        hits: dict[int, list[Hit]],
        failed: dict[int, CannotJudge],
        noted: Noted | None,
    ) -> None:
        """The shared pass over one view, for the `wanted` detectors."""
        scanned = self._index.scan(view.text, deadline, view.fresh, self._choose(wanted)[0])
        if noted is not None:
            noted.append((view, scanned.matches))
        mine: dict[int, list[Match]] = {}
        for number, matches in scanned.matches.items():
            for detector, own in self._owners[number]:
                if detector in wanted:
                    mine.setdefault(detector, []).extend(
                        msgspec.structs.replace(match, pattern=own) for match in matches
                    )
        for number, failure in scanned.failed.items():
            for detector, _ in self._owners[number]:
                if detector in wanted:
                    failed.setdefault(detector, failure)
        for detector, matches in mine.items():
            confirm = partial(self.detectors[detector].confirm, view, matches, deadline)
            self._collect(detector, confirm, hits, failed)

    def _choose(self, wanted: frozenset[int]) -> tuple[frozenset[int], tuple[int, ...]]:
        """The patterns of the wanted detectors, and those of them that inspect."""
        chosen = self._chosen.get(wanted)
        if chosen is None:
            patterns = (
                number
                for number, owners in enumerate(self._owners)
                if any(detector in wanted for detector, _ in owners)
            )
            inspecting = (number for number in sorted(wanted) if self.detectors[number].inspects)
            chosen = self._chosen[wanted] = (frozenset(patterns), tuple(inspecting))
        return chosen

    def _collect(
        self,
        detector: int,
        run: Callable[[], Iterable[Hit]],
        hits: dict[int, list[Hit]],
        failed: dict[int, CannotJudge],
    ) -> None:
        try:
            found = list(run())
        except CannotJudge as failure:
            if failure.reason is Reason.DEADLINE:
                raise
            failed.setdefault(detector, failure)
        except Exception as error:  # noqa: BLE001 - whatever a detector does, the rule is unjudged
            # The message of a foreign exception may hold the text it was working on.
            name = self.detectors[detector].name
            failed.setdefault(detector, CannotJudge(Reason.DETECTOR_ERROR, f"{name}: {type(error).__name__}"))
        else:
            if found:
                hits.setdefault(detector, []).extend(found)


__all__ = [
    "Applying",
    "CompiledEscalation",
    "CompiledException",
    "CompiledRestore",
    "CompiledRule",
    "CompiledScope",
    "Globs",
    "Noted",
    "PolicySet",
    "Scope",
    "Seen",
]
