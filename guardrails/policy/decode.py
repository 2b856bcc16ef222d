"""From nodes to the language's structs, with every mistake reported where it stands."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import types
from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from guardrails.detectors import RegexSpec
from guardrails.model import Action, Span
from guardrails.policy.diagnostics import Diagnostic, Level
from guardrails.policy.language import PolicyFile, Rule
from guardrails.policy.source import Entry, Items, Mapping, Node, Scalar, Source, parse

T = TypeVar("T")
Path = Sequence[str | int]
_FAILED: Any = object()


class LoadedFile(msgspec.Struct, frozen=True):
    """A policy file as far as it could be read. `policy` is None when there are errors."""

    policy: PolicyFile | None
    node: Node | None
    diagnostics: tuple[Diagnostic, ...]
    source: Source

    @property
    def name(self) -> str:
        return self.source.file

    def diagnostic(
        self, path: Path, code: str, message: str, help: str = "", level: Level = Level.ERROR
    ) -> Diagnostic:
        """A diagnostic at the value that `path` leads to, or as near to it as the file goes."""
        return self.source.problem(code, message, locate(self.node, path), help, level)


def load_file(data: bytes | str, name: str) -> LoadedFile:
    """Reads one file; never raises."""
    node, source, problems = parse(data, name)
    if node is None or problems:
        return LoadedFile(None, node, tuple(problems), source)
    policy, problems = decode(node, PolicyFile, source)
    if policy is None:
        return LoadedFile(None, node, tuple(problems), source)
    loaded = LoadedFile(policy, node, (), source)
    problems = list(_check(loaded, policy))
    failed = any(one.level is Level.ERROR for one in problems)
    return LoadedFile(None if failed else policy, node, tuple(problems), source)


def decode(node: Node, kind: type[T], source: Source) -> tuple[T | None, list[Diagnostic]]:
    """The value of a node as `kind`; None when anything in it is wrong, and all that is."""
    decoder = _Decoder(source)
    value = decoder.value(node, kind, "")
    return (None if value is _FAILED else value), decoder.problems


def locate(node: Node | None, path: Path) -> Node | None:
    """The node that a path of keys and places leads to; the nearest one above where it ends early."""
    for step in path:
        following: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            entry = node.get(step)
            following = entry.value if entry else None
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            following = node.items[step]
        if following is None:
            break
        node = following
    return node


def marked(text: str) -> tuple[str, tuple[Span, ...]]:
    """A text without its `«…»` marks, and the spans that they enclose.

    Raises `ValueError` when the marks are unbalanced or nested.
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
            spans.append(Span(opened, len(plain)))
            opened = None
        else:
            plain.append(char)
    if opened is not None:
        raise ValueError("`«` has no `»` after it")
    return "".join(plain), tuple(spans)


class _Decoder:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.problems: list[Diagnostic] = []

    def value(self, node: Node, kind: Any, name: str) -> Any:
        metas: list[msgspec.Meta] = []
        while get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            metas += [one for one in more if isinstance(one, msgspec.Meta)]
        value = self._bare(node, kind, name)
        for meta in metas:
            if value is not _FAILED and value is not None:
                value = self._limits(node, value, meta)
        return value

    def _bare(self, node: Node, kind: Any, name: str) -> Any:
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._union(node, kind, name)
        if origin is tuple:
            return self._tuple(node, get_args(kind)[0], name)
        if origin is dict:
            return self._dict(node, get_args(kind)[1], name)
        if origin is Literal:
            return self._literal(node, get_args(kind))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._enum(node, kind)
        return self._scalar(node, kind)

    def _fail(self, node: Node | Scalar, code: str, message: str, help: str = "") -> Any:
        self.problems.append(self._source.problem(code, message, node, help))
        return _FAILED

    def _expected(self, node: Node, what: str) -> Any:
        return self._fail(node, "bad-type", f"expected {what}, found {_found(node)}")

    def _scalar(self, node: Node, kind: type) -> Any:
        if isinstance(node, Scalar):
            value = node.value
            if kind is float and type(value) is int:
                return float(value)
            if type(value) is kind:
                return value
        names = {str: "a text", int: "a whole number", float: "a number", bool: "`true` or `false`"}
        problem = self._expected(node, names[kind])
        if kind is str and isinstance(node, Scalar) and not isinstance(node.value, str):
            last = self.problems.pop()
            self.problems.append(msgspec.structs.replace(last, help="put it in quotes"))
        return problem

    def _literal(self, node: Node, values: tuple[object, ...]) -> Any:
        if isinstance(node, Scalar) and any(
            node.value == one and type(node.value) is type(one) for one in values
        ):
            return node.value
        return self._expected(node, " or ".join(f"`{one}`" for one in values))

    def _enum(self, node: Node, kind: type[Enum]) -> Any:
        ordered = issubclass(kind, IntEnum)
        words = {(one.name.lower() if ordered else str(one.value)): one for one in kind}
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value in words:
            return words[node.value]
        given = str(node.value) if isinstance(node, Scalar) else ""
        choices = ", ".join(f"`{one}`" for one in words)
        help = _nearest(given, words) or f"use one of {choices}"
        return self._fail(node, "bad-value", f"expected one of {choices}, found {_found(node)}", help)

    def _tuple(self, node: Node, kind: Any, name: str) -> Any:
        if not isinstance(node, Items):
            return self._expected(node, "a list")
        values = [self.value(one, kind, name) for one in node.items]
        return _FAILED if any(one is _FAILED for one in values) else tuple(values)

    def _dict(self, node: Node, kind: Any, name: str) -> Any:
        if not isinstance(node, Mapping):
            return self._expected(node, "a mapping")
        values = {str(one.key.value): self.value(one.value, kind, name) for one in node.entries}
        return _FAILED if any(one is _FAILED for one in values.values()) else _Frozen(values)

    def _union(self, node: Node, kind: Any, name: str) -> Any:
        members = [one for one in get_args(kind) if one is not type(None)]
        optional = len(members) < len(get_args(kind))
        if optional and isinstance(node, Scalar) and node.value is None:
            return None
        if len(members) == 1:
            return self.value(node, members[0], name)
        if all(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in members):
            return self._tagged(node, members)
        for member in members:
            listed = get_origin(_plain(member)) is tuple
            if listed == isinstance(node, Items):
                return self.value(node, member, name)
        return self._expected(node, "a text or a list of texts")

    def _tagged(self, node: Node, members: list[type[msgspec.Struct]]) -> Any:
        tag_name = str(members[0].__struct_config__.tag_field)
        tags = {str(one.__struct_config__.tag): one for one in members}
        if not isinstance(node, Mapping):
            return self._expected(node, f"a mapping with `{tag_name}`")
        entry = node.get(tag_name)
        choices = ", ".join(f"`{one}`" for one in tags)
        if entry is None:
            return self._fail(node, "missing-field", f"missing field `{tag_name}`", f"use one of {choices}")
        tag = entry.value.value if isinstance(entry.value, Scalar) else None
        if not isinstance(tag, str) or tag not in tags:
            help = _nearest(str(tag), tags) or f"use one of {choices}"
            return self._fail(entry.value, "bad-value", f"unknown `{tag_name}` {_found(entry.value)}", help)
        return self._struct(node, tags[tag], tag_name)

    def _struct(self, node: Node, kind: type[msgspec.Struct], tag: str | None = None) -> Any:
        if not isinstance(node, Mapping):
            return self._expected(node, "a mapping")
        hints = get_type_hints(kind, include_extras=True)
        fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        failed = False
        for entry in node.entries:
            key = str(entry.key.value)
            if key == tag:
                continue
            if key not in fields:
                self._unknown(entry, [*fields, *([tag] if tag else [])])
                failed = True
                continue
            value = self.value(entry.value, hints[fields[key].name], key)
            failed = failed or value is _FAILED
            values[fields[key].name] = value
        for key, field in fields.items():
            if field.required and node.get(key) is None:
                self._fail(node, "missing-field", f"missing field `{key}`", f"add `{key}:`")
                failed = True
        return _FAILED if failed else kind(**values)

    def _unknown(self, entry: Entry, names: Iterable[str]) -> None:
        known = list(names)
        help = (
            _nearest(str(entry.key.value), known)
            or f"the fields here are {', '.join(f'`{one}`' for one in known)}"
        )
        self._fail(entry.key, "unknown-field", f"unknown field `{entry.key.value}`", help)

    def _limits(self, node: Node, value: Any, meta: msgspec.Meta) -> Any:
        if meta.pattern is not None and isinstance(value, str) and not re.search(meta.pattern, value):
            return self._fail(node, "bad-value", f"`{value}` does not match `{meta.pattern}`")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if meta.ge is not None and value < meta.ge:
                return self._fail(node, "out-of-range", f"`{value}` is less than {meta.ge}")
            if meta.le is not None and value > meta.le:
                return self._fail(node, "out-of-range", f"`{value}` is more than {meta.le}")
        if isinstance(value, str | tuple):
            noun = "characters" if isinstance(value, str) else "entries"
            if meta.min_length is not None and len(value) < meta.min_length:
                return self._fail(node, "out-of-range", f"needs at least {meta.min_length} {noun}")
            if meta.max_length is not None and len(value) > meta.max_length:
                return self._fail(node, "out-of-range", f"allows at most {meta.max_length} {noun}")
        return value


class _Frozen(dict[str, Any]):
    """A mapping that can be part of a frozen, hashable struct."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, repr(value)) for key, value in self.items())))


def _plain(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


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
    return f"the text `{value[:60]}`" if isinstance(value, str) else f"the number `{value}`"


def _nearest(given: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(given, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _check(file: LoadedFile, policy: PolicyFile) -> Iterable[Diagnostic]:
    """What no single field shows."""
    first: dict[str, int] = {}
    for number, rule in enumerate(policy.rules):
        path: tuple[str | int, ...] = ("rules", number)
        if rule.id in first:
            message = f"duplicate rule `{rule.id}`"
            yield file.diagnostic((*path, "id"), "duplicate-rule", message, "give each rule its own id")
        first[rule.id] = number
        yield from _check_mask(file, path, rule)
        for place, example in enumerate(rule.examples):
            yield from _check_example(
                file, (*path, "examples", place), example.hit, example.miss, example.becomes
            )
        if isinstance(rule.detect, RegexSpec) and anchored_alternation(rule.detect.pattern):
            message = "an anchor binds to one alternative only"
            help = "put the alternatives in a group: `^(?:a|b)$`"
            yield file.diagnostic((*path, "detect", "pattern"), "anchored-alternation", message, help)
    for number, record in enumerate(policy.exceptions):
        path = ("exceptions", number)
        if not (record.values or record.fingerprints or record.pattern):
            message = "exception permits nothing"
            yield file.diagnostic(
                path, "empty-exception", message, "add `values`, `fingerprints` or `pattern`"
            )
        try:
            dt.date.fromisoformat(record.expires)
        except ValueError:
            message = f"`{record.expires}` is no date"
            yield file.diagnostic((*path, "expires"), "bad-value", message, "write it as 2027-03-31")


def _check_mask(file: LoadedFile, path: tuple[str | int, ...], rule: Rule) -> Iterable[Diagnostic]:
    actions = {rule.action} | ({rule.escalate.action} if rule.escalate else set())
    if Action.MASK in actions and rule.mask is None:
        message = f"rule `{rule.id}` masks and does not say how"
        yield file.diagnostic((*path, "action"), "missing-mask", message, "add `mask: {with: placeholder}`")
    if Action.MASK not in actions and rule.mask is not None:
        message = f"rule `{rule.id}` has `mask` and never masks"
        yield file.diagnostic(
            (*path, "mask"), "superfluous-mask", message, "remove it, or use `action: mask`"
        )
    if rule.escalate and rule.escalate.action <= rule.action:
        message = f"escalation to `{rule.escalate.action.word}` is not stricter than `{rule.action.word}`"
        yield file.diagnostic((*path, "escalate", "action"), "weak-escalation", message)


def _check_example(
    file: LoadedFile, path: tuple[str | int, ...], hit: str | None, miss: str | None, becomes: str | None
) -> Iterable[Diagnostic]:
    if (hit is None) == (miss is None):
        yield file.diagnostic(path, "bad-example", "example needs one of `hit` and `miss`")
        return
    if becomes is not None and hit is None:
        yield file.diagnostic((*path, "becomes"), "bad-example", "`becomes` belongs to a `hit`")
    if hit is not None:
        try:
            _, spans = marked(hit)
        except ValueError as error:
            yield file.diagnostic((*path, "hit"), "bad-example", str(error))
        else:
            if not spans or any(span.start == span.end for span in spans):
                help = "put what must be found in «…»"
                yield file.diagnostic((*path, "hit"), "bad-example", "`hit` marks nothing", help)
    elif miss is not None and ("«" in miss or "»" in miss):
        yield file.diagnostic(
            (*path, "miss"), "bad-example", "`miss` has marks", "nothing is found in a `miss`"
        )


def anchored_alternation(expression: str) -> bool:
    """Whether an expression like `^a|b$` anchors only some of its alternatives."""
    depth = 0
    top: list[str] = [""]
    at = 0
    while at < len(expression):
        char = expression[at]
        if char == "\\":
            top[-1] += expression[at : at + 2] if depth == 0 else ""
            at += 2
            continue
        if char == "[":
            close = expression.find("]", at + 2)
            at = close + 1 if close > 0 else len(expression)
            continue
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            top.append("")
        elif depth == 0:
            top[-1] += char
        at += 1
    if len(top) < 2:
        return False
    starts = {one.startswith("^") for one in top}
    ends = {one.endswith("$") and not one.endswith("\\$") for one in top}
    return len(starts) > 1 or len(ends) > 1
