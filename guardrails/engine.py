"""The one place that decides: segments and a policy set in, a decision out."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from guardrails import bodies
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.masking import (
    Keys,
    Replacement,
    apply_plan,
    inserted,
    own_placeholders,
    plan,
    replacement,
    to_source,
)
from guardrails.model import (
    Action,
    Context,
    Edit,
    Finding,
    Hit,
    Hook,
    Mode,
    OnError,
    Opaque,
    Reason,
    Segment,
    Span,
    Unjudged,
    Verdict,
)
from guardrails.policy.policyset import CompiledRule, PolicySet, Seen

MAX_RESCANS = 4
"""How often a masked text is judged again before it counts as impossible to mask."""


class Decision(msgspec.Struct, frozen=True):
    """What was decided, and why. Holds no matched value.

    `findings` are those that count, `shadow` those of rules in shadow mode, `excused` those that an
    exception permits. `edits` are empty unless the verdict is `mask`. `unjudged` names what could not
    be looked at, `unknown` the shapes that no format describes (they were walked and judged), `opaque`
    what is left alone by contract. `timings` are seconds by stage.
    """

    verdict: Verdict
    hook: Hook
    policy: str
    findings: tuple[Finding, ...] = ()
    shadow: tuple[Finding, ...] = ()
    excused: tuple[Finding, ...] = ()
    edits: tuple[Edit, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    unknown: tuple[str, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    segments: int = 0
    characters: int = 0
    timings: Mapping[str, float] = {}

    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that led to the verdict, sorted."""
        return tuple(sorted({finding.rule for finding in self.findings}))


class Judged(msgspec.Struct, frozen=True):
    """A decision on a whole body. `body` is the rewritten body when the verdict is `mask`, else None."""

    decision: Decision
    format: bodies.Format
    body: object = None


class Engine:
    """Judges by one policy set. Safe to use from several threads."""

    def __init__(self, policies: PolicySet, keys: Keys) -> None:
        self.policies = policies
        self.keys = keys

    def judge_body(
        self,
        body: object,
        hook: Hook,
        context: Context,
        *,
        deadline: Deadline,
        today: dt.date,
        format: bodies.Format | None = None,
        response_unseen: bool = False,
    ) -> Judged:
        """Judges a provider's JSON body, and rewrites it where the verdict is `mask`.

        `response_unseen` says of a request that its response will be streamed past us; policies with
        `streams: deny` then deny it where they have response rules to enforce.
        """
        clock = _Clock()
        reading = bodies.read(body, hook, format)
        clock.lap("read")
        decision = self._judge(reading.segments, hook, context, deadline, today, reading, clock)
        if response_unseen:
            decision = self._deny_stream(decision, context)
        if decision.verdict is not Verdict.MASK:
            return Judged(decision, reading.format)
        try:
            rewritten = bodies.apply(body, decision.edits)
        except bodies.EditError:
            # Better no answer than one with the value in it.
            failure = Unjudged(Reason.UNAPPLICABLE, detail="the masked text could not be written back")
            denied = msgspec.structs.replace(
                decision, verdict=Verdict.DENY, edits=(), unjudged=(*decision.unjudged, failure)
            )
            return Judged(denied, reading.format)
        clock.lap("rewrite")
        return Judged(msgspec.structs.replace(decision, timings=clock.laps), reading.format, rewritten)

    def _deny_stream(self, decision: Decision, context: Context) -> Decision:
        unseen = tuple(
            Unjudged(Reason.NO_BODY, rule.id, None, "the response is streamed past the service")
            for rule in self.policies.rules
            if rule.deny_streams
            and rule.mode is Mode.ENFORCE
            and rule.action is not Action.FLAG
            and rule.covers_exchange(Hook.RESPONSE, context)
        )
        if not unseen:
            return decision
        return msgspec.structs.replace(
            decision, verdict=Verdict.DENY, edits=(), unjudged=(*decision.unjudged, *unseen)
        )

    def judge(
        self,
        segments: Sequence[Segment],
        hook: Hook,
        context: Context,
        *,
        deadline: Deadline,
        today: dt.date,
    ) -> Decision:
        """Judges texts that have been taken out of their body already."""
        reading = bodies.Reading(bodies.Format.GENERIC, tuple(segments), (), (), ())
        return self._judge(segments, hook, context, deadline, today, reading, _Clock())

    def _judge(
        self,
        segments: Sequence[Segment],
        hook: Hook,
        context: Context,
        deadline: Deadline,
        today: dt.date,
        reading: bodies.Reading,
        clock: _Clock,
    ) -> Decision:
        judgement = _Judgement(self.policies, self.keys, hook, context, deadline, today)
        judgement.read_failures(reading.unjudged)
        for segment in segments:
            judgement.look(segment)
        clock.lap("detect")
        judgement.escalate()
        edits = judgement.mask(segments) if judgement.verdict() is Verdict.MASK else []
        clock.lap("mask")
        verdict = judgement.verdict()
        return Decision(
            verdict=verdict,
            hook=hook,
            policy=self.policies.digest,
            findings=tuple(judgement.findings),
            shadow=tuple(judgement.shadow),
            excused=tuple(judgement.excused),
            edits=tuple(edits) if verdict is Verdict.MASK else (),
            unjudged=tuple(judgement.unjudged),
            unknown=reading.unknown,
            opaque=reading.opaque,
            segments=len(segments),
            characters=sum(len(segment.text) for segment in segments),
            timings=clock.laps,
        )


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._at
        self._at = now


class _Judgement:
    """The state of judging one exchange."""

    def __init__(
        self,
        policies: PolicySet,
        keys: Keys,
        hook: Hook,
        context: Context,
        deadline: Deadline,
        today: dt.date,
    ) -> None:
        self._policies = policies
        self._keys = keys
        self._tenant = context.tenant
        self._deadline = deadline
        self._today = today
        self._rules = [rule for rule in policies.rules if rule.covers_exchange(hook, context)]
        self._rule = {rule.id: rule for rule in self._rules}
        self._in_scope: dict[tuple[object, object], tuple[list[CompiledRule], frozenset[int]]] = {}
        self._seen: dict[tuple[str, frozenset[int]], Seen] = {}
        self._error_denies = False
        self._raised: dict[str, Action] = {}
        self.findings: list[Finding] = []
        self.shadow: list[Finding] = []
        self.excused: list[Finding] = []
        self.unjudged: list[Unjudged] = []

    def verdict(self) -> Verdict:
        """The strictest enforced action, and a denial where something had to be judged and was not."""
        if self._error_denies:
            return Verdict.DENY
        strictest = max((finding.action for finding in self.findings), default=Action.FLAG)
        return Verdict(int(strictest))

    def read_failures(self, failures: Iterable[Unjudged]) -> None:
        """What the body's reader could not read counts against every rule of the exchange."""
        for failure in failures:
            self._fail(failure, self._rules)

    def look(self, segment: Segment) -> None:
        """Judges one segment: its findings, or what could not be looked at."""
        self._sort(self._findings(segment, segment.text))

    def escalate(self) -> None:
        """Raises the action of rules that found as many distinct values as their escalation names."""
        values: dict[str, set[str]] = {}
        for finding in self.findings:
            values.setdefault(finding.rule, set()).add(finding.fingerprint)
        self._raised = {
            name: escalation.action
            for name, found in values.items()
            if (escalation := self._rule[name].escalate) and len(found) >= escalation.count
        }
        if self._raised:
            self.findings = [
                msgspec.structs.replace(finding, action=self._action(self._rule[finding.rule]))
                for finding in self.findings
            ]

    def _action(self, rule: CompiledRule) -> Action:
        return max(rule.action, self._raised.get(rule.id, rule.action))

    def mask(self, segments: Sequence[Segment]) -> list[Edit]:
        """Replaces every masked value, judging what comes of it until nothing more is found."""
        by_address: dict[object, list[Finding]] = {}
        for finding in self.findings:
            if finding.action is Action.MASK:
                by_address.setdefault(finding.address, []).append(finding)
        edits: list[Edit] = []
        for segment in segments:
            found = by_address.get(segment.address)
            if found:
                edits += self._mask_segment(segment, found)
        return edits

    def _mask_segment(self, segment: Segment, found: list[Finding]) -> list[Edit]:
        for _ in range(MAX_RESCANS):
            replacements = self._replacements(segment, found)
            places = inserted(replacements)
            masked = apply_plan(segment.text, replacements)
            more = [
                moved
                for finding in self._findings(segment, masked)
                if (moved := self._moved(finding, replacements, places, segment.text)) is not None
            ]
            known = {
                (one.rule, one.start, one.end)
                for one in (*self.findings, *self.shadow, *self.excused)
                if one.address == segment.address
            }
            new = [one for one in more if (one.rule, one.start, one.end) not in known]
            self._sort(new)
            masks = [one for one in new if one.action is Action.MASK and not one.shadow and not one.exception]
            if not masks:
                return [Edit(segment.address, one.start, one.end, one.text) for one in replacements]
            found = found + masks
        self._fail(
            Unjudged(Reason.UNAPPLICABLE, None, segment.address, "masking keeps uncovering new values"),
            self._rules,
            always=True,
        )
        return []

    def _moved(
        self, finding: Finding, replacements: Sequence[Replacement], places: Sequence[Span], text: str
    ) -> Finding | None:
        """A finding in the masked text, put at its place in the source; None inside a replacement."""
        span = to_source(Span(finding.start, finding.end), replacements, places)
        if span is None or span.start >= span.end:
            return None
        fingerprint = self._keys.fingerprint(self._tenant, finding.label, text[span.start : span.end])
        return msgspec.structs.replace(finding, start=span.start, end=span.end, fingerprint=fingerprint)

    def _replacements(self, segment: Segment, found: Sequence[Finding]) -> list[Replacement]:
        replacements = []
        for span in plan([Span(finding.start, finding.end) for finding in found]):
            inside = [finding for finding in found if span.overlaps(Span(finding.start, finding.end))]
            # One finding names the placeholder; which one must not depend on the order of rules.
            leader = min(inside, key=lambda one: (-one.severity, one.start - one.end, one.rule, one.label))
            mask = self._rule[leader.rule].mask
            assert mask is not None
            value = segment.text[span.start : span.end]
            text = replacement(mask, self._keys, self._tenant, leader.label, value)
            replacements.append(Replacement(span.start, span.end, text))
        return replacements

    def _findings(self, segment: Segment, text: str) -> list[Finding]:
        rules, wanted = self._scope(segment)
        if not wanted or not text:
            return []
        try:
            seen = self._look(text, wanted)
        except CannotJudge as failure:
            self._fail(Unjudged(failure.reason, None, segment.address, failure.detail), rules)
            return []
        found: list[Finding] = []
        placeholders = own_placeholders(self._keys, self._tenant, text)
        for rule in rules:
            failed = seen.failed.get(rule.detector)
            if failed is not None:
                self._fail(Unjudged(failed.reason, rule.id, segment.address, failed.detail), [rule])
            for hit in _distinct(seen, rule.detector):
                if any(place.covers(hit.span) for place in placeholders):
                    continue
                value = text[hit.start : hit.end]
                fingerprint = self._keys.fingerprint(self._tenant, hit.label, value)
                found.append(
                    Finding(
                        rule=rule.id,
                        severity=rule.severity,
                        action=self._action(rule),
                        address=segment.address,
                        role=segment.role,
                        kind=segment.kind,
                        start=hit.start,
                        end=hit.end,
                        label=hit.label,
                        score=hit.score,
                        view=hit.view,
                        fingerprint=fingerprint,
                        why=hit.why,
                        exception=self._excuse(rule.id, value, fingerprint),
                        shadow=rule.mode is Mode.SHADOW,
                    )
                )
        return found

    def _look(self, text: str, wanted: frozenset[int]) -> Seen:
        # Agents repeat themselves: one text is often in a conversation several times.
        key = (text, wanted)
        seen = self._seen.get(key)
        if seen is None:
            self._deadline.check()
            seen = self._seen[key] = self._policies.look(text, wanted, self._deadline)
        return seen

    def _scope(self, segment: Segment) -> tuple[list[CompiledRule], frozenset[int]]:
        key = (segment.role, segment.kind)
        scope = self._in_scope.get(key)
        if scope is None:
            rules = [rule for rule in self._rules if rule.covers_segment(segment.role, segment.kind)]
            scope = self._in_scope[key] = (rules, frozenset(rule.detector for rule in rules))
        return scope

    def _excuse(self, rule: str, value: str, fingerprint: str) -> str | None:
        for exception in self._policies.exceptions:
            if exception.excuses(rule, value, fingerprint, self._today):
                return exception.id
        return None

    def _sort(self, found: Iterable[Finding]) -> None:
        for finding in found:
            if finding.exception is not None:
                self.excused.append(finding)
            elif finding.shadow:
                self.shadow.append(finding)
            else:
                self.findings.append(finding)

    def _fail(self, failure: Unjudged, rules: Iterable[CompiledRule], *, always: bool = False) -> None:
        if failure not in self.unjudged:
            self.unjudged.append(failure)
        if always or any(rule.mode is Mode.ENFORCE and rule.on_error is OnError.DENY for rule in rules):
            self._error_denies = True


def _distinct(seen: Seen, detector: int) -> list[Hit]:
    """Hits of a detector, one per span and label: the one from the plainest view."""
    best: dict[tuple[int, int, str], Hit] = {}
    for hit in seen.hits.get(detector, ()):
        key = (hit.start, hit.end, hit.label)
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(best.values(), key=lambda one: (one.start, one.end, one.label))
