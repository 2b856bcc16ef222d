"""All patterns of a policy set in one pass over a text.

Hyperscan (Vectorscan) reads the UTF-8 bytes once and says where a match of any pattern could end;
each candidate is confirmed exactly, by `regex` or `re`, in a window no wider than the pattern can
match. The hyperscan expression is the pattern itself, or a superset of it (prefilter mode) where
hyperscan lacks the syntax, or the pattern's declared triggers, so no match is lost to the first
pass; a property test holds the two to each other.

Time is bounded twice: the pass is linear, and a confirmation runs under a limit of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hyperscan
import msgspec
import regex
from regex import _regex_core

from guardrails.detectors.base import CannotJudge, Deadline, Match, Pattern
from guardrails.model import Reason

MAX_WIDTH = 8_192
"""The longest match, in characters, that a pattern may describe."""

CONFIRM_SECONDS = 0.5
"""How long one pattern may be confirmed on a text of up to `CONFIRM_CHARS`; longer ones take longer."""

CONFIRM_CHARS = 250_000

PUMP_SECONDS = 0.25
"""How long a pattern may take on each pumped text when it is compiled."""

CONTEXT = 256
"""How many characters around a match look-arounds and proofs may see for certain."""

NARROW = 512
"""Patterns with wider matches are apart in a second pass, where only a part of a text is new."""

PLAIN_CHARS = 4_096
"""The longest stretch in which a plain pattern is confirmed without a limit."""

_CALLBACKS_PER_CHECK = 4_096
_CACHE_FORMAT = "2"


class PatternError(Exception):
    """A pattern that cannot be run. `index` is its place among those handed in."""

    def __init__(self, index: int, message: str, help: str = "") -> None:
        super().__init__(message)
        self.index = index
        self.message = message
        self.help = help


class Scanned(msgspec.Struct, frozen=True):
    """Confirmed matches by pattern, and the patterns that could not be confirmed in time."""

    matches: dict[int, list[Match]]
    failed: dict[int, CannotJudge]


class Stretches:
    """Parts of a text, ascending and apart from one another."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self.spans = spans
        self._starts = [start for start, _ in spans]

    def touch(self, start: int, end: int) -> bool:
        """Whether a stretch overlaps or borders on `[start, end)`."""
        before = bisect_right(self._starts, end) - 1
        return before >= 0 and start <= self.spans[before][1]


Fresh = Callable[[int], Sequence[tuple[int, int]] | None]
"""The stretches of a text within so many characters of something new; None when all of it is."""


class Pass:
    """Expressions in one database. Scratch space is one per thread: sharing it gives wrong answers."""

    def __init__(self, owners: Sequence[int], database: hyperscan.Database | None) -> None:
        """`owners` are the numbers of the patterns that the expressions in the database belong to."""
        self._owners = owners
        self._database = database
        self._local = threading.local()

    @classmethod
    def of(cls, expressions: list[tuple[int, str, int]], cache: Path | None) -> Pass:
        """Compiles expressions: the number of a pattern, an expression of it, and hyperscan's flags."""
        file = None if cache is None else cache / f"{_key(expressions, ())}.patterns"
        kept = None if file is None else _kept(file)
        database = kept[1][0] if kept else _build(expressions) if expressions else None
        if kept is None and file is not None:
            _keep(file, [], [database, None])
        return cls([number for number, _, _ in expressions], database)

    def ends(self, data: bytes, deadline: Deadline, found: dict[int, set[int]], offset: int = 0) -> None:
        """Adds where a match of each pattern could end in `data`, moved by `offset`, both in bytes.

        Raises `CannotJudge` at the deadline, and when the pass fails.
        """
        if self._database is None:
            return
        owners = self._owners
        budget = [_CALLBACKS_PER_CHECK]

        def seen(id: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            found.setdefault(owners[id], set()).add(end + offset)
            budget[0] -= 1
            if budget[0] == 0:
                budget[0] = _CALLBACKS_PER_CHECK
                return deadline.left() <= 0  # True ends the scan
            return None

        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        try:
            self._database.scan(data, match_event_handler=seen, scratch=scratch)
        except hyperscan.ScanTerminated:
            raise CannotJudge(Reason.DEADLINE) from None
        except hyperscan.HyperscanError as error:
            raise CannotJudge(Reason.DETECTOR_ERROR, f"hyperscan {type(error).__name__}") from None


class Index:
    """Compiled patterns. Safe to use from several threads."""

    def __init__(self, patterns: Sequence[Pattern], widths: Sequence[int], all: Pass, wide: Pass) -> None:
        """`all` and `wide` are the passes over every pattern and over those wider than `NARROW`."""
        self._patterns = tuple(patterns)
        self._widths = tuple(widths)
        self._all = all
        self._wide = wide
        self._matchers: dict[int, _Matcher] = {}

    @classmethod
    def compile(cls, patterns: Sequence[Pattern], cache: Path | None = None) -> Index:
        """Compiles all patterns; `cache` is a folder that keeps what came of it.

        Raises `PatternError` for the first pattern that cannot be run.
        """
        expressions = [
            (number, expression.translate(_TURKIC) if pattern.ignorecase else expression, _flags(pattern))
            for number, pattern in enumerate(patterns)
            for expression in (pattern.triggers or (pattern.expression,))
        ]
        file = None if cache is None else cache / f"{_key(expressions, patterns)}.patterns"
        kept = None if file is None else _kept(file)
        if kept is None:
            for number, pattern in enumerate(patterns):
                if not pattern.triggers:
                    check(pattern, number)
            widths = [one.width or max_width(one) for one in patterns]
            wide = [one for one in expressions if widths[one[0]] > NARROW]
            databases = [_build(some) if some else None for some in (expressions, wide)]
            if file is not None:
                _keep(file, widths, databases)
        else:
            widths, databases = kept
        owners = [number for number, _, _ in expressions]
        wide_owners = [number for number in owners if widths[number] > NARROW]
        return cls(patterns, widths, Pass(owners, databases[0]), Pass(wide_owners, databases[1]))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return self._patterns

    def matches(self, text: str, deadline: Deadline, fresh: Fresh | None = None) -> dict[int, list[Match]]:
        """Confirmed matches by pattern number; `fresh` is that of `scan`.

        Raises `CannotJudge` when any pattern could not be confirmed, or at the deadline.
        """
        scanned = self.scan(text, deadline, fresh)
        for failure in scanned.failed.values():
            raise failure
        return scanned.matches

    def scan(
        self,
        text: str,
        deadline: Deadline,
        fresh: Fresh | None = None,
        wanted: Container[int] | None = None,
    ) -> Scanned:
        """Confirmed matches by number of the `wanted` patterns (all by default), those that failed apart.

        `fresh` says what of the text was not scanned before; matches with nothing new within their reach
        are left out. Raises `CannotJudge` when the pass itself could not be finished.
        """
        matches: dict[int, list[Match]] = {}
        failed: dict[int, CannotJudge] = {}
        if not text:
            return Scanned(matches, failed)
        near = fresh(CONTEXT) if fresh else None
        new = None if near is None else Stretches(near)
        for number, ends in self._candidates(text, deadline, fresh).items():
            if wanted is not None and number not in wanted:
                continue
            try:
                found = self._confirm(number, text, ends, deadline)
            except CannotJudge as failure:
                if failure.reason is Reason.DEADLINE:
                    raise
                failed[number] = failure
            else:
                if new is not None:
                    # The others were found before, or are halves of a match whose other end is not new.
                    found = [one for one in found if new.touch(one.outer_start, one.outer_end)]
                if found:
                    matches[number] = found
        return Scanned(matches, failed)

    def _candidates(self, text: str, deadline: Deadline, fresh: Fresh | None) -> dict[int, list[int]]:
        """By pattern: ascending code-point offsets at which a match could end."""
        ends = self._ends(text, deadline, fresh)
        if "İ" in text or "ı" in text:
            # `regex` takes these for an `i` when case does not count, hyperscan does not.
            for number, more in self._ends(text.translate(_TURKIC), deadline, fresh).items():
                ends.setdefault(number, set()).update(more)
        return {number: sorted(found) for number, found in ends.items()}

    def _ends(self, text: str, deadline: Deadline, fresh: Fresh | None) -> dict[int, set[int]]:
        deadline.check()
        ends: dict[int, set[int]] = {}
        near = fresh(NARROW + CONTEXT) if fresh else None
        if fresh is None or near is None:
            data = _encoded(text)
            self._all.ends(data, deadline, ends)
            return ends if len(data) == len(text) else _in_code_points(data, ends)
        for start, end in near:
            data = _encoded(text[start:end])
            found: dict[int, set[int]] = {}
            self._all.ends(data, deadline, found, offset=start)
            if len(data) != end - start:
                found = _in_code_points(data, found, start)
            for number, places in found.items():
                if self._widths[number] <= NARROW:
                    ends.setdefault(number, set()).update(places)
        data = _encoded(text)
        wide: dict[int, set[int]] = {}
        self._wide.ends(data, deadline, wide)
        for number, places in (wide if len(data) == len(text) else _in_code_points(data, wide)).items():
            reached = Stretches(fresh(self._widths[number] + CONTEXT) or ())
            kept = {place for place in places if reached.touch(place, place)}
            if kept:
                ends[number] = kept
        return ends

    def _confirm(self, number: int, text: str, ends: list[int], deadline: Deadline) -> list[Match]:
        exact, plain, ahead, spread = self._matcher(number)
        seconds = min(CONFIRM_SECONDS * max(1, len(text) / CONFIRM_CHARS), deadline.left())
        if seconds <= 0:
            raise CannotJudge(Reason.DEADLINE)
        found: list[Match] = []
        reached = 0
        try:
            for first, last in _windows(ends, self._widths[number], spread, len(text)):
                deadline.check()
                # Beyond `last` no match ends, but look-ahead and `\b` may look there.
                limit = min(len(text), last + ahead)
                start = max(first, reached)
                while start < last:
                    match: Any
                    if plain is not None and limit - start <= PLAIN_CHARS and text.isascii():
                        match = plain.search(text, start, limit)
                    else:
                        match = exact.search(text, start, limit, timeout=seconds, concurrent=True)
                    if match is None:
                        break
                    if match.end() > last or match.end() == match.start():
                        start = match.start() + 1  # it is none, but for the limit
                        continue
                    found.append(_match(number, match))
                    start = reached = match.end()
        except TimeoutError:
            reason = Reason.DEADLINE if deadline.left() <= 0 else Reason.PATTERN_TIMEOUT
            raise CannotJudge(reason, self._patterns[number].id) from None
        return found

    def _matcher(self, number: int) -> _Matcher:
        matcher = self._matchers.get(number)
        if matcher is None:
            pattern = self._patterns[number]
            spread = self._widths[number] if pattern.beyond is None else pattern.beyond
            # A trigger is somewhere within the match; a pattern's own candidate is at its end.
            matcher = self._matchers[number] = (
                compile_regex(pattern),
                _compile_plain(pattern),
                look_ahead(pattern),
                spread if pattern.triggers else 0,
            )
        return matcher


_Matcher = tuple[regex.Pattern[str], re.Pattern[str] | None, int, int]
"""The exact matcher of a pattern, one of `re` where that does, and how far beyond a match and beyond a
candidate it looks."""


def _compile_plain(pattern: Pattern) -> re.Pattern[str] | None:
    if not pattern.plain:
        return None
    try:
        return re.compile(pattern.expression, _re_flags(pattern))
    except re.error:
        return None  # such as look-behind of several widths


def compile_regex(pattern: Pattern) -> regex.Pattern[str]:
    """The exact matcher of a pattern. Raises `regex.error`."""
    return regex.compile(pattern.expression, _regex_flags(pattern))


@lru_cache(maxsize=4_096)
def max_width(pattern: Pattern) -> int:
    """The most characters a match can span; more than `MAX_WIDTH` when there is no bound."""
    return width_of(parse(pattern))


def width_of(node: Any) -> int:
    """The same, for a parsed expression."""
    return min(int(node.max_width()), MAX_WIDTH + 1)


def look_ahead(pattern: Pattern) -> int:
    """How many characters after a match its look-arounds and `\b` may look at, `CONTEXT` at the most."""
    return min(1 + _ahead(parse(pattern)), CONTEXT)


def look_behind(pattern: Pattern) -> int:
    """How many characters before a match its look-arounds and `\b` may look at, `CONTEXT` at the most."""
    return 1 + _behind(parse(pattern))


def _ahead(node: Any) -> int:
    """At least how far the look-aheads in a parsed expression reach together."""
    core: Any = _regex_core
    own = int(min(node.subpattern.max_width(), CONTEXT)) if isinstance(node, core.LookAround) else 0
    return own + sum(map(_ahead, _inner(node)))


def _behind(node: Any) -> int:
    """At least how far any look-behind in a parsed expression reaches."""
    core: Any = _regex_core
    looks = isinstance(node, core.LookAround) and node.behind
    own = int(min(node.subpattern.max_width(), CONTEXT)) if looks else 0
    return max([own, *map(_behind, _inner(node))])


def _inner(node: Any) -> Iterator[Any]:
    """What a node of a parse tree is made of."""
    yield from getattr(node, "items", ())
    yield from getattr(node, "branches", ())
    for name in ("subpattern", "yes_item", "no_item"):
        if hasattr(node, name):
            yield getattr(node, name)


def check(pattern: Pattern, index: int = 0) -> None:
    """Raises `PatternError` when the pattern cannot be run in bounded time, or at all."""
    try:
        compiled = compile_regex(pattern)
    except regex.error as error:
        where: Any = error
        raise PatternError(
            index, f"pattern does not parse: {where.msg} at position {where.pos}", _syntax_help(pattern)
        ) from None
    if compiled.fullmatch("", timeout=PUMP_SECONDS) or max_width(pattern) == 0:
        raise PatternError(index, "pattern matches the empty text", "make at least one character mandatory")
    if max_width(pattern) > MAX_WIDTH:
        raise PatternError(
            index,
            f"pattern has no upper bound below {MAX_WIDTH} characters, so no bounded matcher can run it",
            "give every repetition an upper bound: `{0,200}` instead of `*`, `{1,200}` instead of `+`",
        )
    for pumped in _pumped(pattern.expression):
        try:
            compiled.search(pumped, timeout=PUMP_SECONDS, concurrent=True)
        except TimeoutError:
            raise PatternError(
                index,
                f"pattern takes more than {PUMP_SECONDS} s on `{pumped[0]}` repeated: it backtracks too much",
                "do not repeat a group that itself repeats the same characters",
            ) from None


def _syntax_help(pattern: Pattern) -> str:
    return "the syntax is that of the Python package `regex`" if pattern.expression else "write a pattern"


def _pumped(expression: str) -> Iterable[str]:
    """Texts on which an ambiguous repetition shows: one character over and over, then a stop."""
    letters = sorted({char for char in expression if char.isalnum()} | set("aA1 -_.:/="))
    return (char * 400 + "\x00" for char in letters[:80])


def parse(pattern: Pattern) -> Any:
    """The parse tree of a pattern, of the classes of `regex._regex_core`."""
    # The width is known to the parser of `regex` only; there is no public way to ask for it.
    core: Any = _regex_core
    flags = _regex_flags(pattern)
    while True:
        source = core.Source(pattern.expression)
        info = core.Info(flags, source.char_type, {})
        info.guess_encoding = regex.UNICODE
        source.ignore_space = bool(info.flags & regex.VERBOSE)
        try:
            return core._parse_pattern(source, info)
        except core._UnscopedFlagSet:
            flags = info.global_flags


def _regex_flags(pattern: Pattern) -> int:
    return int(
        (regex.IGNORECASE if pattern.ignorecase else 0)
        | (regex.MULTILINE if pattern.multiline else 0)
        | (regex.DOTALL if pattern.dotall else 0)
        | (regex.ASCII if pattern.ascii else 0)
    )


def _re_flags(pattern: Pattern) -> int:
    return int(
        (re.IGNORECASE if pattern.ignorecase else 0)
        | (re.MULTILINE if pattern.multiline else 0)
        | (re.DOTALL if pattern.dotall else 0)
        | (re.ASCII if pattern.ascii else 0)
    )


def _flags(pattern: Pattern) -> int:
    return int(
        hyperscan.HS_FLAG_UTF8
        | (hyperscan.HS_FLAG_CASELESS if pattern.ignorecase else 0)
        | (hyperscan.HS_FLAG_MULTILINE if pattern.multiline else 0)
        | (hyperscan.HS_FLAG_DOTALL if pattern.dotall else 0)
        | (0 if pattern.ascii else hyperscan.HS_FLAG_UCP)
    )


class _Kept(msgspec.Struct, frozen=True):
    """Checked patterns: their widths, and the serialised databases of both passes (empty for none)."""

    widths: list[int]
    databases: tuple[bytes, bytes]


def _key(expressions: Sequence[tuple[int, str, int]], patterns: Sequence[Pattern]) -> str:
    made_by = (_CACHE_FORMAT, version("hyperscan"), version("regex"), os.uname().machine)
    return hashlib.sha256(repr((made_by, expressions, tuple(patterns))).encode()).hexdigest()


def _kept(file: Path) -> tuple[list[int], list[hyperscan.Database | None]] | None:
    """What was compiled before, None where it was not, or on another sort of machine."""
    try:
        kept = msgspec.msgpack.decode(file.read_bytes(), type=_Kept)
        databases = [
            hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK) if data else None for data in kept.databases
        ]
    except (OSError, msgspec.DecodeError, hyperscan.HyperscanError):
        return None
    return kept.widths, databases


def _keep(file: Path, widths: list[int], databases: Sequence[hyperscan.Database | None]) -> None:
    first, second = (b"" if one is None else hyperscan.dumpb(one) for one in databases)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(msgspec.msgpack.encode(_Kept(widths, (first, second))))
        temporary.replace(file)
    except OSError:
        pass  # a read-only disk costs a compilation at the next start, nothing else


def _build(expressions: Sequence[tuple[int, str, int]]) -> hyperscan.Database:
    # What hyperscan has no syntax for is compiled in prefilter mode, which matches a superset.
    encoded = [_widened(text).encode() for _, text, _ in expressions]
    flags = [
        flag | (hyperscan.HS_FLAG_PREFILTER if _NEEDS_PREFILTER.search(text) else 0)
        for _, text, flag in expressions
    ]
    try:
        return _compile(encoded, flags)
    except hyperscan.HyperscanError:
        pass  # it does not say which expression it means: each is tried alone
    for place, expression in enumerate(encoded):
        try:
            _compile([expression], [flags[place]])
        except hyperscan.HyperscanError:
            flags[place] |= hyperscan.HS_FLAG_PREFILTER
            try:
                _compile([expression], [flags[place]])
            except hyperscan.HyperscanError as error:
                raise PatternError(
                    expressions[place][0],
                    f"pattern cannot join the shared pass: {str(error).rstrip('.')}",
                    "use simpler syntax and smaller repetitions",
                ) from None
    return _compile(encoded, flags)


def _compile(expressions: list[bytes], flags: list[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(len(expressions))), flags=flags)
    return database


def _widened(expression: str) -> str:
    """The expression with wide repetitions left open, which hyperscan compiles smaller: a superset.

    Names of groups go: hyperscan wants them unique, and needs none.
    """
    if "(?P=" not in expression:
        expression = _GROUP.sub("(?:", expression)
    return _WIDE.sub(r"{\1,}", _CODE_POINT.sub(r"\1\\x{\2}", expression))


_TURKIC = {ord("İ"): "i", ord("ı"): "i"}
_GROUP = re.compile(r"(?<!\\)\(\?P<\w+>")
_WIDE = re.compile(r"(?<!\\)\{(\d+),\d{3,}\}")
_CODE_POINT = re.compile(r"((?<!\\)(?:\\\\)*)\\u([0-9A-Fa-f]{4})")  # hyperscan spells it otherwise
_NEEDS_PREFILTER = re.compile(r"\(\?<?[=!]|\(\?>|[*+?}]\+|\\[1-9]|\\[bB]")


def _windows(ends: list[int], width: int, spread: int, length: int) -> Iterable[tuple[int, int]]:
    """Merged `(first possible start, last possible end)` of neighbouring candidates."""
    first, last = max(0, ends[0] - width), min(length, ends[0] + spread)
    for end in ends[1:]:
        if end - width <= last:
            last = min(length, end + spread)
        else:
            yield first, last
            first, last = end - width, min(length, end + spread)
    yield first, last


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate is one `?`: still one code point


def _in_code_points(data: bytes, ends: dict[int, set[int]], offset: int = 0) -> dict[int, set[int]]:
    """Offsets into the text, for those in bytes; both begin at `offset`."""
    place: dict[int, int] = {}
    before, count = 0, offset
    for end in sorted(set().union(*ends.values())):
        count += len(data[before : end - offset].decode("utf-8", "replace"))
        place[end] = count
        before = end - offset
    return {number: {place[end] for end in found} for number, found in ends.items()}


def _match(number: int, match: regex.Match[str] | re.Match[str]) -> Match:
    groups = {name: match.span(name) for name in match.re.groupindex if match.start(name) >= 0}
    start, end = groups.pop("secret", match.span())
    return Match(number, start, end, match.start(), match.end(), groups)
