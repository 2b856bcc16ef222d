"""What a detector is: it looks at texts and reports hits. It never decides and never rewrites.

A detector comes in two halves. Its `patterns` join those of every other detector of the policy set
in one multi-pattern pass (`guardrails.detectors.patterns`); `confirm` then turns the matches of its
own patterns into hits. A detector that cannot be put as patterns (a model, invisible characters)
leaves `patterns` empty and does its work in `inspect`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from guardrails.model import Hit, Reason

if TYPE_CHECKING:
    from guardrails.text import View


class Deadline(msgspec.Struct, frozen=True):
    """A moment on the monotonic clock by which work must end."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> None:
        """Raises `CannotJudge` when the moment has passed."""
        if time.monotonic() >= self.at:
            raise CannotJudge(Reason.DEADLINE)


class CannotJudge(Exception):
    """A detector could not look. `detail` never holds a part of the text."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class Pattern(msgspec.Struct, frozen=True):
    """One expression for the shared pass, in the syntax of the `regex` package.

    The span of the group `secret`, where there is one, is the match; else the whole match is.
    `triggers` replace the expression in the multi-pattern pass when given: at least one of these
    hyperscan expressions must occur within any match (they are how an expression that hyperscan
    cannot read, or not fast, is found). `beyond` is the most characters of a match behind the end of a
    trigger in it, where that is known.
    `plain` says that the expression means the same to `re`, as it does unless it uses what only `regex` has,
    and that it hardly backtracks: ASCII texts are then confirmed by `re`, which is faster but has no limit.
    `width` is the most characters that a match spans, where the detector knows; 0: to be worked out.
    `ascii` makes `\\w`, `\\d`, `\\s`, `\\b` and case folding mean ASCII only (faster).
    """

    id: str
    expression: str
    ignorecase: bool = False
    multiline: bool = False
    dotall: bool = False
    ascii: bool = False
    triggers: tuple[str, ...] = ()
    beyond: int | None = None
    plain: bool = False
    width: int = 0


class Match(msgspec.Struct, frozen=True):
    """A confirmed match of the detector's pattern number `pattern` in a view's text.

    `start` and `end` span the `secret` group or the whole match; `groups` holds the spans of the
    other named groups that took part. Offsets are into `View.text`.
    """

    pattern: int
    start: int
    end: int
    outer_start: int
    outer_end: int
    groups: dict[str, tuple[int, int]] = {}


@runtime_checkable
class Detector(Protocol):
    """Frozen after construction and safe to call from several threads.

    With an attribute `reads_loosely` that is true it gets the views of `guardrails.loose` too.
    """

    @property
    def name(self) -> str:
        """How the detector is called in `why`, metrics and errors: its type and main option."""
        ...

    @property
    def patterns(self) -> Sequence[Pattern]:
        """The expressions it adds to the shared pass; empty for none."""
        ...

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        """Hits among the matches of its own patterns in one view, offsets into the *source*.

        Called only when there is a match. Use `view.hit(...)` to map back.
        Raises `CannotJudge` when it could not look.
        """
        ...

    @property
    def inspects(self) -> bool:
        """Whether `inspect` ever finds anything: False for a detector of patterns alone."""
        ...

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        """Hits that no pattern finds. Called once per text, `views[0]` being the source.

        Raises `CannotJudge` when it could not look.
        """
        ...


@runtime_checkable
class Comparing(Protocol):
    """A detector that compares a response with the system prompts of its request."""

    @property
    def compares(self) -> bool:
        """Whether it does."""
        ...

    def compare(self, views: Sequence[View], told: Sequence[str] | None, deadline: Deadline) -> Iterable[Hit]:
        """Hits in a text, given the system prompts; None where they are not known.

        Raises `CannotJudge` when it could not look.
        """
        ...


@runtime_checkable
class Calling(Protocol):
    """A detector that looks at tool calls as a whole."""

    @property
    def calls(self) -> bool:
        """Whether it does."""
        ...

    def judge_call(self, name: str, arguments: View, deadline: Deadline) -> Iterable[Hit]:
        """Hits in the arguments of a call of the tool `name`, JSON text as it was sent.

        Raises `CannotJudge` when it could not look.
        """
        ...


class Question(msgspec.Struct, frozen=True):
    """What a provider, by its name, is asked about a text."""

    provider: str
    question: str
    text: str


class Answers(Protocol):
    """What providers said in an exchange."""

    def score(self, question: Question) -> float:
        """The answer, from 0 (certainly not) to 1. Raises `CannotJudge` where there is none, or none yet."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A detector that asks a provider about a whole text."""

    def ask(self, source: View, doubts: Sequence[Hit], answers: Answers | None) -> Iterable[Hit]:
        """Hits in a text, given what the detector that it waits for found in it.

        `answers` is None where nobody can be asked. Raises `CannotJudge` when it could not look.
        """
        ...


class Foresight(msgspec.Struct, frozen=True):
    """How far behind a match a detector's judgement of it may look.

    `most` characters at most, and no more than `after_break` behind the next line break where that is set.
    Where it hangs on little that may follow, `undecided` is an expression of that, as far as it has come:
    anything else decides at once. Where an expression does not tell, `decided` does: given a text, a match's
    start and end, and up to where the text is there.
    """

    most: int
    after_break: int | None = None
    undecided: str | None = None
    decided: Callable[[str, int, int, int], bool] | None = None

    def has_come(self, text: str, start: int, end: int, until: int) -> bool:
        """Whether a text, as far as it goes up to `until`, goes on far enough behind a match in it."""
        if until - end >= self.most:
            return True
        if self.undecided is not None and re.compile(self.undecided).fullmatch(text, end, until) is None:
            return True
        if self.decided is not None and self.decided(text, start, end, until):
            return True
        if self.after_break is None:
            return False
        line = text.find("\n", end, until)
        return line >= 0 and until - line > self.after_break


_UNSAID = Foresight(512)


def foresight(detector: Detector, pattern: int = 0) -> Foresight | None:
    """What a detector's judgement of a match of one of its patterns may hang on.

    A detector says so by an attribute `foresight`: for all of its patterns, or one for each. None: on more
    than any bound, so that it cannot judge a text that arrives bit by bit; so it is where `inspect` finds
    something and the detector says nothing.
    """
    unsaid = None if detector.inspects else _UNSAID
    said: Foresight | Sequence[Foresight] | None = getattr(detector, "foresight", unsaid)
    return said if said is None or isinstance(said, Foresight) else said[pattern]


class SpecError(Exception):
    """A `detect` block that cannot be turned into a detector.

    `path` names the offending key inside the block (`("kinds", 0)`), so that the policy loader can
    point at its line; `message` is one lower-case sentence, `help` says what to do.
    """

    def __init__(self, path: tuple[str | int, ...], message: str, help: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.help = help


class Spec(Protocol):
    """What a policy writes under `detect`: a frozen struct, tagged by its `type`.

    Equal specs are the same detector: a policy set builds each once.
    """

    def detector(self) -> Detector:
        """Builds the detector. Raises `SpecError` when the block makes no sense."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A spec that names files, by paths relative to the file that it stands in."""

    def placed(self, folder: Path) -> Spec:
        """The spec with its paths taken as relative to `folder`."""
        ...
