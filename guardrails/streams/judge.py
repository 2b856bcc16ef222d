"""Texts that arrive bit by bit: what is decided of them, and what must wait for more.

A text is judged over a window: some characters that have been given out already, for what looks back,
and all that is held back. Given out is what comes before the first place where something could still
change: where a match is under way (`guardrails.streams.alive`), an encoded run goes on
(`guardrails.streams.runs`), or what was matched may hang on what follows. So whatever way a text is cut
up, what is given out is the text as the engine masks it as a whole.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, foresight
from guardrails.detectors.patterns import CONTEXT, look_behind
from guardrails.engine import Decision, Engine, Rescan, Stretch
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
from guardrails.streams.cuts import Cuts

MAX_HELD = 64_000
"""The most characters that are held back; a text that needs more is unjudged."""

KEPT = 2 * CONTEXT
"""How many characters that were given out are judged along, at least, for what looks back."""

PATIENCE = 8
"""A long part held back is judged again only when an eighth as much is new: that keeps time linear."""

_WORD_MOST = 64

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


class StreamEngine:
    """An engine made ready for streams. Safe in several threads; made anew with every policy set."""

    def __init__(self, engine: Engine, cache: Path | None = None) -> None:
        """`cache` is a folder that keeps compiled databases."""
        policies = engine.policies.on_streams()
        self.whole = engine
        self.engine = Engine(policies, engine.keys)
        patterns = policies.patterns
        self._alive = Alive(patterns, cache)
        self.looks_behind = max(map(look_behind, patterns), default=0)
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

    def look(self, text: str, wanted: frozenset[int], deadline: Deadline) -> tuple[Seen, Cuts]:
        """What is seen in a text, and where it may be cut. Raises `CannotJudge`."""
        noted: Noted = []
        seen = self.engine.policies.look(text, wanted, deadline, noted)
        return seen, self.cuts(text, noted, wanted, deadline)

    def cuts(self, text: str, noted: Noted, wanted: frozenset[int], deadline: Deadline) -> Cuts:
        """Where a text may be cut in which the `wanted` detectors looked, and what matched in it."""
        return Cuts(text, noted, self._alive, self._behind, self.patterns(wanted), deadline)

    def decided(self, cuts: Cuts, since: int, tenant: str) -> int:
        """Up to where a tenant's text is decided, of which `since` characters are."""
        return cuts.last(since, self._written(cuts.text, tenant))

    def _written(self, text: str, tenant: str) -> int:
        """Where a placeholder begins that is not whole yet; `len(text)` for none."""
        if placeholders.may_have(text):
            own = placeholders.own_placeholders(self.engine.keys, tenant, text)
            for start, _ in placeholders.beginnings(text):
                if not any(one.start <= start < one.end for one in own):
                    return start
        return len(text)


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

    def judge(
        self, segment: Segment, seen: Seen, stretch: Stretch, deadline: Deadline
    ) -> tuple[Decision, Sequence[Rescan]]:
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
        self._tenant = stream.context.tenant
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
        if self._wanted and (self._waiting <= self._patience or self._is_in_a_word()):
            return Released(self._given, self._given, "")
        return self._judge(deadline, last=False)

    def _is_in_a_word(self) -> bool:
        """Whether all that is held back is one word, that may go on: there is nothing to decide yet."""
        return self.held <= _WORD_MOST and not self._window[self._given - self._base :].strip(runs.WORD)

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
        on = self._stream.on
        try:
            seen, cuts = on.look(self._window, self._wanted, deadline)
            until = len(self._window) if last else on.decided(cuts, since, self._tenant)
        except CannotJudge as failure:
            self._stream.fail(Unjudged(failure.reason, None, _ADDRESS, failure.detail))
            return self._give(end, ())
        self._matched = cuts.matched
        if not last and self.held > MAX_HELD:
            self._stream.fail(
                Unjudged(Reason.TOO_LONG, None, _ADDRESS, "more text would have to be held back")
            )
            until = len(self._window)
        return self._settle(seen, cuts, since, until, deadline, last=last)

    def _settle(
        self, seen: Seen, cuts: Cuts, since: int, until: int, deadline: Deadline, *, last: bool
    ) -> Released:
        """Decides up to `until`, or less where the edits show that it cannot be cut there."""
        base = self._base
        prior = tuple(
            Edit(_ADDRESS, one.start - base, one.end - base, one.text)
            for one in self._edits
            if one.start >= base
        )
        segment = Segment(_ADDRESS, self._role, self._kind, self._window)
        if not seen.failed and not self._bears_on(since, until, seen, cuts):
            return self._give(until + base, ())
        denying: Decision | None = None
        while until > since:
            decision, rescans = self._stream.judge(segment, seen, Stretch(since, until, prior), deadline)
            denied = [one.start for one in decision.findings if one.action is Action.DENY]
            if denied and denying is None:
                # However much came at once, what stands before the value is given out.
                denying, until, last = decision, cuts.before(min(denied), since), False
                continue
            if denying is not None and decision.verdict is Verdict.DENY:
                break
            found = (*decision.findings, *decision.shadow, *decision.excused)
            if any(one.start < since for one in found):
                failure = Unjudged(Reason.UNAPPLICABLE, None, _ADDRESS, "its beginning was given out before")
                self._stream.fail(failure, always=True)
            until_then = until
            if not last:
                until = _uncut(found, until)
                for rescan in rescans if until == until_then else ():
                    until = min(until, self._uncut(rescan, prior, since, deadline))
                if until < until_then:
                    until = cuts.before(until, since)
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

    def _bears_on(self, since: int, until: int, seen: Seen, cuts: Cuts) -> bool:
        """Whether anything was found in a stretch, or may be in the masked text.

        Of what was given out nothing goes on here, so that only what a match looks at before itself can be
        a mask: no match, no difference.
        """
        found: Iterable[Span] = (one.span for hits in seen.hits.values() for one in hits)
        masked = self._edits[-1].end - self._base if self._edits else 0
        if masked > 0:
            if since - masked < self._stream.on.looks_behind:
                return True
            found = chain(found, cuts.matched)
        return any(since < one.end and one.start < until for one in found)

    def _deny(self, decision: Decision, given: Released | None) -> None:
        """Raises `Denied`, with what is given out before."""
        try:
            self._stream.take(decision)
        except Denied as denied:
            denied.released = given
            raise

    def _uncut(self, rescan: Rescan, prior: Sequence[Edit], since: int, deadline: Deadline) -> int:
        """Where the text may be cut so that nothing of it, as it was masked, hangs on what follows."""
        shift = sum(len(one.text) - (one.end - one.start) for one in prior)
        on = self._stream.on
        try:
            cuts = on.cuts(rescan.text, rescan.noted, self._wanted, deadline)
            start = on.decided(cuts, since + shift, self._tenant)
        except CannotJudge as failure:
            self._stream.fail(Unjudged(failure.reason, None, _ADDRESS, failure.detail))
            return len(self._window)
        return max(since, _at_source(start, rescan.replacements))

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


def _uncut(found: Sequence[Finding], until: int) -> int:
    """The last place up to `until` that no finding goes across."""
    for one in sorted(found, key=lambda one: one.start, reverse=True):
        if one.start < until < one.end:
            until = one.start
    return until


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
