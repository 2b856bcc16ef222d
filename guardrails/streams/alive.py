"""Which part of a text could still become a match when more of it comes.

An attempt to match at some place is *alive* when it can read to the end of the text: then what follows
decides. From each pattern's parse tree comes an expression for exactly that: a path through the
pattern, its look-arounds left out (that only widens it), that reaches the end of the text. Running all
of them on every bit of a stream would be slow, so they are gated: the first characters that a pattern
can begin with are one small expression each, all in one hyperscan pass, and only patterns whose
beginning stands in the part that is held back are asked. A gate lets pass a superset, so none is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import hyperscan
import regex
from regex import _regex_core

from guardrails.detectors.base import Deadline, Pattern
from guardrails.detectors.patterns import CONTEXT, Pass, max_width, parse

BEGINNING = 3
"""How many characters of a match's beginning its gate looks at; one fewer are always held back."""

_ALTERNATIVES = 400
"""With more beginnings than these, a gate takes one in which every place allows what any of them does."""

_SECONDS = 0.05
"""How long one pattern may be asked; after that all that it could span is held back."""

_SHORT = 64

_core: Any = _regex_core
_ASCII = 0x80
_BEYOND = 0x80  # stands for every character beyond ASCII
_PROBES = tuple(
    ord(char) for char in "\x80\x85\xa0\xaaÀßéıſƒˢͅΑжאعनกあ中한𝐀😀１²Ⅷ\u200b\u2028\ufeff\U000e0041\u212a"
)

_Set: TypeAlias = frozenset[int]
_Prefix: TypeAlias = tuple[
    tuple[_Set, ...], bool
]  # character sets by place, and whether a match may end there

# Characters that match another one when case does not count, ASCII and beyond.
_FOLDS_BEYOND = frozenset(map(ord, "kKsSiI"))


class Alive:
    """Some patterns, and the expressions for what could still become a match. Safe in several threads."""

    def __init__(self, patterns: Sequence[Pattern], cache: Path | None = None) -> None:
        self._patterns = tuple(patterns)
        self._widths = tuple(one.width or max_width(one) for one in patterns)
        self._expressions: dict[int, regex.Pattern[str] | None] = {}
        gates: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for gate in _gates(pattern):
                gates.setdefault(gate, []).append(number)
        self._gated = [tuple(numbers) for numbers in gates.values()]
        flags = int(hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH)
        self._pass = Pass.of([(number, gate, flags) for number, gate in enumerate(gates)], cache)
        self._lock = threading.Lock()

    def start(self, text: str, at: int, among: frozenset[int], deadline: Deadline) -> int:
        """Where the first attempt from `at` on begins that is alive at the end; `len(text)` for none.

        Of the patterns `among`. What is shorter than a gate looks at is always held back.
        Raises `CannotJudge` at the deadline.
        """
        length = len(text)
        if at >= length:
            return length
        begun: dict[int, set[int]] = {}
        self._pass.ends(text[at:].encode("utf-8", "replace"), deadline, begun)
        asked = {number for gate in begun for number in self._gated[gate]} & among
        first = max(at, length - (BEGINNING - 1))
        for number in asked:
            first = min(first, self._first(number, text, at, first))
        return first

    def _first(self, number: int, text: str, at: int, before: int) -> int:
        """Where the pattern is first alive, `before` where it is not before that."""
        expression = self._expression(number)
        least = max(at, len(text) - self._widths[number] - CONTEXT)
        if least >= before:
            return before
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
                self._expressions[number] = _compiled(self._patterns[number])
        return self._expressions[number]


def _compiled(pattern: Pattern) -> regex.Pattern[str] | None:
    """The expression for a path to the end of the text; None where the pattern's syntax has none."""
    try:
        flags = regex.V1 | (regex.ASCII if pattern.ascii else 0)
        return regex.compile(_reaching(parse(pattern)), flags)
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
            if node.behind:
                return "(?!)"
            width = min(int(node.subpattern.max_width()), CONTEXT)
            return rf"[\s\S]{{0,{max(0, width - 1)}}}\Z"
        case _core.Failure():
            return "(?!)"
        case _core.ZeroWidthBase():
            return r"\n?\Z"
    raise _Unread


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
    """The node as an expression again, without look-arounds and borders, possessive repeats as plain ones."""
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
        case _core.LookAround() | _core.ZeroWidthBase():
            return "(?!)" if isinstance(node, _core.Failure) else ""
    raise _Unread


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


def _gates(pattern: Pattern) -> Iterator[str]:
    """Hyperscan expressions of which one stands at the beginning of whatever the pattern matches."""
    try:
        prefixes = {sets for sets, _ in _prefixes(parse(pattern), BEGINNING)}
    except (_Unread, RecursionError):
        yield "."
        return
    if not prefixes or () in prefixes:
        yield "."
        return
    if len(prefixes) > _ALTERNATIVES:
        shortest = min(map(len, prefixes))
        prefixes = {tuple(_union(one[place] for one in prefixes) for place in range(shortest))}
    for sets in prefixes:
        yield "".join(_class(one) for one in sets)


def _prefixes(node: Any, length: int) -> set[_Prefix]:
    """What can be the first `length` characters of a match, or all of it where it is shorter."""
    if length == 0:
        return {((), False)}
    match node:
        case _core.Character() | _core.Property() | _core.Range() | _core.SetBase() | _core.Any():
            return {((_set(node),), True)}
        case _core.String():
            singles = [_folded({char}, node.case_flags) for char in node.characters]
            return {(tuple(singles[:length]), len(singles) <= length)}
        case _core.Sequence():
            return _joined(node.items, length)
        case _core.Branch():
            return set().union(*(_prefixes(branch, length) for branch in node.branches))
        case _core.GreedyRepeat():
            most = length if node.max_count is None else min(node.max_count, length)
            found: set[_Prefix] = set()
            for count in range(min(node.min_count, most), most + 1):
                found |= _joined([node.subpattern] * count, length)
            return found
        case _core.Group() | _core.Atomic():
            return _prefixes(node.subpattern, length)
        case _core.LookAround() | _core.ZeroWidthBase():
            return {((), True)}
    raise _Unread


def _joined(nodes: Sequence[Any], length: int) -> set[_Prefix]:
    whole: set[tuple[_Set, ...]] = {()}
    cut: set[_Prefix] = set()
    for node in nodes:
        grown: set[tuple[_Set, ...]] = set()
        for sets in whole:
            for more, complete in _prefixes(node, length - len(sets)):
                if complete and len(sets) + len(more) < length:
                    grown.add(sets + more)
                else:
                    cut.add((sets + more, False))
        if len(grown) + len(cut) > 4_000:
            raise _Unread
        whole = grown
        if not whole:
            break
    return cut | {(sets, True) for sets in whole}


def _set(node: Any) -> _Set:
    """The ASCII characters that one node matches, and whether it may match any beyond."""
    if isinstance(node, _core.Any):
        return frozenset(range(_ASCII + 1))
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


def _union(sets: Iterable[_Set]) -> _Set:
    return frozenset().union(*sets)


def _class(chars: _Set) -> str:
    """A set in hyperscan's syntax."""
    if len(chars) > _ASCII:
        return "."
    parts = [r"\x{80}-\x{10FFFF}"] if _BEYOND in chars else []
    plain = sorted(chars - {_BEYOND})
    starts = [char for before, char in pairwise([-2, *plain]) if char != before + 1]
    for start in starts:
        end = start
        while end + 1 in chars and end + 1 < _ASCII:
            end += 1
        parts.append(rf"\x{start:02x}-\x{end:02x}")
    return f"[{''.join(parts)}]"
