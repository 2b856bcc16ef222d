"""YAML 1.2 to a tree of nodes that know their place.

Values follow the core schema of YAML 1.2 (`yes` and `no` are texts, dates are texts). Aliases, tags,
merge keys, duplicate keys and keys that are no texts are errors: a policy says what it says.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEndToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DirectiveToken,
    DocumentStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    StreamStartToken,
    TagToken,
    Token,
)

from guardrails.policy.diagnostics import Diagnostic, Level, quoted

MAX_BYTES = 5_000_000
MAX_DEPTH = 50

Value = str | int | float | bool | None


class Scalar(msgspec.Struct, frozen=True):
    """A value. `line` and `column` count from 1; `length` ends with its first line."""

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
    """One key of a mapping, and its value. Only keys that are texts become entries."""

    key: Scalar
    value: Node


class Mapping(msgspec.Struct, frozen=True):
    """A mapping, in the file's order. Of equal keys only the first is here."""

    entries: tuple[Entry, ...]
    line: int
    column: int
    length: int = 1

    def get(self, name: str) -> Entry | None:
        """The entry whose key is `name`, None where there is none."""
        return next((one for one in self.entries if one.key.value == name), None)


Node = Scalar | Items | Mapping
_BREAK = re.compile(r"\r\n|\n|\r")


class Source(msgspec.Struct, frozen=True):
    """A file's text, as lines, to speak about."""

    file: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, data: bytes | str, file: str) -> Source:
        """The lines of `data`; what is not UTF-8 in it is replaced, for showing only."""
        text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data.removeprefix("\ufeff")
        return cls(file, tuple(_BREAK.split(text)))

    def problem(
        self,
        code: str,
        message: str,
        at: Scalar | Items | Mapping | tuple[int, int] | tuple[int, int, int] | None,
        help: str = "",
        level: Level = Level.ERROR,
    ) -> Diagnostic:
        """A diagnostic at a node, at a line and column (and length), or about the whole file."""
        if at is None:
            return Diagnostic(level=level, code=code, message=message, file=self.file, help=help)
        line, column, length = at if isinstance(at, tuple) and len(at) == 3 else (*_start(at), _length(at))
        return Diagnostic(
            level=level,
            code=code,
            message=message,
            file=self.file,
            line=line,
            column=column,
            source_line=self.lines[line - 1] if 0 < line <= len(self.lines) else None,
            length=length,
            help=help,
        )


def _start(at: Node | tuple[int, ...]) -> tuple[int, int]:
    return (at[0], at[1]) if isinstance(at, tuple) else (at.line, at.column)


def _length(at: Node | tuple[int, ...]) -> int:
    return 1 if isinstance(at, tuple) else at.length


def parse(data: bytes | str, file: str) -> tuple[Node | None, list[Diagnostic]]:
    """The tree of one document, and everything that is wrong with the YAML.

    There is a tree beside problems wherever one can be built, so that a caller can go on looking. It
    never raises, whatever the data.
    """
    source = Source.of(data, file)
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"file is larger than {MAX_BYTES // 1_000_000} MB"
        return None, [Source(file, ()).problem("too-large", message, None, "split the policy into several")]
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            # With a byte order mark in front the decoder counts from behind it.
            read = data.removeprefix(b"\xef\xbb\xbf")[: error.start]
            line = len(_BREAK.split(read.decode("utf-8", "replace")))
            return None, [source.problem("not-utf-8", "file is not UTF-8", (line, 1), "save it as UTF-8")]
    else:
        text = data.removeprefix("\ufeff")
    return _Reader(text, source).read()


# What YAML does not allow in a file at all, and what some readers take for a line break.
_CONTROL = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDE_ESCAPE = re.compile(r"\\U(?!0010|000[0-9a-fA-F])[0-9a-fA-F]{8}")

_OPENING = (BlockMappingStartToken, BlockSequenceStartToken, FlowMappingStartToken, FlowSequenceStartToken)
_CLOSING = (BlockEndToken, FlowMappingEndToken, FlowSequenceEndToken)


class _Reader:
    def __init__(self, text: str, source: Source) -> None:
        self._text = text
        self._source = source
        self._starts = [0, *(one.end() for one in _BREAK.finditer(text))]
        self._problems: list[Diagnostic] = []

    def read(self) -> tuple[Node | None, list[Diagnostic]]:
        self._characters()
        if self._problems:
            return None, self._problems
        nodes: list[YamlNode | None] = []
        try:
            if not self._tokens():
                return None, self._problems
            yaml = YAML(typ="safe", pure=True)
            yaml.composer.warn_double_anchors = False  # anchors are errors already
            nodes = list(yaml.compose_all(self._text))
        except MarkedYAMLError as error:
            self._syntax(error)
            return None, self._problems
        except (YAMLError, ValueError, OverflowError):
            self._unreadable()
            return None, self._problems
        if not nodes or (len(nodes) == 1 and _is_empty(nodes[0])):
            self._problem("empty", "file is empty", None, "start with `version: 1`")
            return None, self._problems
        if len(nodes) > 1:
            at = nodes[1].start_mark.index if nodes[1] is not None else None
            self._several(at)
        return (None if nodes[0] is None else self._node(nodes[0])), self._problems

    def _at(self, index: int) -> tuple[int, int]:
        """Line and column of an index. The parser's own count takes other characters for line breaks."""
        index = min(max(index, 0), len(self._text))
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def _problem(
        self, code: str, message: str, index: int | None, help: str = "", *, length: int = 1
    ) -> None:
        at = None if index is None else (*self._at(index), length)
        self._problems.append(self._source.problem(code, message, at, help))

    def _several(self, index: int | None) -> None:
        if not any(one.code == "several-documents" for one in self._problems):
            self._problem(
                "several-documents", "file holds several documents", index, "give each policy a file"
            )

    def _characters(self) -> None:
        for match in _CONTROL.finditer(self._text):
            code = ord(match[0])
            escape = f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"
            message = f"character U+{code:04X} is not allowed in a policy file"
            help = f"write it as `{escape}` in a text in double quotes, or remove it"
            self._problem("bad-character", message, match.start(), help)
            if len(self._problems) >= 20:
                return

    def _tokens(self) -> bool:
        """Reports what the language leaves out of YAML; False where no tree can be built."""
        depth = 0
        begun = False
        buildable = True
        for token in YAML(typ="safe", pure=True).scan(self._text):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAX_DEPTH:
                self._problem("too-deep", f"nested more than {MAX_DEPTH} deep", token.start_mark.index)
                return False
            # An alias can blow up a tree, so none is built beside one.
            buildable = buildable and not isinstance(token, AliasToken)
            if begun and isinstance(token, DocumentStartToken):
                self._several(token.start_mark.index)
            begun = begun or not isinstance(token, StreamStartToken | DirectiveToken)
            self._forbidden(token)
        return buildable

    def _forbidden(self, token: Token) -> None:
        start = token.start_mark.index
        report = partial(self._problem, index=start, length=max(1, token.end_mark.index - start))
        if isinstance(token, AliasToken):
            report(
                "alias", "aliases are not allowed", help="write the value out; quote a text with `*` in front"
            )
        elif isinstance(token, AnchorToken):
            report("anchor", "anchors are not allowed", help="remove it; quote a text with `&` in front")
        elif isinstance(token, TagToken):
            report("tag", "tags are not allowed", help="remove it; quote a text with `!` in front")
        elif isinstance(token, DirectiveToken):
            report("directive", "directives are not allowed", help="remove it; a policy is YAML 1.2")

    def _syntax(self, error: MarkedYAMLError) -> None:
        message, help, at_start = _explain(error)
        mark = (error.context_mark if at_start else None) or error.problem_mark or error.context_mark
        self._problem("yaml-syntax", message, mark.index if mark is not None else None, help)

    def _unreadable(self) -> None:
        wide = _WIDE_ESCAPE.search(self._text)
        if wide:
            self._problem(
                "yaml-syntax",
                "escape is beyond the last character `\\U0010FFFF`",
                wide.start(),
                "use single quotes where no escape is meant",
                length=len(wide[0]),
            )
        else:
            self._problem("yaml-syntax", "file cannot be read as YAML", None)

    def _node(self, node: YamlNode) -> Node:
        start = node.start_mark.index
        line, column = self._at(start)
        if isinstance(node, ScalarNode):
            stop = min(node.end_mark.index, self._starts[line - 1] + len(self._source.lines[line - 1]))
            length = max(1, stop - start)
            if _is_plain(node):
                return Scalar(resolve(node.value), line, column, length)
            return Scalar(self._whole(str(node.value), line, column, length), line, column, length)
        if isinstance(node, SequenceNode):
            return Items(tuple(self._node(one) for one in node.value), line, column)
        assert isinstance(node, MappingNode)
        return Mapping(self._entries(node.value), line, column)

    def _whole(self, value: str, line: int, column: int, length: int) -> str:
        """A text with its escaped surrogate pairs joined, as JSON writes characters beyond U+FFFF."""
        try:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            message = "text holds half a surrogate pair"
            help = "write the character with one escape, like `\\U0001F600`"
            at = (line, column, length)
            self._problems.append(self._source.problem("bad-character", message, at, help))
            return ""

    def _entries(self, pairs: Sequence[tuple[YamlNode, YamlNode]]) -> tuple[Entry, ...]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in pairs:
            key, value = self._node(key_node), self._node(value_node)
            problem = partial(self._source.problem, at=key)
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                help = "put it in quotes" if isinstance(key, Scalar) else "a key is a single word"
                self._problems.append(problem("bad-key", "key is not a text", help=help))
            elif key.value == "<<" and _is_plain(key_node):
                self._problems.append(problem("merge-key", "merge keys are not allowed", help="write it out"))
            elif key.value in entries:
                help = f"it is on line {entries[key.value].key.line} already"
                self._problems.append(
                    problem("duplicate-key", f"duplicate key {quoted(key.value)}", help=help)
                )
            else:
                entries[key.value] = Entry(key, value)
        return tuple(entries.values())


def _is_empty(node: YamlNode | None) -> bool:
    return node is None or (_is_plain(node) and not node.value)


def _is_plain(node: YamlNode) -> bool:
    return isinstance(node, ScalarNode) and node.style in (None, "")


_UNSTARTED = re.compile(r"found character '(.+)' that cannot start any token", re.DOTALL)
_UNKNOWN_ESCAPE = re.compile(r"found unknown escape character '(.+)'", re.DOTALL)
_UNCLOSED = {"while parsing a flow sequence": ("[", "]"), "while parsing a flow mapping": ("{", "}")}


def _explain(error: MarkedYAMLError) -> tuple[str, str, bool]:
    """What a syntax error means to an author, a help, and whether to point at where the thing began."""
    return next(_explanations(error.problem or "", error.context or ""))


def _explanations(problem: str, context: str) -> Iterator[tuple[str, str, bool]]:
    if problem.startswith("mapping values are not allowed"):
        yield "`:` is not allowed here", "check the indentation; quote a text with `: ` in it", False
    if match := _UNSTARTED.search(problem):
        tab = match[1] == "\t" or match[1] == "\\t"
        if tab:
            yield "a tab is not allowed here", "indent with spaces", False
        yield f"{quoted(match[1])} cannot begin a text", "put the text in quotes", False
    if match := _UNKNOWN_ESCAPE.search(problem):
        help = "use single quotes, where `\\` is just a character, or write `\\\\`"
        yield f"unknown escape {quoted(chr(92) + match[1])} in double quotes", help, False
    if problem.startswith("expected escape sequence"):
        yield "escape has too few hexadecimal digits", "`\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`", False
    if "quoted scalar" in context and "unexpected" in problem:
        yield "quoted text is never closed", "add the closing quote", True
    if context in _UNCLOSED and problem.startswith("expected ','"):
        opened, closed = _UNCLOSED[context]
        if "stream end" in problem:
            yield f"`{opened}` is never closed", f"add `{closed}`", True
        yield f"expected `,` or `{closed}` here", f"the list began with `{opened}`", False
    if context == "while scanning an alias":
        yield "`*` begins an alias", 'quote a text with `*` in front, like `"*"`', True
    if context == "while scanning an anchor":
        yield "`&` begins an anchor", "quote a text with `&` in front", True
    if "could not find expected ':'" in problem:
        yield "expected `:` after this key", "check the indentation", True
    if problem.startswith(("expected <block end>", "expected '<document", "expected the node content")):
        yield "this does not belong here", "check the indentation and the quotes", False
    if "tab" in problem:
        yield "a tab is not allowed here", "indent with spaces", False
    plain = " ".join((problem or context or "the text cannot be read").replace("`", "").split()).rstrip(".")
    yield f"not YAML: {plain[:100]}", "", False


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def resolve(text: str) -> Value:
    """The value of a plain scalar by the core schema of YAML 1.2."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    # Beyond a hundred digits no whole number is meant; the bound keeps reading linear.
    if len(text) < 100 and _INT.fullmatch(text):
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
