"""From nodes to the language's structs, with every mistake reported where it stands."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from guardrails.masking import PlaceholderMask, Restore
from guardrails.model import Action, Span
from guardrails.policy.diagnostics import Diagnostic, Level, has_errors, quoted, sort_key
from guardrails.policy.language import Example, ExceptionRecord, PolicyFile, Rule
from guardrails.policy.source import Entry, Items, Mapping, Node, Scalar, Source, Value, parse

T = TypeVar("T")
Path = Sequence[str | int]
_FAILED: Any = object()
_MAX_INT = 2**63


class Location(msgspec.Struct, frozen=True):
    """Where a diagnostic points. `on` says whether that is a value or the key in front of it."""

    line: int
    column: int
    length: int
    on: Literal["key", "value"]


class LoadedFile(msgspec.Struct, frozen=True):
    """A policy file as far as it could be read. `policy` is None when there are errors."""

    policy: PolicyFile | None
    node: Node | None
    diagnostics: tuple[Diagnostic, ...]
    source: Source

    @property
    def name(self) -> str:
        """The file's name, as diagnostics show it."""
        return self.source.file

    def diagnostic(
        self, path: Path, code: str, message: str, help: str = "", level: Level = Level.ERROR
    ) -> Diagnostic:
        """A diagnostic at what `path` leads to, or as near to it as the file goes."""
        found = None if self.node is None else locate(self.node, path)
        at = None if found is None else (found.line, found.column, found.length)
        return self.source.problem(code, message, at, help, level)


def load_file(data: bytes | str, name: str) -> LoadedFile:
    """Reads one file and reports all that is wrong with it alone; never raises."""
    source = Source.of(data, name)
    node, problems = parse(data, name)
    if node is None:
        return LoadedFile(None, None, tuple(sorted(problems, key=sort_key)), source)
    policy, more = decode(node, PolicyFile, name, source.lines)
    loaded = LoadedFile(None, node, (), source)
    problems = sorted([*problems, *more, *_check(loaded)], key=sort_key)
    return LoadedFile(None if has_errors(problems) else policy, node, tuple(problems), source)


def decode(node: Node, kind: type[T], file: str, lines: Sequence[str]) -> tuple[T | None, list[Diagnostic]]:
    """The value of a node as `kind`, and every mistake in it; None when there is any.

    `kind` is a struct, or a type that fields of structs may have: texts, numbers, `bool`, enums (ordered
    ones are spelt by their lower-case names), literals, lists, tuples and sets, mappings from texts,
    unions of structs that carry a tag, a value or a list of values, and `None` beside these.

    Raises `TypeError` when `kind` holds any other type.
    """
    decoder = _Decoder(Source(file, tuple(lines)))
    value = decoder.value(node, kind)
    return (None if value is _FAILED else cast("T", value)), decoder.problems


def locate(node: Node, path: Path) -> Location:
    """Where the thing that a path of keys and places leads to stands.

    That is the value, or the key where the value is a list or mapping; where the path leads nowhere,
    the nearest thing above.
    """
    key: Scalar | None = None
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            entry = node.get(step)
            if entry is None:
                break
            key, node = entry.key, entry.value
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
            key, node = None, node.items[step]
        else:
            break
    if key is not None and not isinstance(node, Scalar):
        return Location(key.line, key.column, key.length, "key")
    return Location(node.line, node.column, node.length, "value")


def marked(text: str) -> tuple[str, tuple[Span, ...]]:
    """A text without its `«…»` marks, and the spans that they enclose.

    Raises `ValueError` when the marks are unbalanced, nested or empty.
    """
    plain: list[str] = []
    spans: list[Span] = []
    opened: int | None = None
    for char in text:
        if char == "«":
            if opened is not None:
                raise ValueError("marks are nested")
            opened = len(plain)
        elif char == "»":
            if opened is None:
                raise ValueError("`»` has no `«` before it")
            if opened == len(plain):
                raise ValueError("marks enclose nothing")
            spans.append(Span(opened, len(plain)))
            opened = None
        else:
            plain.append(char)
    if opened is not None:
        raise ValueError("`«` has no `»` after it")
    return "".join(plain), tuple(spans)


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, tuple[str, bool, Any]]:
    """The fields of a struct by the names that authors write: own name, whether required, type."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        one.encode_name: (one.name, one.required, hints[one.name]) for one in msgspec.structs.fields(kind)
    }


def bare(kind: Any) -> tuple[Any, tuple[msgspec.Meta, ...]]:
    """A type without its annotations, and the constraints among them."""
    metas: tuple[msgspec.Meta, ...] = ()
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        metas = (*(one for one in more if isinstance(one, msgspec.Meta)), *metas)
    return kind, metas


def members(kind: Any) -> list[Any]:
    """What a union allows beside None; the type itself where it is no union."""
    if get_origin(kind) in (Union, types.UnionType):
        return [one for one in get_args(kind) if one is not type(None)]
    return [kind]


def words(kind: type[Enum]) -> dict[str, Enum]:
    """An enum's members by what authors write: ordered enums by name, others by value."""
    ordered = issubclass(kind, IntEnum)
    return {(one.name.lower() if ordered else str(one.value)): one for one in kind}


def tags(kinds: Iterable[type[msgspec.Struct]]) -> tuple[str, dict[str, type[msgspec.Struct]]]:
    """The tag field of structs in a union, and the structs by their tags."""
    found = {str(one.__struct_config__.tag): one for one in kinds}
    names = {one.__struct_config__.tag_field for one in found.values()}
    if len(names) != 1 or None in names:
        raise TypeError("structs of a union need one tag field")
    return str(names.pop()), found


class _Decoder:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.problems: list[Diagnostic] = []

    def value(self, node: Node, kind: Any) -> Any:
        kind, metas = bare(kind)
        value = self._bare(node, kind)
        for meta in metas:
            if value is _FAILED or value is None:
                break
            value = self._limits(node, value, meta)
        return value

    def _bare(self, node: Node, kind: Any) -> Any:
        origin = get_origin(kind) or kind
        if origin in (Union, types.UnionType):
            return self._union(node, kind)
        if origin in (list, tuple, set, frozenset):
            return self._sequence(node, origin, get_args(kind))
        if origin is dict:
            return self._dict(node, get_args(kind)[1])
        if origin is Literal:
            return self._literal(node, get_args(kind))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if isinstance(kind.__struct_config__.tag, str):
                return self._tagged(node, [kind])
            return self._struct(node, kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._enum(node, kind)
        return self._scalar(node, kind)

    def _fail(self, node: Node, code: str, message: str, help: str = "") -> Any:
        self.problems.append(self._source.problem(code, message, node, help))
        return _FAILED

    def _expected(self, node: Node, what: str, help: str = "") -> Any:
        return self._fail(node, "bad-type", f"expected {what}, found {_found(node)}", help)

    def _scalar(self, node: Node, kind: Any) -> Any:
        if kind not in _SCALARS:
            raise TypeError(f"the policy language has no {kind!r}")
        if isinstance(node, Scalar):
            value = node.value
            if kind is float and type(value) is int:
                value = float(value)
            if type(value) is kind:
                return self._bounded(node, value)
        quotable = kind is str and isinstance(node, Scalar) and node.value is not None
        return self._expected(node, _SCALARS[kind], "put it in quotes" if quotable else "")

    def _bounded(self, node: Scalar, value: Value) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return self._fail(node, "out-of-range", "number is not finite")
        if type(value) is int and abs(value) >= _MAX_INT:
            return self._fail(node, "out-of-range", "number is too large")
        return value

    def _literal(self, node: Node, values: tuple[object, ...]) -> Any:
        if isinstance(node, Scalar):
            for one in values:
                if node.value == one and type(node.value) is type(one):
                    return one
        choices = _listed(str(one) for one in values)
        given = str(node.value) if isinstance(node, Scalar) else ""
        help = _nearest(given, [one for one in values if isinstance(one, str)])
        return self._fail(node, "bad-value", f"expected {choices}, found {_found(node)}", help)

    def _enum(self, node: Node, kind: type[Enum]) -> Any:
        known = words(kind)
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value in known:
            return known[node.value]
        given = str(node.value) if isinstance(node, Scalar) else ""
        message = f"expected {_listed(known)}, found {_found(node)}"
        return self._fail(node, "bad-value", message, _nearest(given, known))

    def _sequence(self, node: Node, kind: Any, args: tuple[Any, ...]) -> Any:
        if not isinstance(node, Items):
            return self._expected(node, "a list", f"put it in brackets: {_bracketed(node)}")
        if kind is tuple and args[-1] is not Ellipsis:
            if len(node.items) != len(args):
                return self._fail(node, "bad-value", f"expected {len(args)} entries, found {len(node.items)}")
            values = [self.value(one, own) for one, own in zip(node.items, args, strict=True)]
        else:
            values = [self.value(one, args[0]) for one in node.items]
        return _FAILED if any(one is _FAILED for one in values) else kind(values)

    def _dict(self, node: Node, kind: Any) -> Any:
        if not isinstance(node, Mapping):
            return self._expected(node, "a mapping")
        values = {str(one.key.value): self._field(one, kind) for one in node.entries}
        return _FAILED if any(one is _FAILED for one in values.values()) else _Hashable(values)

    def _union(self, node: Node, kind: Any) -> Any:
        own = members(kind)
        if isinstance(node, Scalar) and node.value is None and len(own) < len(get_args(kind)):
            return None
        if len(own) == 1:
            return self.value(node, own[0])
        if all(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in own):
            return self._tagged(node, own)
        lists = [one for one in own if get_origin(bare(one)[0]) in (list, tuple, set, frozenset)]
        scalars = [one for one in own if one not in lists]
        if len(lists) > 1 or len(scalars) != 1:
            raise TypeError(f"the policy language has no {kind!r}")
        if isinstance(node, Mapping):
            return self._expected(node, "a value or a list of values")
        return self.value(node, lists[0] if isinstance(node, Items) else scalars[0])

    def _tagged(self, node: Node, kinds: list[type[msgspec.Struct]]) -> Any:
        field, known = tags(kinds)
        if not isinstance(node, Mapping):
            return self._expected(node, f"a mapping with `{field}`")
        entry = node.get(field)
        choices = _listed(known)
        if entry is None:
            return self._fail(node, "missing-field", f"missing field `{field}`", f"it is {choices}")
        tag = entry.value.value if isinstance(entry.value, Scalar) else None
        if not isinstance(tag, str):
            return self._expected(entry.value if isinstance(entry.value, Scalar) else entry.key, choices)
        if tag not in known:
            help = _nearest(tag, known) or f"it is {choices}"
            return self._fail(entry.value, "bad-value", f"unknown `{field}` {quoted(tag)}", help)
        return self._struct(node, known[tag], field)

    def _struct(self, node: Node, kind: type[msgspec.Struct], tag: str | None = None) -> Any:
        if not isinstance(node, Mapping):
            return self._expected(node, "a mapping")
        fields = fields_of(kind)
        values: dict[str, Any] = {}
        failed = False
        for entry in node.entries:
            key = str(entry.key.value)
            if key == tag:
                continue
            if key not in fields:
                self._unknown(entry, [*([tag] if tag else []), *fields], node)
                failed = True
                continue
            name, _, own = fields[key]
            values[name] = self._field(entry, own)
            failed = failed or values[name] is _FAILED
        for key, (_, required, own) in fields.items():
            if required and node.get(key) is None:
                self._fail(node, "missing-field", f"missing field `{key}`", _how(key, own))
                failed = True
        if failed:
            return _FAILED
        try:
            return kind(**values)
        except (ValueError, TypeError) as error:  # a struct's own `__post_init__`
            return self._fail(node, "bad-value", str(error))

    def _field(self, entry: Entry, kind: Any) -> Any:
        """The value of one key. A key without a value is a mistake, also where it may be left out."""
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            name = quoted(str(entry.key.value))
            help = f"give it a value, or leave {name} out"
            return self._fail(entry.key, "bad-type", f"{name} has no value", help)
        return self.value(entry.value, kind)

    def _unknown(self, entry: Entry, known: list[str], node: Mapping) -> None:
        name = str(entry.key.value)
        free = [one for one in known if node.get(one) is None]
        help = _nearest(name, free) or f"the fields here are {_listed(known, 'and')}" if known else ""
        self._fail(entry.key, "unknown-field", f"unknown field {quoted(name)}", help)

    def _limits(self, node: Node, value: Any, meta: msgspec.Meta) -> Any:
        problem = _beyond(value, meta)
        return value if problem is None else self._fail(node, *problem)


_SCALARS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "`true` or `false`",
}


def _beyond(value: Any, meta: msgspec.Meta) -> tuple[str, str] | None:
    """How a value breaks a constraint: a code and a message."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        bounds = (
            (meta.ge is not None and value < meta.ge, f"`{value}` is less than {meta.ge}"),
            (meta.gt is not None and value <= meta.gt, f"`{value}` is not more than {meta.gt}"),
            (meta.le is not None and value > meta.le, f"`{value}` is more than {meta.le}"),
            (meta.lt is not None and value >= meta.lt, f"`{value}` is not less than {meta.lt}"),
        )
        return next((("out-of-range", message) for broken, message in bounds if broken), None)
    if isinstance(value, str | tuple | list | dict | set | frozenset):
        one = "character" if isinstance(value, str) else "entry"
        if meta.min_length is not None and len(value) < meta.min_length:
            return "out-of-range", f"expected at least {_count(meta.min_length, one)}, found {len(value)}"
        if meta.max_length is not None and len(value) > meta.max_length:
            return "out-of-range", f"expected at most {_count(meta.max_length, one)}, found {len(value)}"
    if isinstance(value, str) and meta.pattern is not None and not _pattern(meta.pattern).search(value):
        return "bad-value", f"{quoted(value)} does not match `{meta.pattern}`"
    return None


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    # In JSON Schema `$` is the very end; in Python it also stands before a last line break.
    whole = expression.endswith("$") and not expression.endswith("\\$")
    return re.compile(expression[:-1] + r"\Z" if whole else expression)


class _Hashable(dict[str, Any]):
    """A mapping that can be part of a frozen struct with a hash; nobody changes it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _count(number: int, one: str) -> str:
    many = "entries" if one == "entry" else f"{one}s"
    return f"{number} {one if number == 1 else many}"


def _found(node: Node) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    value = node.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"the text {quoted(value)}" if isinstance(value, str) else f"the number {quoted(str(value))}"


def _bracketed(node: Node) -> str:
    value = node.value if isinstance(node, Scalar) else None
    simple = isinstance(value, str) and re.fullmatch(r"[\w.-]{1,30}", value)
    return f"`[{value}]`" if simple else "`[…]`"


def _listed(names: Iterable[str], joint: str = "or") -> str:
    shown = [f"`{one}`" for one in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {joint} {shown[-1]}"


def _nearest(given: str, known: Iterable[str]) -> str:
    choices = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(given[:200].casefold(), choices, n=1)
    return f"did you mean `{choices[close[0]]}`?" if close else ""


def _how(key: str, kind: Any) -> str:
    own = bare(members(bare(kind)[0])[0])[0]
    if isinstance(own, type) and issubclass(own, Enum):
        return f"add `{key}:` with {_listed(words(own))}"
    if get_origin(own) is Literal:
        return f"add `{key}: {get_args(own)[0]}`"
    return f"add `{key}:`"


def _check(file: LoadedFile) -> Iterator[Diagnostic]:
    """What no single field shows, of every record that is whole in itself."""
    assert file.node is not None
    yield from _duplicates(file, "rules", "rule")
    yield from _duplicates(file, "exceptions", "exception")
    for number, rule in _whole(file, "rules", Rule):
        path = ("rules", number)
        yield from _check_mask(file, path, rule)
        if isinstance(rule.mask, PlaceholderMask) and rule.mask.restore is not None:
            yield from _check_restore(file, (*path, "mask", "restore"), rule.mask.restore)
        for place, example in enumerate(rule.examples):
            yield from _check_example(file, (*path, "examples", place), example)
        yield from _check_anchors(file, (*path, "detect", "pattern"), getattr(rule.detect, "pattern", None))
    for number, record in _whole(file, "exceptions", ExceptionRecord):
        yield from _check_exception(file, ("exceptions", number), record)


def _records(file: LoadedFile, name: str) -> Sequence[Node]:
    entry = file.node.get(name) if isinstance(file.node, Mapping) else None
    return entry.value.items if entry is not None and isinstance(entry.value, Items) else ()


def _whole(file: LoadedFile, name: str, kind: type[T]) -> Iterator[tuple[int, T]]:
    """The records of a list that can be decoded, with their places, whatever is wrong beside them."""
    for number, node in enumerate(_records(file, name)):
        record, _ = decode(node, kind, file.name, ())
        if record is not None:
            yield number, record


def _duplicates(file: LoadedFile, name: str, what: str) -> Iterator[Diagnostic]:
    first: dict[str, int] = {}
    for number, node in enumerate(_records(file, name)):
        entry = node.get("id") if isinstance(node, Mapping) else None
        if entry is None or not isinstance(entry.value, Scalar) or not isinstance(entry.value.value, str):
            continue
        id = entry.value.value
        if id in first:
            help = f"it is on line {first[id]} already; give each {what} its own id"
            message = f"duplicate {what} {quoted(id)}"
            yield file.diagnostic((name, number, "id"), f"duplicate-{what}", message, help)
        first.setdefault(id, entry.value.line)


def _check_mask(file: LoadedFile, path: tuple[str | int, ...], rule: Rule) -> Iterator[Diagnostic]:
    masks = rule.action is Action.MASK
    if rule.escalate is not None:
        masks = masks or rule.escalate.action is Action.MASK
        if rule.escalate.action <= rule.action:
            message = f"escalation to `{rule.escalate.action.word}` is not stricter than `{rule.action.word}`"
            stricter = [one.word for one in Action if one > rule.action]
            help = f"use {_listed(stricter)}" if stricter else "remove `escalate`"
            yield file.diagnostic((*path, "escalate", "action"), "weak-escalation", message, help)
    if masks and rule.mask is None:
        where = (*path, "action") if rule.action is Action.MASK else (*path, "escalate", "action")
        message = "rule masks and does not say how"
        yield file.diagnostic(where, "missing-mask", message, "add `mask: {with: placeholder}`")
    if not masks and rule.mask is not None:
        message = f"rule has `mask` and its action is `{rule.action.word}`"
        yield file.diagnostic(
            (*path, "mask"), "superfluous-mask", message, "remove it, or use `action: mask`"
        )


def _check_restore(file: LoadedFile, path: tuple[str | int, ...], restore: Restore) -> Iterator[Diagnostic]:
    if restore.tools is not None and restore.kinds is not None and "tool_input" not in restore.kinds:
        message = "`tools` names tools and `kinds` leaves `tool_input` out"
        help = "add `tool_input` to `kinds`, or remove `tools`"
        yield file.diagnostic((*path, "tools"), "superfluous-restore", message, help)


def _check_example(file: LoadedFile, path: tuple[str | int, ...], one: Example) -> Iterator[Diagnostic]:
    if (one.hit is None) == (one.miss is None):
        yield file.diagnostic(path, "bad-example", "example needs either `hit` or `miss`")
    if one.becomes is not None and one.hit is None:
        yield file.diagnostic((*path, "becomes"), "bad-example", "`becomes` belongs to a `hit`")
    if one.hit is not None:
        try:
            _, spans = marked(one.hit)
        except ValueError as error:
            yield file.diagnostic((*path, "hit"), "bad-example", str(error), "write «…» around each span")
        else:
            if not spans:
                help = "put what must be found in «…»"
                yield file.diagnostic((*path, "hit"), "bad-example", "`hit` marks nothing", help)
    if one.miss is not None and ("«" in one.miss or "»" in one.miss):
        help = "nothing is found in a `miss`: remove the marks, or make it a `hit`"
        yield file.diagnostic((*path, "miss"), "bad-example", "`miss` has marks", help)


def _check_exception(
    file: LoadedFile, path: tuple[str | int, ...], record: ExceptionRecord
) -> Iterator[Diagnostic]:
    if not (record.values or record.fingerprints or record.pattern):
        help = "add `values`, `fingerprints` or `pattern`"
        yield file.diagnostic(path, "empty-exception", "exception permits nothing", help)
    try:
        dt.date.fromisoformat(record.expires)
    except ValueError:
        message = f"{quoted(record.expires)} is not a day of the calendar"
        yield file.diagnostic((*path, "expires"), "bad-value", message, "write it like 2027-03-31")
    yield from _check_anchors(file, (*path, "pattern"), record.pattern)


def _check_anchors(file: LoadedFile, path: tuple[str | int, ...], pattern: object) -> Iterator[Diagnostic]:
    if isinstance(pattern, str) and anchored_alternation(pattern):
        message = "anchor binds to one alternative only"
        help = "put the alternatives in a group: `^(?:a|b)$`"
        yield file.diagnostic(path, "anchored-alternation", message, help)


_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|.", re.DOTALL)
_STARTS = ("^", "\\A")
_ENDS = ("$", "\\Z", "\\z")


def anchored_alternation(expression: str) -> bool:
    """Whether an expression like `^a|b$` anchors only some of its alternatives.

    `^a|^b` and `^(?:a|b)$` are fine. Flags in front (`(?i)`) do not matter.
    """
    depth = 0
    branches: list[list[str]] = [[]]
    for match in _ATOM.finditer(re.sub(r"^(?:\(\?[a-zA-Z0-9]+\))+", "", expression)):
        atom = match[0]
        depth += (atom == "(") - (atom == ")")
        if atom == "|" and depth == 0:
            branches.append([])
        else:
            branches[-1].append(atom)
    starts = {branch[:1] != [] and branch[0] in _STARTS for branch in branches}
    ends = {branch[-1:] != [] and branch[-1] in _ENDS for branch in branches}
    return len(starts) > 1 or len(ends) > 1
