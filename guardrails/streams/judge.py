"""Texts that arrive bit by bit: what is decided of them, and what must wait for more.

A text is judged over a window: some characters that have been given out already, for what looks back,
and all that is held back. Given out is what comes before the first place where something could still
change: where a match is under way (`guardrails.streams.alive`), an encoded run goes on
(`guardrails.streams.runs`), or what was matched may hang on what follows. So whatever way a text is cut
up, what is given out is the text as the engine masks it as a whole.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, foresight
from guardrails.detectors.patterns import CONTEXT
from guardrails.engine import Decision, Engine, Stretch
from guardrails.masking import Replacement, apply_plan, placeholders
from guardrails.model import (
    Action,
    Address,
    Context,
    Edit,
    Finding,
    Hook,
    Kind,
    Mode,
    OnError,
    Reason,
    Role,
    Segment,
    Span,
    Unjudged,
    Verdict,
)
from guardrails.policy.policyset import Noted, Seen
from guardrails.streams import runs
from guardrails.streams.alive import Alive
from guardrails.text import View

MAX_HELD = 64_000
"""The most characters that are held back; a text that needs more is unjudged."""

KEPT = 2 * CONTEXT
"""How many characters that were given out are judged along, at least, for what looks back."""

PATIENCE = 8
"""A long part held back is judged again only when an eighth as much is new: that keeps time linear."""

_NUMBER = re.compile(r"(?<!\w)([0-9]{1,20})[ \t\n.,:;/+()#_-]{0,4}\Z")
_NEAR = 25
"""The most characters that `_NUMBER` looks at, and one."""

_NUMBERS = 3
"""So many numbers in a row wait for what is behind the last of them: that keeps time linear."""

_ADDRESS = Address("")


class Denied(Exception):
    """The stream is to end. `decision` says why; nothing of what led to it was given out.

    `released` is what the judge of a text still gives out: what stands before the value that is denied.
    """

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"denied by {', '.join(decision.rules()) or 'what could not be judged'}")
        self.decision = decision
        self.released: Released | None = None


class Released(msgspec.Struct, frozen=True):
    """What is given out: `text` for the source's characters `[start, end)`, after `edits` made in them."""

    start: int
    end: int
    text: str
    edits: tuple[Replacement, ...] = ()


class Judge(Protocol):
    """One text of a stream: takes what arrives and gives out what is decided, in order."""

    def feed(self, text: str, deadline: Deadline) -> Released:
        """Takes more of the text. Raises `Denied`."""
        ...

    def settle(self, deadline: Deadline) -> Released:
        """Gives out what is held back: nothing more is to come, as far as one knows. Raises `Denied`."""
        ...


class _Looked(msgspec.Struct, frozen=True):
    """What was seen in a text, up to where all of it is decided, and where patterns matched."""

    seen: Seen
    until: int
    matched: list[Span]


class StreamEngine:
    """An engine made ready for streams. Safe in several threads; made anew with every policy set."""

    def __init__(self, engine: Engine, cache: Path | None = None) -> None:
        """`cache` is a folder that keeps compiled databases."""
        policies = engine.policies.on_streams()
        self.whole = engine
        self.engine = Engine(policies, engine.keys)
        patterns = policies.patterns
        self._alive = Alive(patterns, cache)
        detectors = policies.detectors
        self._behind = [
            [said for one, own in policies.owners(number) if (said := foresight(detectors[one], own))]
            for number in range(len(patterns))
        ]
        self._of: dict[int, list[int]] = {}
        self._chosen: dict[frozenset[int], frozenset[int]] = {}
        for number in range(len(patterns)):
            for detector, _ in policies.owners(number):
                self._of.setdefault(detector, []).append(number)

    def patterns(self, wanted: frozenset[int]) -> frozenset[int]:
        """The patterns of some detectors."""
        chosen = self._chosen.get(wanted)
        if chosen is None:
            own = (number for detector in wanted for number in self._of.get(detector, ()))
            chosen = self._chosen[wanted] = frozenset(own)
        return chosen

    def look(self, text: str, since: int, wanted: frozenset[int], tenant: str, deadline: Deadline) -> _Looked:
        """What is seen in a tenant's text of which `since` characters are decided. Raises `CannotJudge`."""
        noted: Noted = []
        seen = self.engine.policies.look(text, wanted, deadline, noted)
        until = self.decided(text, since, noted, self.patterns(wanted), tenant, deadline)
        matched = [
            view.source_span(one.outer_start, one.outer_end)
            for view, matches in noted
            for found in matches.values()
            for one in found
        ]
        return _Looked(seen, until, matched)

    def decided(
        self,
        text: str,
        since: int,
        noted: Noted,
        patterns: frozenset[int],
        tenant: str,
        deadline: Deadline,
    ) -> int:
        """Where the first thing begins that more text could change."""
        length = len(text)
        until = self._written(text, tenant)
        spans: list[tuple[int, int]] = []
        settled: dict[
            int, int
        ] = {}  # by id of a view: up to where no more text makes others of its characters
        for view, matches in noted:
            whole = view.whole is not None
            if not whole and not view.name.endswith("tags"):
                at = since if view.parent is None else 0
                first = self._open(view, at, settled, patterns, deadline)
                if first < len(view.text):
                    until = min(until, view.source_span(first, len(view.text)).start)
            for number, found in matches.items():
                behind = () if whole else self._behind[number]
                leads = self._alive.leads(number)
                for one in found:
                    span = view.source_span(one.start if leads else one.outer_start, one.outer_end)
                    # Whether it counts may hang on what is not there yet.
                    unsure = not all(said.has_come(view.text, one.outer_end) for said in behind)
                    spans.append((span.start, length if unsure else span.end))
        until = max(since, _before(until, spans))
        if since < until < runs.unsettled(text) and not text[until - 1].isspace():
            # What is held back may be masked; what stands right before could then go on in the placeholder.
            until = max(since, _before(self._alive.start(text[:until], since, patterns, deadline), spans))
        # What follows a number may speak against it, and no longer does once it is masked.
        for _ in range(_NUMBERS):
            digits = _NUMBER.search(text, max(since, until - _NEAR), until) if until < length else None
            if digits is None:
                break
            start = self._alive.start(text[: digits.end(1) - 1], max(since, until - KEPT), patterns, deadline)
            until = min(until, max(since, _before(start, spans)))
        return until

    def _written(self, text: str, tenant: str) -> int:
        """Where a placeholder begins that is not whole yet; `len(text)` for none."""
        if placeholders.may_have(text):
            own = placeholders.own_placeholders(self.engine.keys, tenant, text)
            for start, _ in placeholders.beginnings(text):
                if not any(one.start <= start < one.end for one in own):
                    return start
        return len(text)

    def _open(
        self, view: View, at: int, settled: dict[int, int], patterns: frozenset[int], deadline: Deadline
    ) -> int:
        """Where in a view the first thing begins that goes on to its end."""
        text = view.text
        end = runs.unsettled(text)
        if view.parent is not None:
            end = min(end, view.place_of(settled.get(id(view.parent), len(view.parent.text))))
        settled[id(view)] = end
        # What is alive at the end was so before its last character.
        return min(end, runs.start(text), self._alive.start(text[:end], at, patterns, deadline))


def _before(until: int, spans: list[tuple[int, int]]) -> int:
    """The last place up to `until` that is in no span; spans end where they may not be cut."""
    for start, end in sorted(spans, reverse=True):
        if start < until < end:
            until = start
    return until


class Stream:
    """One streamed response: its channels count together, and share what was found."""

    def __init__(
        self,
        on: StreamEngine,
        context: Context,
        today: dt.date,
        hook: Hook = Hook.RESPONSE,
        request: object = None,
    ) -> None:
        """`request` is the body that is answered, where it is known, decoded or `msgspec.Raw`."""
        self.on = on
        self.request = request
        self.context = context
        self.hook = hook
        self.today = today
        self.findings: list[Finding] = []
        self.shadow: list[Finding] = []
        self.excused: list[Finding] = []
        self.unjudged: list[Unjudged] = []
        self.characters = 0
        self.segments = 0
        self.masked = False
        self.denied = False
        self._values: dict[str, frozenset[str]] = {}
        self.held = 0  # characters held back in all its texts
        self._rules = on.engine.policies.rules_for(hook, context)

    def channel(self, role: Role = Role.ASSISTANT, kind: Kind = Kind.TEXT) -> TextJudge:
        """A judge of one text of the stream."""
        self.segments += 1
        return TextJudge(self, role, kind)

    @property
    def idle(self) -> bool:
        """Whether no rule concerns this stream."""
        return not self._rules.all

    def wanted(self, role: Role, kind: Kind) -> frozenset[int]:
        """The detectors of the rules for a text."""
        return self._rules.scope(role, kind).wanted

    def judge(self, segment: Segment, seen: Seen, stretch: Stretch, deadline: Deadline) -> Decision:
        """Judges a stretch of one of the texts."""
        return self.on.engine.judge_stretch(
            segment,
            seen,
            msgspec.structs.replace(stretch, values=self._values),
            self.hook,
            self.context,
            deadline=deadline,
            today=self.today,
        )

    def take(self, decision: Decision) -> None:
        """Counts what was decided. Raises `Denied`."""
        self.findings += decision.findings
        self.shadow += decision.shadow
        self.excused += decision.excused
        self.unjudged += [one for one in decision.unjudged if one not in self.unjudged]
        for finding in decision.findings:
            known = self._values.get(finding.rule, frozenset())
            self._values[finding.rule] = known | {finding.fingerprint}
        self.masked = self.masked or decision.verdict is Verdict.MASK
        if decision.verdict is Verdict.DENY:
            self.denied = True
            raise Denied(self.decision())

    def fail(self, failure: Unjudged, *, always: bool = False) -> None:
        """Something could not be judged. Raises `Denied` where a rule wants that, or `always`."""
        if failure not in self.unjudged:
            self.unjudged.append(failure)
        strict = (rule.mode is Mode.ENFORCE and rule.on_error is OnError.DENY for rule in self._rules.all)
        if always or any(strict):
            self.denied = True
            raise Denied(self.decision())

    def decision(self) -> Decision:
        """What was decided so far."""
        verdict = Verdict.DENY if self.denied else Verdict.MASK if self.masked else Verdict.ALLOW
        return Decision(
            verdict=verdict,
            hook=self.hook,
            policy=self.on.whole.policies.digest,
            findings=tuple(self.findings),
            shadow=tuple(self.shadow),
            excused=tuple(self.excused),
            unjudged=tuple(self.unjudged),
            segments=self.segments,
            characters=self.characters,
        )


class TextJudge:
    """One text of a stream. `feed` what arrives, `settle` at its end; both give out what is decided."""

    def __init__(self, stream: Stream, role: Role, kind: Kind) -> None:
        self._stream = stream
        self._role = role
        self._kind = kind
        self._wanted = stream.wanted(role, kind)
        self._window = ""
        self._base = 0  # where the window begins in the text
        self._given = 0  # up to where the text has been given out
        self._cuts = [0]  # where the text was cut when some of it was given out, within the window
        self._matched: list[Span] = []  # where patterns match in the window
        self._edits: list[Replacement] = []  # made in the window, at offsets of the text
        self._waiting = 0  # characters that came since it was last judged
        self._patience = 0

    @property
    def held(self) -> int:
        """How many characters are held back."""
        return self._base + len(self._window) - self._given

    def feed(self, text: str, deadline: Deadline) -> Released:
        """Takes more of the text. Raises `Denied`."""
        self._stream.characters += len(text)
        self._stream.held += len(text)
        self._window += text
        self._waiting += len(text)
        if self._wanted and self._waiting <= self._patience:
            return Released(self._given, self._given, "")
        return self._judge(deadline, last=False)

    def settle(self, deadline: Deadline) -> Released:
        """Gives out what is held back: nothing more is to come, as far as one knows.

        More may be fed nevertheless; a value that began before then ends the stream. Raises `Denied`.
        """
        return self._judge(deadline, last=True)

    def _judge(self, deadline: Deadline, *, last: bool) -> Released:
        self._waiting = 0
        end = self._base + len(self._window)
        if not self._wanted or end == self._given:
            return self._give(end, ())
        since = self._given - self._base
        try:
            looked = self._stream.on.look(
                self._window, since, self._wanted, self._stream.context.tenant, deadline
            )
        except CannotJudge as failure:
            self._stream.fail(Unjudged(failure.reason, None, _ADDRESS, failure.detail))
            return self._give(end, ())
        self._matched = looked.matched
        until = looked.until
        if last:
            until = len(self._window)
        elif self.held > MAX_HELD:
            self._stream.fail(
                Unjudged(Reason.TOO_LONG, None, _ADDRESS, "more text would have to be held back")
            )
            until = len(self._window)
        return self._settle(looked.seen, since, until, deadline, last=last)

    def _settle(self, seen: Seen, since: int, until: int, deadline: Deadline, *, last: bool) -> Released:
        """Decides up to `until`, or less where the edits show that it cannot be cut there."""
        base = self._base
        prior = tuple(
            Edit(_ADDRESS, one.start - base, one.end - base, one.text)
            for one in self._edits
            if one.start >= base
        )
        segment = Segment(_ADDRESS, self._role, self._kind, self._window)
        if (
            not seen.failed
            and not prior
            and not any(
                since < one.end and one.start < until for found in seen.hits.values() for one in found
            )
        ):
            return self._give(until + base, ())
        denying: Decision | None = None
        while until > since:
            decision = self._stream.judge(segment, seen, Stretch(since, until, prior), deadline)
            denied = [one.start for one in decision.findings if one.action is Action.DENY]
            if denied and denying is None:
                # However much came at once, what stands before the value is given out.
                denying, until, last = decision, max(since, min(denied)), False
                continue
            if denying is not None and decision.verdict is Verdict.DENY:
                break
            found = (*decision.findings, *decision.shadow, *decision.excused)
            if any(one.start < since for one in found):
                failure = Unjudged(Reason.UNAPPLICABLE, None, _ADDRESS, "its beginning was given out before")
                self._stream.fail(failure, always=True)
            until_then = until
            if not last:
                until = _before(until, [(one.start, one.end) for one in found])
                if until == until_then and decision.edits:
                    until = self._uncut(decision.edits, prior, since, until, deadline)
            if until == until_then:
                if denying is None:
                    self._stream.take(decision)
                edits = [Replacement(one.start + base, one.end + base, one.text) for one in decision.edits]
                given = self._give(until + base, edits)
                if denying is not None:
                    self._deny(denying, given)
                return given
        if denying is not None:
            self._deny(denying, None)
        self._patience = self.held // PATIENCE
        return Released(self._given, self._given, "")

    def _deny(self, decision: Decision, given: Released | None) -> None:
        """Raises `Denied`, with what is given out before."""
        try:
            self._stream.take(decision)
        except Denied as denied:
            denied.released = given
            raise

    def _uncut(
        self, edits: Sequence[Edit], prior: Sequence[Edit], since: int, until: int, deadline: Deadline
    ) -> int:
        """As `until`, where what is masked could become part of a match with what follows."""
        replacements = [Replacement(one.start, one.end, one.text) for one in (*prior, *edits)]
        masked = apply_plan(self._window, replacements)
        noted: Noted = []
        on = self._stream.on
        try:
            on.engine.policies.look(masked, self._wanted, deadline, noted)
            patterns = on.patterns(self._wanted)
            start = on.decided(masked, 0, noted, patterns, self._stream.context.tenant, deadline)
        except CannotJudge as failure:
            self._stream.fail(Unjudged(failure.reason, None, _ADDRESS, failure.detail))
            return until
        return max(since, min(until, _at_source(start, replacements)))

    def _give(self, end: int, edits: Sequence[Replacement]) -> Released:
        start, base = self._given, self._base
        relative = [Replacement(one.start - start, one.end - start, one.text) for one in edits]
        text = apply_plan(self._window[start - base : end - base], relative)
        self._given = end
        self._stream.held -= end - start
        self._patience = self.held // PATIENCE
        self._edits += edits
        self._cuts.append(end)
        first = self._beginning(end)
        if first - base > KEPT or not self._wanted:
            self._window = self._window[first - base :]
            self._base = first
            self._cuts = [one for one in self._cuts if one >= first]
            self._edits = [one for one in self._edits if one.start >= first]
        return Released(start, end, text, tuple(edits))

    def _beginning(self, end: int) -> int:
        """Where the window may begin: at a cut far enough back, at which the same matches are found."""
        place = bisect_right(self._cuts, end - KEPT) - 1
        while place > 0:
            at = self._cuts[place] - self._base
            if not any(one.start < at < one.end for one in self._matched):
                break
            place -= 1
        return self._cuts[max(0, place)]


def _at_source(at: int, replacements: Sequence[Replacement]) -> int:
    """The place in the source of one in the text after replacements; the start of what was replaced."""
    shift = 0
    for one in replacements:
        start = one.start + shift
        if at < start:
            break
        if at < start + len(one.text):
            return one.start
        shift += len(one.text) - (one.end - one.start)
    return at - shift


__all__ = ["Denied", "Judge", "Released", "Stream", "StreamEngine", "TextJudge"]
