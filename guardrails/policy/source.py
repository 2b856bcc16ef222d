"""YAML 1.2 to a tree of nodes that know their place.

Values follow the core schema of YAML 1.2 (`yes` and `no` are texts, dates are texts). Aliases, tags,
merge keys, duplicate keys and keys that are no texts are errors: a policy says what it says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.tokens import AliasToken, AnchorToken, TagToken

from guardrails.policy.diagnostics import Diagnostic, Level

MAX_BYTES = 5_000_000
MAX_DEPTH = 50

Value = str | int | float | bool | None


class Scalar(msgspec.Struct, frozen=True):
    """A value. `line` and `column` count from 1."""

    value: Value
    line: int
    column: int
    length: int


class Items(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    line: int
    column: int
    length: int = 1


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping, and its value."""

    key: Scalar
    value: Node


class Mapping(msgspec.Struct, frozen=True):
    """A mapping, in the file's order."""

    entries: tuple[Entry, ...]
    line: int
    column: int
    length: int = 1

    def get(self, name: str) -> Entry | None:
        """The entry of a key, None when there is none."""
        return next((one for one in self.entries if one.key.value == name), None)


Node = Scalar | Items | Mapping


class Source(msgspec.Struct, frozen=True):
    """A file's text, as lines, to speak about."""

    file: str
    lines: tuple[str, ...]

    def problem(
        self,
        code: str,
        message: str,
        at: Scalar | Items | Mapping | tuple[int, int] | None,
        help: str = "",
        level: Level = Level.ERROR,
    ) -> Diagnostic:
        """A diagnostic at a node, or at a line and column."""
        if at is None:
            return Diagnostic(level=level, code=code, message=message, file=self.file, help=help)
        line, column = at if isinstance(at, tuple) else (at.line, at.column)
        length = 1 if isinstance(at, tuple) else at.length
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else None
        return Diagnostic(
            level=level,
            code=code,
            message=message,
            file=self.file,
            line=line,
            column=column,
            source_line=text,
            length=length,
            help=help,
        )


def parse(data: bytes | str, file: str) -> tuple[Node | None, Source, list[Diagnostic]]:
    """The tree of one document; None where there is none, with the reasons."""
    source = Source(file, ())
    if len(data) > MAX_BYTES:
        return None, source, [source.problem("too-large", f"file is larger than {MAX_BYTES} bytes", None)]
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        message = f"file is not UTF-8 at byte {error.start}"
        return None, source, [source.problem("not-utf-8", message, None, "save it as UTF-8")]
    source = Source(file, tuple(re.split(r"\r\n|\r|\n", text)))
    try:
        problems = _forbidden(text, source)
        nodes = [] if problems else list(YAML(typ="rt", pure=True).compose_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else None
        return None, source, [source.problem("yaml-syntax", _plain(error), at)]
    except (YAMLError, YAMLStreamError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, source, [source.problem("yaml-syntax", f"not YAML: {first}", None)]
    except RecursionError:
        return None, source, [source.problem("too-deep", "file is nested too deep", None)]
    if problems:
        return None, source, problems
    if not nodes or nodes[0] is None:
        return None, source, [source.problem("empty", "file is empty", None, "start with `version: 1`")]
    if len(nodes) > 1:
        mark = nodes[1].start_mark
        at = (mark.line + 1, mark.column + 1)
        return None, source, [source.problem("several-documents", "file holds several documents", at)]
    builder = _Builder(source)
    node = builder.node(nodes[0], 0)
    return node, source, builder.problems


def _forbidden(text: str, source: Source) -> list[Diagnostic]:
    found = []
    for token in YAML(typ="rt", pure=True).scan(text):
        at = (token.start_mark.line + 1, token.start_mark.column + 1)
        if isinstance(token, AliasToken | AnchorToken):
            found.append(source.problem("alias", "anchors and aliases are not allowed", at, "write it out"))
        elif isinstance(token, TagToken):
            found.append(source.problem("tag", "tags are not allowed", at, "remove it"))
    return found


def _plain(error: MarkedYAMLError) -> str:
    return f"not YAML: {(error.problem or error.context or 'cannot be read').splitlines()[0].rstrip('.')}"


class _Builder:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.problems: list[Diagnostic] = []

    def node(self, node: YamlNode, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if depth > MAX_DEPTH:
            self.problems.append(self._source.problem("too-deep", "nested too deep", (line, column)))
            return Scalar(None, line, column, 1)
        if isinstance(node, SequenceNode):
            return Items(tuple(self.node(one, depth + 1) for one in node.value), line, column)
        if isinstance(node, MappingNode):
            return Mapping(self._entries(node.value, depth), line, column)
        assert isinstance(node, ScalarNode)
        same_line = node.end_mark.line == node.start_mark.line
        length = max(1, node.end_mark.column - node.start_mark.column) if same_line else 1
        quoted = getattr(node, "style", None) not in (None, "")
        return Scalar(str(node.value) if quoted else resolve(node.value), line, column, length)

    def _entries(self, pairs: Sequence[tuple[YamlNode, YamlNode]], depth: int) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        first: dict[str, int] = {}
        for key_node, value_node in pairs:
            key = self.node(key_node, depth + 1)
            value = self.node(value_node, depth + 1)
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                self.problems.append(self._source.problem("bad-key", "key must be a text", key))
            elif key.value == "<<":
                self.problems.append(self._source.problem("merge", "merge keys are not allowed", key))
            elif key.value in first:
                message = f"duplicate key `{key.value}`"
                help = f"it is on line {first[key.value]} already"
                self.problems.append(self._source.problem("duplicate-key", message, key, help))
            else:
                first[key.value] = key.line
                entries.append(Entry(key, value))
        return tuple(entries)


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def resolve(text: str) -> Value:
    """The value of a plain scalar by the core schema of YAML 1.2."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    if _INT.fullmatch(text) and len(text) < 100:
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
