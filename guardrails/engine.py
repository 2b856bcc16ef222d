"""The one place that decides: segments and a policy set in, a decision out."""

from __future__ import annotations

import copy
import datetime as dt
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

import msgspec

from guardrails import bodies
from guardrails.bodies.detect import Traits
from guardrails.cache import Cache, Hasher
from guardrails.detectors.base import Answers, CannotJudge, Deadline
from guardrails.masking import (
    Copies,
    Kept,
    Keys,
    PlaceholderMask,
    Replacement,
    Restored,
    Subjects,
    apply_plan,
    inserted,
    meant,
    own_placeholders,
    plan,
    replacement,
    to_source,
    traces,
)
from guardrails.model import (
    Action,
    Address,
    Context,
    Edit,
    Finding,
    Hit,
    Hook,
    Kind,
    Mode,
    OnError,
    Opaque,
    Reason,
    Role,
    Segment,
    Span,
    Unjudged,
    Verdict,
)
from guardrails.policy.policyset import Applying, CompiledRule, Noted, PolicySet, Scope, Seen

MAX_RESCANS = 4
"""How often a masked text is judged again before it counts as impossible to mask."""

FEW = 256
"""Of so many values it pays to tell, before a message is decoded, whether it can hold a copy of one."""


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

    def reason(self) -> str:
        """One line for whoever is denied: ids of rules and reasons of what was not judged, no values."""
        denying = {one.rule for one in self.findings if one.action is Action.DENY}
        rules = sorted(denying) or self.rules()
        parts = [f"denied by {', '.join(rules)}"] if rules else []
        if self.unjudged and not denying:
            parts.append(f"not judged: {', '.join(sorted({one.reason.value for one in self.unjudged}))}")
        return "guardrails: " + ("; ".join(parts) or "denied")


class Judged(msgspec.Struct, frozen=True):
    """A decision on a whole body. `body` is the rewritten body when the verdict is `mask`, else None.

    It is JSON text (`msgspec.Raw`) where JSON text was judged. `undecided` says of each text that may go on
    how many characters at its end could still change, where that was asked for. `kept` are the values that
    its placeholders stand for, of rules that let them come back in responses. `restored` says what came back
    where somebody restored, by the edits `back` in what was masked: then there may be a `body` although
    nothing was masked.
    """

    decision: Decision
    format: bodies.Format
    body: object = None
    undecided: tuple[int, ...] = ()
    kept: Mapping[str, Kept] = {}
    restored: Restored | None = None
    back: tuple[Edit, ...] = ()


class Sighting(msgspec.Struct, frozen=True):
    """A segment, without its text, in which something was seen or could not be looked at."""

    address: Address
    role: Role
    kind: Kind
    seen: Seen | None
    failure: CannotJudge | None = None


class Known(msgspec.Struct, frozen=True):
    """What one part of a body holds, without its texts. Addresses are the part's own."""

    segments: int
    characters: int
    sightings: tuple[Sighting, ...] = ()
    unknown: tuple[str, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()

    def size(self) -> int:
        """About how many bytes it takes."""
        hits = sum(len(found) for one in self.sightings if one.seen for found in one.seen.hits.values())
        return 200 + 300 * len(self.sightings) + 250 * hits + 150 * (len(self.opaque) + len(self.unknown))

    def is_telling(self) -> bool:
        """Whether there is more to it than texts in which nothing was seen."""
        return bool(self.sightings or self.unknown or self.opaque or self.unjudged)

    def lasts(self) -> bool:
        """Whether it would be found the same another time: not where time ran out or a detector failed."""
        return all(one.failure is None and one.seen and not one.seen.failed for one in self.sightings)


class Block(msgspec.Struct, frozen=True):
    """What some parts of a body hold that follow one another; `telling` are those with more than texts."""

    segments: int
    characters: int
    telling: tuple[tuple[int, Known], ...]
    lasts: bool

    @classmethod
    def of(cls, parts: Sequence[Known]) -> Block:
        return cls(
            segments=sum(one.segments for one in parts),
            characters=sum(one.characters for one in parts),
            telling=tuple((place, one) for place, one in enumerate(parts) if one.is_telling()),
            lasts=all(one.lasts() for one in parts),
        )

    def size(self) -> int:
        """About how many bytes it takes."""
        return 200 + sum(one.size() for _, one in self.telling)


class Stretch(msgspec.Struct, frozen=True):
    """The part `[since, until)` of a text that is judged now, of which the rest is known or still to come.

    `prior` are the edits made in what stands before, `values` the fingerprints found before by rule.
    """

    since: int
    until: int
    prior: tuple[Edit, ...] = ()
    values: Mapping[str, frozenset[str]] = {}


class Rescan(msgspec.Struct, frozen=True):
    """A masked text that was judged again, what was replaced in it, and what matched in it."""

    text: str
    replacements: Sequence[Replacement]
    noted: Noted


JudgeCache = Cache[object]
"""What engines remember of contents: `Known` and `Block` of parts, `Seen` of texts, `Traits`."""

T = TypeVar("T")


class Engine:
    """Judges by one policy set. Safe to use from several threads."""

    def __init__(
        self,
        policies: PolicySet,
        keys: Keys,
        cache: JudgeCache | None = None,
        providers: Mapping[str, str] = {},
    ) -> None:
        """`cache` may be shared with engines of other policy sets: entries tell them apart.

        `providers` says by name what answers of each hang on: what others answered does not count.
        """
        self.policies = policies
        self.keys = keys
        digest = "\0".join([policies.digest, *(f"{name}={providers[name]}" for name in sorted(providers))])
        self._memory = None if cache is None else _Memory(cache, digest, keys)
        self._answers: Answers | None = None

    def hearing(self, answers: Answers) -> Engine:
        """This engine for one exchange, with what providers say in it."""
        engine = copy.copy(self)
        engine._answers = answers
        return engine

    def judge_json(
        self,
        data: bytes | msgspec.Raw,
        hook: Hook,
        context: Context,
        *,
        deadline: Deadline,
        today: dt.date,
        format: bodies.Format | None = None,
        response_unseen: bool = False,
        sent: Mapping[str, Kept] = {},
        request: object = None,
    ) -> Judged:
        """Judges a provider's body as JSON text, and rewrites it where the verdict is `mask`.

        Messages that are known are not decoded, and what is not masked stays byte for byte. `sent` is what
        earlier requests of the conversation were given to keep: copies of it are masked too. `request` is
        the body that a response answers, where it is known, decoded or `msgspec.Raw`.
        `response_unseen` says of a request that its response will be streamed past us; policies with
        `streams: deny` then deny it where they have response rules to enforce.
        Raises `msgspec.DecodeError` when it is no JSON object as `msgspec` reads it, `UnicodeDecodeError`
        when it is not UTF-8, `RecursionError` when it is nested deeper than the interpreter's stack.
        """
        clock = _Clock()
        parts = bodies.Parts(data, hook)
        judgement = self._judgement(hook, context, deadline, today, request, format)
        named = [(block, self._name(block, context)) for block in parts.blocks()]
        if format is None and parts.needs_traits:
            if self._memory:
                self._memory.fetch(b"traits" + name for _, name in named[1:])
            format = parts.format(hook, self._traits(named[1:], context))
        format = format or parts.format(hook, Traits())
        clock.lap("read")
        purpose = (
            self._memory.purpose("part", hook, format, judgement.rules.name, judgement.told_name)
            if self._memory
            else b""
        )
        if self._memory:
            self._memory.fetch(purpose + name for _, name in named)
        for block, name in named:
            known = self._memory.get(purpose + name, Block) if self._memory else None
            if known is None:
                known = Block.of(
                    [self._part(judgement, one, purpose, hook, format, context) for one in block]
                )
                if self._memory and known.lasts:
                    self._memory.keep(purpose + name, known, known.size())
            judgement.segments += known.segments
            judgement.characters += known.characters
            for index, one in known.telling:
                texts = _texts(block[index].read(hook, format)) if one.sightings else {}
                judgement.take(one, texts, block[index])
        clock.lap("detect")

        def holding(values: Sequence[str]) -> Iterator[_Place]:
            return self._holding(named, values, hook, format, context)

        def rewritten(edits: Sequence[Edit]) -> object:
            return parts.joined({part: part.rewritten(own) for part, own in judgement.by_part(edits).items()})

        decision = self._decide(judgement, clock, sent, holding)
        if response_unseen:
            decision = self._deny_stream(decision, context)
        return _judged(decision, judgement, format, clock, rewritten)

    def _judgement(
        self,
        hook: Hook,
        context: Context,
        deadline: Deadline,
        today: dt.date,
        request: object,
        format: bodies.Format | None = None,
    ) -> _Judgement:
        return _Judgement(
            self.policies,
            self.keys,
            hook,
            context,
            deadline,
            today,
            self._memory,
            request=request,
            format=format,
            answers=self._answers,
        )

    def _name(self, block: Sequence[bodies.Part], context: Context) -> bytes:
        """What parts that follow one another are known by."""
        return self._memory.hasher(context.tenant).of(*[part.raw for part in block]) if self._memory else b""

    def _holding(
        self,
        named: Iterable[tuple[Sequence[bodies.Part], bytes]],
        values: Sequence[str],
        hook: Hook,
        format: bodies.Format,
        context: Context,
    ) -> Iterator[_Place]:
        """The segments of parts that may hold some of the values: of all parts where the values are many."""
        hasher = self._memory.hasher(context.tenant) if self._memory else None
        sought = [
            (traces(value), b"near" + hasher.of(value.encode("utf-8", "surrogatepass")) if hasher else b"")
            for value in (values if len(values) <= FEW else ())
        ]
        for block, name in named:
            for part in self._near(block, name, sought) if sought else block:
                for segment in part.read(hook, format).segments:
                    yield msgspec.structs.replace(segment, address=part.place(segment.address)), part

    def _near(
        self, block: Sequence[bodies.Part], name: bytes, sought: Iterable[tuple[Sequence[bytes], bytes]]
    ) -> list[bodies.Part]:
        """The parts that may hold a value, by its traces and the key that it is remembered by.

        That parts hold none is remembered: they stay as they are from turn to turn.
        """
        data: list[bytes] = []
        near: list[bytes] = []
        for bits, key in sought:
            held = self._memory.get(key + name, bool) if self._memory else None
            if held is None:
                data = data or [bytes(part.raw) for part in block]
                held = any(bit in one for one in data for bit in bits)
                if self._memory:
                    self._memory.keep(key + name, held, 0)
            if held:
                near += bits
        return [part for part in block if any(bit in bytes(part.raw) for bit in near)] if near else []

    def _part(
        self,
        judgement: _Judgement,
        part: bodies.Part,
        purpose: bytes,
        hook: Hook,
        format: bodies.Format,
        context: Context,
    ) -> Known:
        """What one part of a body holds, which may be known."""
        if self._memory is None:
            return judgement.see(part.read(hook, format))
        key = purpose + self._name((part,), context)
        known = self._memory.get(key, Known)
        if known is None:
            known = judgement.see(part.read(hook, format))
            if known.lasts():
                self._memory.keep(key, known, known.size())
        return known

    def _traits(self, named: Iterable[tuple[Sequence[bodies.Part], bytes]], context: Context) -> Traits:
        """The traits of all messages, on which the format hangs."""
        seen = Traits()
        for block, name in named:
            key = b"traits" + name
            traits = self._memory.get(key, Traits) if self._memory else None
            if traits is None:
                if len(block) > 1:
                    traits = self._traits((((one,), self._name((one,), context)) for one in block), context)
                else:
                    traits = block[0].traits()
                if self._memory:
                    self._memory.keep(key, traits, 500)
            seen |= traits
        return seen

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
        sent: Mapping[str, Kept] = {},
        request: object = None,
    ) -> Judged:
        """Judges a decoded body of any JSON type, and rewrites it where the verdict is `mask`.

        The same as `judge_json`, which is faster on conversations.
        """
        clock = _Clock()
        reading = bodies.read(body, hook, format)
        clock.lap("read")
        judgement = self._judgement(hook, context, deadline, today, request, format)
        decision = self._judge(reading, judgement, clock, sent)
        if response_unseen:
            decision = self._deny_stream(decision, context)
        return _judged(
            decision,
            judgement,
            reading.format,
            clock,
            lambda edits: bodies.apply(body, edits, reading.opaque),
        )

    def _deny_stream(self, decision: Decision, context: Context) -> Decision:
        unseen = tuple(
            Unjudged(Reason.NO_BODY, rule.id, None, "the response is streamed past the service")
            for rule in self.policies.rules
            if rule.deny_streams and _is_enforced_on_responses(rule, context)
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
        request: object = None,
    ) -> Decision:
        """Judges texts that have been taken out of their body already."""
        reading = bodies.Reading(bodies.Format.GENERIC, tuple(segments), (), (), ())
        return self._judge(reading, self._judgement(hook, context, deadline, today, request), _Clock())

    def judge_stretch(
        self,
        segment: Segment,
        seen: Seen,
        stretch: Stretch,
        hook: Hook,
        context: Context,
        *,
        deadline: Deadline,
        today: dt.date,
    ) -> tuple[Decision, Sequence[Rescan]]:
        """Judges what begins within a stretch of a text in which `seen` was seen.

        With it come the texts that were judged again, in order, where something is masked.
        """
        judgement = _Judgement(self.policies, self.keys, hook, context, deadline, today, None, stretch)
        known = Known(
            1,
            stretch.until - stretch.since,
            (Sighting(segment.address, segment.role, segment.kind, seen),),
        )
        judgement.segments, judgement.characters = known.segments, known.characters
        judgement.take(known, {segment.address: segment.text})
        return self._decide(judgement, _Clock()), judgement.rescans

    def not_on_streams(self, context: Context) -> tuple[CompiledRule, ...]:
        """The enforced response rules that cannot be judged on a text that arrives bit by bit."""
        return tuple(
            rule
            for rule in self.policies.rules
            if not rule.on_streams and _is_enforced_on_responses(rule, context)
        )

    def _judge(
        self,
        reading: bodies.Reading,
        judgement: _Judgement,
        clock: _Clock,
        sent: Mapping[str, Kept] = {},
    ) -> Decision:
        known = judgement.see(reading)
        judgement.segments, judgement.characters = known.segments, known.characters
        judgement.take(known, _texts(reading))
        clock.lap("detect")

        def holding(_values: Sequence[str]) -> Iterator[_Place]:
            return ((segment, None) for segment in reading.segments)

        return self._decide(judgement, clock, sent, holding)

    def _decide(
        self,
        judgement: _Judgement,
        clock: _Clock,
        sent: Mapping[str, Kept] = {},
        holding: _Holding | None = None,
    ) -> Decision:
        judgement.escalate()
        if judgement.masks():
            judgement.mask()
        if holding is not None and judgement.hook is Hook.REQUEST and self.policies.restores:
            judgement.mask_copies(sent, holding)
        edits = judgement.edits()
        clock.lap("mask")
        verdict = judgement.verdict()
        return Decision(
            verdict=verdict,
            hook=judgement.hook,
            policy=self.policies.digest,
            findings=tuple(judgement.findings),
            shadow=tuple(judgement.shadow),
            excused=tuple(judgement.excused),
            edits=tuple(edits) if verdict is Verdict.MASK else (),
            unjudged=tuple(judgement.unjudged),
            unknown=tuple(judgement.unknown),
            opaque=tuple(judgement.opaque),
            segments=judgement.segments,
            characters=judgement.characters,
            timings=clock.laps,
        )


def _is_enforced_on_responses(rule: CompiledRule, context: Context) -> bool:
    return (
        rule.mode is Mode.ENFORCE
        and rule.action is not Action.FLAG
        and rule.covers_exchange(Hook.RESPONSE, context)
    )


def _judged(
    decision: Decision,
    judgement: _Judgement,
    format: bodies.Format,
    clock: _Clock,
    rewritten: Callable[[Sequence[Edit]], object],
) -> Judged:
    """What came of a body, which `rewritten` gives with edits made where it is to be masked."""
    if decision.verdict is not Verdict.MASK:
        return Judged(decision, format)
    try:
        body = rewritten(decision.edits)
    except bodies.EditError:
        return Judged(_unwritten(decision), format)
    clock.lap("rewrite")
    decision = msgspec.structs.replace(decision, timings=clock.laps)
    return Judged(decision, format, body, kept=judgement.kept())


def _unwritten(decision: Decision) -> Decision:
    """A denial instead of a mask that could not be written: no answer is better than one with the value."""
    failure = Unjudged(Reason.UNAPPLICABLE, detail="the masked text could not be written back")
    return msgspec.structs.replace(
        decision, verdict=Verdict.DENY, edits=(), unjudged=(*decision.unjudged, failure)
    )


def _system_prompts(request: object, format: bodies.Format | None) -> list[str] | None:
    """What the developer says in a request; None where it cannot be read or is of no known format.

    `format` is the exchange's; without it the request's shape decides.
    """
    try:
        body = msgspec.json.decode(request) if isinstance(request, msgspec.Raw) else request
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    reading = bodies.read(body, Hook.REQUEST, format)
    if reading.format is bodies.Format.GENERIC:
        return None
    return [one.text for one in reading.segments if one.role in (Role.SYSTEM, Role.DEVELOPER)]


def _texts(reading: bodies.Reading) -> dict[Address, str]:
    texts = {Address(call.pointer): call.text for call in reading.calls}
    return texts | {segment.address: segment.text for segment in reading.segments}


class _Memory:
    """A cache as one engine uses it: keyed by tenant, policy set and purpose."""

    def __init__(self, cache: JudgeCache, digest: str, keys: Keys) -> None:
        self._cache = cache
        self._digest = digest
        self._keys = keys
        self.keep = cache.put
        self.purpose = lru_cache(maxsize=1_024)(self._purpose)
        self.hasher = lru_cache(maxsize=1_024)(self._hasher)

    def get(self, key: bytes, type: type[T]) -> T | None:
        found = self._cache.get(key)
        return found if isinstance(found, type) else None

    def fetch(self, keys: Iterable[bytes]) -> None:
        """Told which keys are asked for next."""
        self._cache.fetch(list(keys))

    def _hasher(self, tenant: str) -> Hasher:
        # No tenant can tell by the time it takes what another has sent.
        return Hasher(self._keys.derive("cache", tenant), self._digest)

    def _purpose(self, *words: str) -> bytes:
        return Hasher(b"", *words).of(b"")


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._at
        self._at = now


class _Places:
    """Places in a text, asked for by what they cover."""

    def __init__(self, spans: Iterable[Span]) -> None:
        joined = plan(list(spans))
        self._starts = [span.start for span in joined]
        self._ends = [span.end for span in joined]

    def cover(self, span: Span) -> bool:
        before = bisect_right(self._starts, span.start) - 1
        return before >= 0 and span.end <= self._ends[before]


_Place: TypeAlias = tuple[Segment, bodies.Part | None]
"""A segment, and the part of the body that it is in where that is known."""

_Holding: TypeAlias = Callable[[Sequence[str]], Iterable[_Place]]
"""Gives, in order, the segments of a body that may hold some of the values."""


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
        memory: _Memory | None,
        stretch: Stretch | None = None,
        request: object = None,
        format: bodies.Format | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._answers = answers
        self.hook = hook
        self._stretch = stretch
        self._policies = policies
        self._keys = keys
        self._memory = memory
        self._tenant = context.tenant
        self._deadline = deadline
        self._today = today
        self.rules = policies.rules_for(hook, context)
        # A request gives nothing away; what a response does, only the request can tell.
        self._told: list[str] | None = [] if hook is Hook.REQUEST else None
        self.told_name = ""  # what is known of texts hangs on what they were compared with
        if request is not None and policies.compares(rule.detector for rule in self.rules.all):
            self._told = _system_prompts(request, format)
            if memory and self._told is not None:
                said = [one.encode("utf-8", "surrogatepass") for one in self._told]
                self.told_name = memory.hasher(self._tenant).of(*said).hex()
        self._seen: dict[tuple[str, frozenset[int]], Seen] = {}
        self._touched: list[_Place] = []
        self._error_denies = False
        self._raised: dict[str, Action] = {}
        self._edits: dict[Address, list[Edit]] = {}
        self._known: dict[Address, set[tuple[str, int, int]]] = {}  # what was found where, by which rule
        self._originals: dict[Address, dict[str, Kept]] = {}  # what placeholders stand for, by segment
        self._subjects = Subjects()
        self.rescans: list[Rescan] = []  # of a stretch
        self.findings: list[Finding] = []
        self.shadow: list[Finding] = []
        self.excused: list[Finding] = []
        self.unjudged: dict[Unjudged, None] = {}  # in order, each once
        self.unknown: list[str] = []
        self.opaque: list[Opaque] = []
        self.segments = 0
        self.characters = 0

    def verdict(self) -> Verdict:
        """The strictest enforced action, and a denial where something had to be judged and was not."""
        if self._error_denies:
            return Verdict.DENY
        strictest = max((finding.action for finding in self.findings), default=Action.FLAG)
        return Verdict(int(strictest))

    def masks(self) -> bool:
        """Whether something is to be masked, or what was masked before may uncover something."""
        verdict = self.verdict()
        return verdict is Verdict.MASK or (
            verdict is Verdict.ALLOW and self._stretch is not None and bool(self._stretch.prior)
        )

    def see(self, reading: bodies.Reading) -> Known:
        """What is to be seen in a body or a part of one."""
        sightings: list[Sighting] = []
        for segment in reading.segments:
            scope = self.rules.scope(segment.role, segment.kind)
            if not scope.wanted or not segment.text:
                continue
            seen, failure = None, None
            try:
                seen = self._look(segment.text, scope)
            except CannotJudge as cannot:
                failure = cannot
            if failure or (seen and (seen.hits or seen.failed)):
                sightings.append(Sighting(segment.address, segment.role, segment.kind, seen, failure))
        sightings += self._calls(reading)
        return Known(
            segments=len(reading.segments),
            characters=sum(len(segment.text) for segment in reading.segments),
            sightings=tuple(sightings),
            unknown=reading.unknown,
            opaque=reading.opaque,
            unjudged=reading.unjudged,
        )

    def _calls(self, reading: bodies.Reading) -> Iterator[Sighting]:
        """What is to be seen in tool calls as a whole."""
        wanted = self.rules.scope(Role.ASSISTANT, Kind.TOOL_INPUT).wanted
        for call in reading.calls if wanted else ():
            seen, failure = None, None
            try:
                seen = self._policies.look_at_call(call.name, call.text, wanted, self._deadline)
            except CannotJudge as cannot:
                failure = cannot
            if failure or (seen and (seen.hits or seen.failed)):
                yield Sighting(Address(call.pointer), Role.ASSISTANT, Kind.TOOL_INPUT, seen, failure)

    def take(self, known: Known, texts: Mapping[Address, str], part: bodies.Part | None = None) -> None:
        """Judges what was seen: scope, thresholds and exceptions come to bear here."""
        self.unknown += known.unknown if part is None else map(part.pointer, known.unknown)
        for opaque in known.opaque:
            pointer = opaque.pointer if part is None else part.pointer(opaque.pointer)
            self.opaque.append(Opaque(pointer, opaque.what))
        for failure in known.unjudged:
            # What the body's reader could not read counts against every rule of the exchange.
            address = part.place(failure.address) if part and failure.address else failure.address
            self._fail(msgspec.structs.replace(failure, address=address), self.rules.all)
        for one in known.sightings:
            address = one.address if part is None else part.place(one.address)
            segment = Segment(address, one.role, one.kind, texts[one.address])
            self._touched.append((segment, part))
            if one.failure is not None:
                self._failed(segment, one.failure)
            if one.seen is not None:
                found = self._found(segment, segment.text, one.seen)
                self._sort(one for one in found if self._concerns(one))

    def escalate(self) -> None:
        """Raises the action of rules that found as many distinct values as their escalation names."""
        before = self._stretch.values if self._stretch else {}
        values: dict[str, set[str]] = {rule: set(found) for rule, found in before.items()}
        for finding in self.findings:
            values.setdefault(finding.rule, set()).add(finding.fingerprint)
        self._raised = {
            name: escalation.action
            for name, found in values.items()
            if name in self.rules.by_id
            and (escalation := self.rules.by_id[name].escalate)
            and len(found) >= escalation.count
        }
        if self._raised:
            self.findings = [
                msgspec.structs.replace(finding, action=self._action(self.rules.by_id[finding.rule]))
                for finding in self.findings
            ]

    def _action(self, rule: CompiledRule) -> Action:
        return max(rule.action, self._raised.get(rule.id, rule.action))

    def by_part(self, edits: Iterable[Edit]) -> dict[bodies.Part, list[Edit]]:
        """Edits by the part that they are in, at its own addresses."""
        parts = {segment.address: part for segment, part in self._touched}
        found: dict[bodies.Part, list[Edit]] = {}
        for edit in edits:
            part = parts[edit.address]
            assert part is not None
            own = msgspec.structs.replace(edit, address=part.unplace(edit.address))
            found.setdefault(part, []).append(own)
        return found

    def mask(self) -> None:
        """Replaces every masked value, judging what comes of it until nothing more is found."""
        masks = self._masks()
        # Who is mentioned first names a subject: what stands around the messages came before them.
        for segment, _ in sorted(self._touched, key=lambda one: bodies.is_in_conversation(one[0].address)):
            found = masks.get(segment.address, [])
            if found or (self._stretch and self._stretch.prior):
                self._edits[segment.address] = self._mask_segment(segment, found)

    def mask_copies(self, sent: Mapping[str, Kept], holding: _Holding) -> None:
        """Masks copies of values that may have come back to the client, where no rule finds them.

        They count from the message on in which a value is first found, so that what was sent before stays as
        it was; those of `sent` everywhere, if they are not found in this request at all.
        """
        brought = {address: _restorable(found, self.rules) for address, found in self._originals.items()}
        ours = {name: one for found in brought.values() for name, one in found.items()}
        looked_for = {one.value: one for name, one in sent.items() if name not in ours}
        values = list(dict.fromkeys([*looked_for, *(one.value for one in ours.values())]))
        masks = self._masks()
        touched = {segment.address for segment, _ in self._touched}
        sought = Copies(values)
        for segment, part in holding(values) if values else ():
            looked_for |= {one.value: one for one in brought.get(segment.address, {}).values()}
            before = masks.get(segment.address, [])
            try:
                found = list(self._copies(segment, sought, looked_for, before))
            except CannotJudge as failure:
                self._failed(segment, failure)
                break
            if not found:
                continue
            self._sort(found)
            if segment.address not in touched:
                self._touched.append((segment, part))
            masked = [
                one for one in found if one.action is Action.MASK and one.exception is None and not one.shadow
            ]
            self._edits[segment.address] = self._mask_segment(segment, before + masked)

    def edits(self) -> list[Edit]:
        """What masking changes."""
        return [edit for edits in self._edits.values() for edit in edits]

    def _masks(self) -> dict[Address, list[Finding]]:
        masks: dict[Address, list[Finding]] = {}
        for finding in self.findings:
            if finding.action is Action.MASK:
                masks.setdefault(finding.address, []).append(finding)
        return masks

    def _copies(
        self, segment: Segment, sought: Copies, values: Mapping[str, Kept], known: Sequence[Finding]
    ) -> Iterator[Finding]:
        """Findings for copies of values that no finding covers. Raises `CannotJudge` at the deadline."""
        places = _Places(Span(one.start, one.end) for one in known)
        for span, value in sought.find(segment.text, self._deadline):
            kept = values.get(value)
            if kept is None or places.cover(span):
                continue
            hit = Hit(span.start, span.end, kept.label, why="a copy of a value found before")
            for id in kept.rules:
                rule = self.rules.by_id.get(id)
                if rule and _counts_for_copies(rule, segment, value):
                    yield self._finding(rule, segment, segment.text, hit)

    def _mask_segment(self, segment: Segment, found: list[Finding]) -> list[Edit]:
        for _ in range(MAX_RESCANS):
            replaced = self._replaced(segment, found)
            replacements = self._prior() + [one for one, _ in replaced]
            places = inserted(replacements)
            masked = apply_plan(segment.text, replacements)
            noted: Noted | None = None
            if self._stretch is not None:
                noted = []
                self.rescans.append(Rescan(masked, replacements, noted))
            more = [
                moved
                for finding in self._findings(segment, masked, noted)
                if (moved := self._moved(finding, replacements, places, segment.text)) is not None
                and self._concerns(moved)
            ]
            known = self._known.get(segment.address, set())
            new = [one for one in more if (one.rule, one.start, one.end) not in known]
            self._sort(new)
            masks = [one for one in new if one.action is Action.MASK and not one.shadow and not one.exception]
            if not masks:
                self._originals[segment.address] = {one.text: kept for one, kept in replaced if kept}
                return [Edit(segment.address, one.start, one.end, one.text) for one, _ in replaced]
            found = found + masks
        self._fail(
            Unjudged(Reason.UNAPPLICABLE, None, segment.address, "masking keeps uncovering new values"),
            self.rules.all,
            always=True,
        )
        return []

    def kept(self) -> dict[str, Kept]:
        """What may come back: the values all of whose rules say where."""
        kept: dict[str, Kept] = {}
        for found in self._originals.values():
            for name, one in found.items():
                rules = {*one.rules, *(kept[name].rules if name in kept else ())}
                kept[name] = msgspec.structs.replace(kept.get(name, one), rules=tuple(sorted(rules)))
        return _restorable(kept, self.rules)

    def _concerns(self, finding: Finding) -> bool:
        """Whether a finding is in what is judged."""
        one = self._stretch
        return one is None or (finding.start < one.until and finding.end > one.since)

    def _prior(self) -> list[Replacement]:
        """What was replaced before what is judged."""
        prior = self._stretch.prior if self._stretch else ()
        return [Replacement(one.start, one.end, one.text) for one in prior]

    def _moved(
        self, finding: Finding, replacements: Sequence[Replacement], places: Sequence[Span], text: str
    ) -> Finding | None:
        """A finding in the masked text, put at its place in the source; None inside a replacement."""
        span = to_source(Span(finding.start, finding.end), replacements, places)
        if span is None or span.start >= span.end:
            return None
        fingerprint = self._keys.fingerprint(self._tenant, finding.label, text[span.start : span.end])
        return msgspec.structs.replace(finding, start=span.start, end=span.end, fingerprint=fingerprint)

    def _replaced(self, segment: Segment, found: Sequence[Finding]) -> list[tuple[Replacement, Kept | None]]:
        """What is replaced, each with what its placeholder stands for, where it is one."""
        replaced: list[tuple[Replacement, Kept | None]] = []
        ordered = sorted(found, key=lambda one: one.start)
        at = 0
        for span in plan([Span(finding.start, finding.end) for finding in found]):
            # What a joined span is made of lies within it, and the joined spans are disjoint and ascending.
            first = at
            while at < len(ordered) and ordered[at].start < span.end:
                at += 1
            inside = ordered[first:at]
            # One finding names the placeholder; which one must not depend on the order of rules.
            leader = min(inside, key=lambda one: (-one.severity, one.start - one.end, one.rule, one.label))
            mask = self.rules.by_id[leader.rule].mask
            assert mask is not None
            label, value = leader.label, segment.text[span.start : span.end]
            # A stream's pieces are judged one by one, and must not depend on where it is cut.
            if self._stretch is None and span == Span(leader.start, leader.end):
                label, value = meant(mask, self._subjects, label, value)
            text = replacement(mask, self._keys, self._tenant, label, value)
            kept = None
            if isinstance(mask, PlaceholderMask):
                kept = Kept(value, label, tuple(sorted({one.rule for one in inside})))
            replaced.append((Replacement(span.start, span.end, text), kept))
        return replaced

    def _findings(self, segment: Segment, text: str, noted: Noted | None) -> list[Finding]:
        """Judges a text that stands for a segment's own; what matches in it goes into `noted`."""
        scope = self.rules.scope(segment.role, segment.kind)
        try:
            # Masking may uncover a value for a pattern; a provider has judged the text as it was sent.
            seen = self._look(text, self._policies.without_asking(scope), noted)
        except CannotJudge as failure:
            self._failed(segment, failure)
            return []
        return self._found(segment, text, seen)

    def _found(self, segment: Segment, text: str, seen: Seen) -> list[Finding]:
        found: list[Finding] = []
        placeholders = _Places(own_placeholders(self._keys, self._tenant, text) if seen.hits else ())
        for rule in self.rules.scope(segment.role, segment.kind).rules:
            failed = seen.failed.get(rule.detector)
            if failed is not None:
                self._fail(Unjudged(failed.reason, rule.id, segment.address, failed.detail), [rule])
            for hit in _distinct(seen, rule.detector):
                if placeholders.cover(hit.span):
                    continue
                found.append(self._finding(rule, segment, text, hit))
        return found

    def _finding(self, rule: CompiledRule, segment: Segment, text: str, hit: Hit) -> Finding:
        """A hit in a text that stands for a segment's own, as a finding of a rule."""
        value = text[hit.start : hit.end]
        fingerprint = self._keys.fingerprint(self._tenant, hit.label, value)
        return Finding(
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

    def _look(self, text: str, scope: Scope, noted: Noted | None = None) -> Seen:
        if noted is not None:
            return self._policies.look(text, scope.wanted, self._deadline, noted, self._told)
        if self._memory is None:
            key = (text, scope.wanted)
            seen = self._seen.get(key)
            if seen is None:
                self._deadline.check()
                seen = self._seen[key] = self._policies.look(
                    text, scope.wanted, self._deadline, told=self._told, answers=self._answers
                )
            return seen
        purpose = self._memory.purpose("text", scope.name, self.told_name)
        name = purpose + self._memory.hasher(self._tenant).of(text.encode("utf-8", "surrogatepass"))
        seen = self._memory.get(name, Seen)
        if seen is None:
            self._deadline.check()
            seen = self._policies.look(
                text, scope.wanted, self._deadline, told=self._told, answers=self._answers
            )
            if not seen.failed:
                self._memory.keep(name, seen, 100 + 250 * sum(map(len, seen.hits.values())))
        return seen

    def _failed(self, segment: Segment, failure: CannotJudge) -> None:
        rules = self.rules.scope(segment.role, segment.kind).rules
        self._fail(Unjudged(failure.reason, None, segment.address, failure.detail), rules)

    def _excuse(self, rule: str, value: str, fingerprint: str) -> str | None:
        for exception in self._policies.exceptions:
            if exception.excuses(rule, value, fingerprint, self._today):
                return exception.id
        return None

    def _sort(self, found: Iterable[Finding]) -> None:
        for finding in found:
            place = (finding.rule, finding.start, finding.end)
            self._known.setdefault(finding.address, set()).add(place)
            if finding.exception is not None:
                self.excused.append(finding)
            elif finding.shadow:
                self.shadow.append(finding)
            else:
                self.findings.append(finding)

    def _fail(self, failure: Unjudged, rules: Iterable[CompiledRule], *, always: bool = False) -> None:
        self.unjudged[failure] = None
        if always or any(rule.mode is Mode.ENFORCE and rule.on_error is OnError.DENY for rule in rules):
            self._error_denies = True


def _restorable(kept: Mapping[str, Kept], rules: Applying) -> dict[str, Kept]:
    """Those all of whose rules restore."""
    return {
        name: one
        for name, one in kept.items()
        if all((rule := rules.by_id.get(id)) and rule.restore for id in one.rules)
    }


def _counts_for_copies(rule: CompiledRule, segment: Segment, value: str) -> bool:
    """Whether a rule masks copies of a value in a segment.

    Where values come back, all of them; elsewhere none that is a single plain word, as many names are.
    """
    restore = rule.restore
    return (
        restore is not None
        and rule.covers_segment(segment.role, segment.kind)
        and (not value.isalpha() or restore.reaches(segment.role, segment.kind))
    )


def _distinct(seen: Seen, detector: int) -> list[Hit]:
    """Hits of a detector, one per span and label: the one from the plainest view."""
    best: dict[tuple[int, int, str], Hit] = {}
    for hit in seen.hits.get(detector, ()):
        key = (hit.start, hit.end, hit.label)
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(best.values(), key=lambda one: (one.start, one.end, one.label))
