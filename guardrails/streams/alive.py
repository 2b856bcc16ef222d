"""Which part of a text could still become a match when more of it comes.

An attempt to match at some place is *alive* when it can read to the end of the text: then what follows
decides. What must be held back of it is what could be masked: the group `secret` where a pattern has one,
for what comes before that group may be given out, as long as it is still there to be looked at.

Two expressions come from each pattern's parse tree, both a superset of its beginnings that are cut off by
the end. A coarse one, over classes of ASCII characters and "any beyond", joins those of all patterns in one
hyperscan pass: it says which patterns are alive at all. A fine one, with what must stand before a match,
then says for these where they begin; the pattern that could hold back most is asked first, and those that
could not hold back more are not asked. The word at the end is held back in any case, as `runs` holds it:
of the many patterns of letters and digits alone nothing need be known.
"""

from __future__ import annotations

import codecs
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import hyperscan
import msgspec
import regex
from regex import _regex_core

from guardrails.detectors.base import Deadline, Pattern
from guardrails.detectors.patterns import CONTEXT, Pass, PatternError, parse, width_of
from guardrails.streams.runs import WORD

LEAD = CONTEXT
"""How many characters that were given out already a pattern's part before its group `secret` may span."""

_SECONDS = 0.05
"""How long one pattern may be asked; after that all that it could span is held back."""

_SHORT = 64
_COUNTED = 32  # wider repetitions are left open by the coarse expressions: many of them are alike then
_NEAR = 16  # characters before a match at which the coarse expressions look
_LONGEST = 12_000  # hyperscan refuses expressions of 16,000 characters

_core: Any = _regex_core
_ASCII = 0x80
_BEYOND = 0x80  # stands for every character beyond ASCII
_PROBES = tuple(
    ord(char) for char in "\x80\x85\xa0\xaaÀßéıſƒˢͅΑжאعनกあ中한𝐀😀１²Ⅷ\u200b\u2028\ufeff\U000e0041\u212a"
)
_EVERYTHING = frozenset(range(_ASCII + 1))
_WORD = frozenset(map(ord, WORD))
_WORD_BYTES = WORD.encode()

_Set: TypeAlias = frozenset[int]

# Characters that match another one when case does not count, ASCII and beyond.
_FOLDS_BEYOND = frozenset(map(ord, "kKsSiI"))


class _Parts(msgspec.Struct, frozen=True):
    """A pattern taken apart: what comes before that which is held back, and the rest."""

    before: tuple[Any, ...]
    held: tuple[Any, ...]
    width: int  # of what is held back

    @classmethod
    def of(cls, pattern: Pattern) -> _Parts:
        node = parse(pattern)
        items = tuple(node.items) if isinstance(node, _core.Sequence) else (node,)
        width = pattern.width or width_of(node)
        if "(?P<secret>" in pattern.expression:
            # The one group in a parse tree is named: the others leave no trace.
            place = next((at for at, item in enumerate(items) if isinstance(item, _core.Group)), 0)
            before = sum(int(item.max_width()) for item in items[:place])
            if before <= LEAD:
                return cls(items[:place], items[place:], width)
        return cls((), items, width)


class Alive:
    """Some patterns, and the expressions for what could still become a match. Safe in several threads."""

    def __init__(self, patterns: Sequence[Pattern], cache: Path | None = None) -> None:
        self._patterns = tuple(patterns)
        self._parts = [_Parts.of(pattern) for pattern in patterns]
        self._runs = [_run(parts) for parts in self._parts]
        self._expressions: dict[int, regex.Pattern[str] | None] = {}
        self._gates = _Gates(self._parts, cache)
        self._held = [0] * len(patterns)  # how often each held back something: who did is asked first
        self._lock = threading.Lock()

    def leads(self, number: int) -> bool:
        """Whether what comes before a pattern's group `secret` may be given out."""
        return bool(self._parts[number].before)

    def start(self, text: str, at: int, among: frozenset[int], deadline: Deadline) -> int:
        """Where from `at` on the first thing begins that may be masked when more comes; `len(text)` for none.

        Of the patterns `among`, and of any word. Raises `CannotJudge` at the deadline.
        """
        length = len(text)
        if at >= length:
            return length
        low = max(0, at - LEAD - _NEAR)
        data = text[low:].encode("ascii", _REPLACE)
        first = max(at, low + len(data.rstrip(_WORD_BYTES)))
        runs: dict[bytes | None, int] = {None: at}
        earliest: list[tuple[int, int, int]] = []
        for number in self._gates.alive(data, deadline) & among:
            run = self._runs[number]
            if run not in runs:
                runs[run] = max(at, low + len(data.rstrip(run)))
            least = max(runs[run], length - self._parts[number].width - CONTEXT)
            earliest.append((least, -self._held[number], number))
        for least, _, number in sorted(earliest):
            if least >= first:
                break
            before, first = first, self._first(number, text, least, first)
            if first < before:
                self._held[number] += 1
        return first

    def _first(self, number: int, text: str, least: int, before: int) -> int:
        """Where from `least` on the pattern first holds back something; `before` where that is earlier."""
        expression = self._expression(number)
        if expression is None:
            return least
        # Letting go of the interpreter and watching a clock costs more than a short search.
        long = len(text) - least > _SHORT
        try:
            found = expression.search(
                text, least, timeout=_SECONDS if long else None, concurrent=True if long else None
            )
        except TimeoutError:
            return least
        return before if found is None else min(before, found.start())

    def _expression(self, number: int) -> regex.Pattern[str] | None:
        if number not in self._expressions:
            with self._lock:
                self._expressions[number] = _compiled(self._patterns[number], self._parts[number])
        return self._expressions[number]


# The fine expressions, for the package `regex`


def _compiled(pattern: Pattern, parts: _Parts) -> regex.Pattern[str] | None:
    """The expression for a path to the end of the text; None where the pattern's syntax has none."""
    try:
        before = "".join(map(_spelt, parts.before))
        held = _nested([(_reaching(item), _spelt(item)) for item in parts.held])
        flags = regex.V1 | (regex.ASCII if pattern.ascii else 0)
        return regex.compile(f"(?<={before}){held}" if before else held, flags)
    except (_Unread, regex.error, RecursionError):
        return None


class _Unread(Exception):
    """Syntax that is not taken apart here."""


def _reaching(node: Any) -> str:
    """An expression for the beginnings of what `node` matches that are cut off by the end of the text."""
    match node:
        case _core.Character() | _core.Property() | _core.Range() | _core.SetBase() | _core.Any():
            return r"\Z"
        case _core.String():
            return _nested([(r"\Z", _literal(char, node.case_flags)) for char in node.characters])
        case _core.Sequence():
            return _nested([(_reaching(item), _spelt(item)) for item in node.items])
        case _core.Branch():
            return _any(_reaching(branch) for branch in node.branches)
        case _core.GreedyRepeat():
            whole = _spelt(node.subpattern)
            most = "" if node.max_count is None else max(0, node.max_count - 1)
            return f"(?:{whole}){{0,{most}}}(?:{_reaching(node.subpattern)})"
        case _core.Group() | _core.Atomic():
            return _reaching(node.subpattern)
        case _core.LookAround():
            # What is looked ahead for is undecided as long as it has begun, or not even that.
            return "(?!)" if node.behind else _reaching(node.subpattern)
        case _core.Failure():
            return "(?!)"
        case _core.ZeroWidthBase():
            return rf"{_line_break(node)}\Z"
    raise _Unread


def _line_break(node: Any) -> str:
    """What may stand between a border and the end of the text where it holds: before the last line break."""
    return r"\n?" if isinstance(node, _core.EndOfLine | _core.EndOfStringLine) else ""


def _nested(items: Sequence[tuple[str, str]]) -> str:
    """The first one reaching the end, or the first one whole and the second reaching it, and so on."""
    built = ""
    for reaching, whole in reversed(items):
        built = _any((reaching, f"{whole}{built}") if built else (reaching,))
    return built or "(?!)"


def _any(alternatives: Iterable[str]) -> str:
    distinct = [one for one in dict.fromkeys(alternatives) if one != "(?!)"]
    return f"(?:{'|'.join(distinct)})" if distinct else "(?!)"


def _spelt(node: Any) -> str:
    """The node as an expression again: what it looks ahead for left out, possessive repeats as plain ones."""
    match node:
        case _core.Character():
            if node.positive:
                return _literal(node.value, node.case_flags)
            return _cased(f"[{_member(node)}]", node.case_flags)
        case _core.Property() | _core.Range() | _core.SetBase():
            return _cased(f"[{_member(node)}]", node.case_flags)
        case _core.AnyAll():
            return r"[\s\S]"
        case _core.Any():
            return r"[^\n]"
        case _core.String():
            return "".join(_literal(char, node.case_flags) for char in node.characters)
        case _core.Sequence():
            return "".join(_spelt(item) for item in node.items)
        case _core.Branch():
            return f"(?:{'|'.join(_spelt(branch) for branch in node.branches)})"
        case _core.GreedyRepeat():
            most = "" if node.max_count is None else node.max_count
            return f"(?:{_spelt(node.subpattern)}){{{node.min_count},{most}}}"
        case _core.Group() | _core.Atomic():
            return _spelt(node.subpattern)
        case _core.LookAround():
            return _behind(node)
        case _core.Failure():
            return "(?!)"
        case _core.StartOfString():
            return r"\A"
        case _core.StartOfLine():
            return r"(?m:^)"
        case _core.Boundary():
            # Whether a word ends at the end of the text is not known yet.
            return r"(?:\b|\Z)" if node.positive else r"(?:\B|\Z)"
        case _core.ZeroWidthBase():
            return ""
    raise _Unread


def _behind(node: Any) -> str:
    """A look-behind, whose text is there; "" for one that cannot be spelt as it is, and for a look-ahead."""
    if not node.behind or not _is_plain(node.subpattern):
        return ""
    return f"(?<{'=' if node.positive else '!'}{_spelt(node.subpattern)})"


def _is_plain(node: Any) -> bool:
    """Whether `_spelt` leaves nothing out of the node."""
    match node:
        case _core.LookAround() | _core.ZeroWidthBase() | _core.Atomic() | _core.PossessiveRepeat():
            return False
        case _core.Sequence() | _core.Branch():
            return all(map(_is_plain, getattr(node, "items", None) or node.branches))
        case _core.GreedyRepeat() | _core.Group():
            return _is_plain(node.subpattern)
    return True


def _literal(char: int, case_flags: int) -> str:
    return _cased(regex.escape(chr(char), special_only=True), case_flags)


def _cased(expression: str, case_flags: int) -> str:
    return f"(?i:{expression})" if case_flags & _core.I else expression


def _member(node: Any) -> str:
    """What stands for the node within the brackets of a set, in version 1 of the syntax."""
    match node:
        case _core.Character():
            inside = rf"\U{node.value:08x}"
        case _core.Range():
            inside = rf"\U{node.lower:08x}-\U{node.upper:08x}"
        case _core.Property():
            name = _core.PROPERTY_NAMES[node.value >> 16]
            letter = "p" if node.positive else "P"
            return rf"\{letter}{{{name[0]}={name[1][node.value & 0xFFFF]}}}"
        case _core.SetUnion():
            inside = "".join(map(_member, node.items))
        case _core.SetDiff() | _core.SetInter() | _core.SetSymDiff():
            between = {_core.SetDiff: "--", _core.SetInter: "&&", _core.SetSymDiff: "~~"}[type(node)]
            inside = f"[{between.join(f'[{_member(one)}]' for one in node.items)}]"
        case _:
            raise _Unread
    return inside if node.positive else f"[^{inside}]"


# The coarse expressions, for hyperscan, over bytes: one for a character, those beyond ASCII all alike


def _beyond(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return bytes([_BEYOND]) * (error.end - error.start), error.end


_REPLACE = "guardrails.streams.beyond"
codecs.register_error(_REPLACE, _beyond)


class _Gates:
    """Says which patterns are alive at the end of a text, and perhaps more of them."""

    def __init__(self, patterns: Sequence[_Parts], cache: Path | None) -> None:
        owners: dict[str, list[int]] = {}
        for number, parts in enumerate(patterns):
            for gate in _gates(parts):
                owners.setdefault(gate, []).append(number)
        flags = int(hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH)
        while True:
            self._owners = list(owners.values())
            try:
                self._pass = Pass.of([(place, gate, flags) for place, gate in enumerate(owners)], cache)
                return
            except PatternError as error:
                refused = list(owners)[error.index]
                owners.setdefault(_ALWAYS, []).extend(owners.pop(refused))

    def alive(self, data: bytes, deadline: Deadline) -> set[int]:
        """The numbers of the patterns. Raises `CannotJudge`."""
        found: dict[int, set[int]] = {}
        self._pass.ends(data, deadline, found)
        return {number for gate in found for number in self._owners[gate]}


_ALWAYS = "."


def _gates(parts: _Parts) -> list[str]:
    try:
        lead = "".join(map(_coarse, parts.before))
        return [
            f"{_entered(parts)}{lead}{cut}\\z"
            for held in _alternatives(parts.held)
            if (cut := _cut_off(held, consumed=bool(lead), word=True)) is not None
        ]
    except (_Unread, RecursionError):
        return [_ALWAYS]


def _alternatives(items: Sequence[Any]) -> Iterator[Any]:
    """The items as one sequence, or as several of which each has a part of the branches of one."""
    whole = _core.Sequence(list(items))
    place = next((at for at, item in enumerate(items) if isinstance(item, _core.Branch)), None)
    if place is None or len(_cut_off(whole, consumed=False, word=True) or "") < _LONGEST:
        yield whole
        return
    branches = items[place].branches
    for at in range(0, len(branches), 8):
        yield _core.Sequence([*items[:place], _core.Branch(branches[at : at + 8]), *items[place + 1 :]])


def _entered(parts: _Parts) -> str:
    """What stands before the pattern's first character, as far as a look-behind tells."""
    for item in (*parts.before, *parts.held):
        entry = _entry(item)
        if entry is not None:
            return entry
        if not isinstance(item, _core.LookAround | _core.ZeroWidthBase):
            break
    return ""


def _entry(node: Any) -> str | None:
    """A look-behind, or one of several, as what is read before a match; None where it says nothing."""
    match node:
        case _core.LookAround() if node.behind and node.positive:
            return _coarse(node.subpattern) if 0 < int(node.subpattern.max_width()) <= _NEAR else None
        case _core.LookAround() if node.behind:
            branches = map(_only, getattr(node.subpattern, "branches", (node.subpattern,)))
            # Of the characters beyond ASCII a set may match some only.
            left_out = frozenset().union(*map(_set, filter(_is_simple, branches))) - {_BEYOND}
            return f"(?:^|{_class(_EVERYTHING - left_out)})" if left_out else None
        case _core.Branch():
            entries = [_entry(branch) for branch in node.branches]
            return None if None in entries else _one_of(entries)
        case _core.Sequence() if len(node.items) == 1:
            return _entry(node.items[0])
        case _core.Group() | _core.Atomic():
            return _entry(node.subpattern)
    return None


def _only(node: Any) -> Any:
    """The one item of a sequence of one."""
    return node.items[0] if isinstance(node, _core.Sequence) and len(node.items) == 1 else node


def _is_simple(node: Any) -> bool:
    """Whether `_set` gives exactly the ASCII characters that a node matches."""
    match node:
        case _core.Character() | _core.Range() | _core.Property():
            return bool(node.positive)
        case _core.SetUnion():
            return bool(node.positive) and all(map(_is_simple, node.items))
    return False


def _coarse(node: Any) -> str:
    """The node as an expression for hyperscan, without what it looks at around it."""
    match node:
        case _core.Character() | _core.Property() | _core.Range() | _core.SetBase() | _core.Any():
            return _class(_set(node))
        case _core.String():
            return "".join(_class(_folded({char}, node.case_flags)) for char in _narrowed(node.characters))
        case _core.Sequence():
            return "".join(map(_coarse, node.items))
        case _core.Branch():
            return _one_of(map(_coarse, node.branches)) or ""
        case _core.GreedyRepeat():
            return _repeated(_coarse(node.subpattern), node.min_count, node.max_count)
        case _core.Group() | _core.Atomic():
            return _coarse(node.subpattern)
        case _core.Failure():
            return _class(frozenset())
        case _core.StartOfString():
            return "^"
        case _core.LookAround() | _core.ZeroWidthBase():
            return ""
    raise _Unread


def _repeated(one: str, least: int, most: int | None) -> str:
    if not one or most == 0:
        return ""
    if most is None or most > _COUNTED:
        return f"(?:{one}){{{min(least, _COUNTED)},}}"
    return f"(?:{one}){{{least},{most}}}"


def _cut_off(node: Any, *, consumed: bool, word: bool) -> str | None:
    """The coarse expression for beginnings, of a character at least, of what `node` matches; None for none.

    `consumed`: a character was read before; only then can something be alive without reading another.
    `word`: all that is held back before is a word's; then what is only more of the word does not count.
    """
    if word and _members(node) <= _WORD:
        return None
    match node:
        case _core.Character() | _core.Property() | _core.Range() | _core.SetBase() | _core.Any():
            return _class(_set(node))
        case _core.String():
            built = ""
            for char in reversed(_narrowed(node.characters)):
                built = _class(_folded({char}, node.case_flags)) + (f"(?:{built})?" if built else "")
            return built
        case _core.Sequence():
            cuts = []
            for item in node.items:
                cuts.append((_cut_off(item, consumed=consumed, word=word), _coarse(item)))
                consumed = consumed or not isinstance(item, _core.LookAround | _core.ZeroWidthBase)
                word = word and _members(item) <= _WORD
            found: str | None = None
            for cut, whole in reversed(cuts):
                found = _one_of((cut, None if found is None else whole + found))
            return found
        case _core.Branch():
            return _one_of(_cut_off(branch, consumed=consumed, word=word) for branch in node.branches)
        case _core.GreedyRepeat():
            cut = _cut_off(node.subpattern, consumed=consumed, word=word and node.max_count == 1)
            most = None if node.max_count is None else node.max_count - 1
            return None if cut is None else _repeated(_coarse(node.subpattern), 0, most) + cut
        case _core.Group() | _core.Atomic():
            return _cut_off(node.subpattern, consumed=consumed, word=word)
        case _core.LookAround():
            if node.behind or not consumed:
                return None
            cut = _cut_off(node.subpattern, consumed=True, word=word)
            return cut if word else f"(?:{cut})?" if cut else ""
        case _core.Failure():
            return None
        case _core.ZeroWidthBase():
            return (_line_break(node) or (None if word else "")) if consumed else None
    raise _Unread


def _one_of(alternatives: Iterable[str | None]) -> str | None:
    """Any of the expressions; None are none, and an empty one makes the others optional."""
    distinct = list(dict.fromkeys(one for one in alternatives if one is not None))
    some = [one for one in distinct if one]
    if not some:
        return "" if distinct else None
    if len(distinct) == 1:
        return some[0]
    return f"(?:{'|'.join(some)}){'?' if len(some) < len(distinct) else ''}"


def _run(parts: _Parts) -> bytes | None:
    """The characters that what is held back is made of; None where they are not known."""
    try:
        found = frozenset().union(*map(_members, parts.held))
    except (_Unread, RecursionError):
        return None
    return bytes(sorted(found))


def _members(node: Any) -> _Set:
    match node:
        case _core.Character() | _core.Property() | _core.Range() | _core.SetBase() | _core.Any():
            return _set(node)
        case _core.String():
            return _folded({*_narrowed(node.characters)}, node.case_flags)
        case _core.Sequence():
            return frozenset().union(*map(_members, node.items))
        case _core.Branch():
            return frozenset().union(*map(_members, node.branches))
        case _core.GreedyRepeat() | _core.Group() | _core.Atomic():
            return _members(node.subpattern)
        case _core.LookAround():
            return frozenset() if node.behind else _members(node.subpattern)
        case _core.ZeroWidthBase():
            return frozenset(map(ord, "\n" if _line_break(node) else ""))
    raise _Unread


def _narrowed(chars: Iterable[int]) -> list[int]:
    return [min(char, _BEYOND) for char in chars]


@lru_cache(maxsize=8_192)
def _set(node: Any) -> _Set:
    """The ASCII characters that one node matches, and whether it may match any beyond."""
    if isinstance(node, _core.Any):
        return _EVERYTHING
    found = {char for char in range(_ASCII) if node.matches(char)}
    # Ranges and classes beyond ASCII are not told apart: the gate is a superset.
    if _reaches_beyond(node) or any(node.matches(char) for char in _PROBES):
        found.add(_BEYOND)
    return _folded(found, node.case_flags)


def _reaches_beyond(node: Any) -> bool:
    match node:
        case _core.Character():
            return not node.positive or node.value >= _ASCII
        case _core.Range():
            return not node.positive or node.upper >= _ASCII
        case _core.SetBase():
            return not node.positive or any(_reaches_beyond(one) for one in node.items)
    return True


def _folded(chars: set[int], case_flags: int) -> _Set:
    if case_flags & _core.I:
        both = {ord(other) for char in chars if char < _ASCII for other in chr(char).swapcase()}
        chars = chars | both | ({_BEYOND} if chars & _FOLDS_BEYOND else set())
    return frozenset(chars)


def _class(chars: _Set) -> str:
    """A set in hyperscan's syntax."""
    if len(chars) > _ASCII:
        return "."
    plain = sorted(chars - {_BEYOND})
    starts = [char for before, char in pairwise([-2, *plain]) if char != before + 1]
    parts = [r"\x80-\xff"] if _BEYOND in chars else []
    for start in starts:
        end = start
        while end + 1 in chars and end + 1 < _ASCII:
            end += 1
        parts.append(_byte(start) if start == end else f"{_byte(start)}-{_byte(end)}")
    if not parts:
        return r"[^\x00-\xff]"
    return parts[0] if len(chars) == 1 and len(plain) == 1 else f"[{''.join(parts)}]"


def _byte(char: int) -> str:
    return chr(char) if chr(char).isalnum() else rf"\x{char:02x}"
