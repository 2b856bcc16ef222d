"""`type: code`: program code in a text, by language and by how much of the text it is.

Fenced blocks, and other stretches that have the signs of code, are given to a linear model over tokens. What
a fence says is its language counts as evidence and no more: anybody can write it. A stretch that the model
is unsure of is in no language and never a hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Annotated

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, Match, SpecError
from guardrails.detectors.plainest import plainest
from guardrails.model import Hit, Reason
from guardrails.text import View


class Language(str, Enum):
    """The languages that are told apart."""

    C = "c"
    CPP = "cpp"
    CSHARP = "csharp"
    CSS = "css"
    GO = "go"
    HTML = "html"
    JAVA = "java"
    JAVASCRIPT = "javascript"
    PHP = "php"
    PYTHON = "python"
    RUBY = "ruby"
    RUST = "rust"
    SHELL = "shell"
    SQL = "sql"
    TYPESCRIPT = "typescript"


_SAID = {
    **{one.value: one.value for one in Language},
    **dict.fromkeys(("py", "python3", "pycon", "ipython"), "python"),
    **dict.fromkeys(("js", "jsx", "mjs", "node"), "javascript"),
    **dict.fromkeys(("ts", "tsx"), "typescript"),
    **dict.fromkeys(("c++", "cc", "cxx", "hpp"), "cpp"),
    **dict.fromkeys(("c#", "cs"), "csharp"),
    **dict.fromkeys(("sh", "bash", "zsh", "console", "shell-session"), "shell"),
    "rb": "ruby",
    "golang": "go",
    "rs": "rust",
    "postgresql": "sql",
    "mysql": "sql",
    "htm": "html",
    **dict.fromkeys(
        (
            "text",
            "txt",
            "json",
            "yaml",
            "yml",
            "toml",
            "ini",
            "xml",
            "csv",
            "log",
            "output",
            "diff",
            "md",
            "markdown",
        ),
        "none",
    ),
}
"""What a fence says, as a class of the model."""

_CHUNK = 2_000
"""Characters from which on a stretch of code ends with its paragraph."""

_LEAST = 30
"""With fewer characters one cannot tell, but for what a fence says."""

_LINE = re.compile(r"[^\n]{1,4000}\n?|\n")
_FENCE = re.compile(r"[ \t>]{0,12}(?P<fence>`{3,20}|~{3,20})[ \t]{0,4}\{?\.?(?P<said>[\w+#-]{0,20})")
_SIGNS = re.compile(r"[{}\[\]=<>\\|~$_;#]|\w\(|:\n|\w\.\w|^[ \t]", re.MULTILINE)
_SPARSE = 30
"""A paragraph with fewer than one sign of code in so many characters is prose."""


class Block(msgspec.Struct, frozen=True):
    """A stretch of a text that may be code; `said`: the class of the model that its fence names."""

    start: int
    end: int
    fenced: bool = False
    said: str | None = None


class CodeSpec(msgspec.Struct, frozen=True, tag_field="type", tag="code", forbid_unknown_fields=True):
    """Finds program code: any, in other languages than the allowed ones, or in denied ones."""

    allow: Annotated[
        tuple[Language, ...], msgspec.Meta(description="Languages. Code in any other is a hit.")
    ] = ()
    deny: Annotated[
        tuple[Language, ...], msgspec.Meta(description="Languages. Code in one of them is a hit.")
    ] = ()
    min_share: Annotated[
        float,
        msgspec.Meta(ge=0.0, le=1.0, description="Least part of the text that is such code."),
    ] = 0.0
    min_score: Annotated[
        float, msgspec.Meta(ge=0.5, le=1.0, description="Least probability that a stretch is such code.")
    ] = 0.9

    def detector(self) -> CodeDetector:
        both = [number for number, one in enumerate(self.deny) if one in self.allow]
        if both:
            raise SpecError(("deny", both[0]), "language is allowed and denied", "remove it from one list")
        return CodeDetector(self)


class CodeDetector:
    """Judges each stretch that may be code; neighbours in one language are one hit."""

    inspects = True
    patterns = ()

    def __init__(self, spec: CodeSpec) -> None:
        # The model needs numpy: no policy without such a rule is to load it.
        from guardrails.catalogue import code_language

        self.name = "code"
        self._deny = frozenset(one.value for one in spec.deny)
        self._allow = frozenset(one.value for one in spec.allow)
        self._share = spec.min_share
        self._least = spec.min_score
        self._probabilities = code_language.probabilities
        self._model: code_language.Model | CannotJudge
        try:
            self._model = code_language.load()
        except (code_language.ModelError, OSError) as error:
            self._model = CannotJudge(Reason.NO_MODEL, type(error).__name__)

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if isinstance(self._model, CannotJudge):
            raise self._model
        view = plainest(views)
        hits: list[tuple[int, int, str, float]] = []
        for block in blocks(view.text):
            deadline.check()
            found = self._judge(view.text[block.start : block.end], block.said)
            if found is None:
                continue
            language, score = found
            if hits and hits[-1][2] == language and not view.text[hits[-1][1] : block.start].strip():
                hits[-1] = (hits[-1][0], block.end, language, max(score, hits[-1][3]))
            else:
                hits.append((block.start, block.end, language, score))
        if self._share:
            code = sum(_visible(view.text[start:end]) for start, end, _, _ in hits)
            if code < self._share * _visible(view.text):
                return
        for start, end, language, score in hits:
            yield view.hit(start, end, f"CODE_{language.upper()}", round(score, 4), why=f"code in {language}")

    def _judge(self, text: str, said: str | None) -> tuple[str, float] | None:
        """The language of a stretch that is a hit, with how sure that is."""
        assert not isinstance(self._model, CannotJudge)
        if len(text) < _LEAST and said is None:
            return None
        shares = self._probabilities(text, self._model, said)
        among = [
            name
            for name in shares
            if name != "none"
            and (name in self._deny or (name not in self._allow and (self._allow or not self._deny)))
        ]
        score = sum(shares[name] for name in among)
        return (max(among, key=shares.__getitem__), min(score, 1.0)) if score >= self._least else None


def _visible(text: str) -> int:
    return sum(map(len, text.split()))


def blocks(text: str) -> Iterator[Block]:
    """The stretches that may be code: what is fenced, and neighbouring paragraphs with the signs of code."""
    pending: Block | None = None
    for one in _paragraphs(text):
        if (
            pending is not None
            and not (pending.fenced or one.fenced)
            and pending.end - pending.start < _CHUNK
            and not text[pending.end : one.start].strip()
        ):
            pending = Block(pending.start, one.end)
            continue
        if pending is not None:
            yield pending
        pending = one
    if pending is not None:
        yield pending


def _paragraphs(text: str) -> Iterator[Block]:
    fence: re.Match[str] | None = None
    inside = -1  # where the fenced block begins
    start = end = -1
    for line in _LINE.finditer(text):
        mark = _FENCE.match(line[0])
        if fence is not None:
            if mark and mark["fence"].startswith(fence["fence"]) and not mark["said"]:
                yield from _fenced(text, inside, line.start(), fence)
                fence = None
            continue
        if mark:
            if start >= 0:
                yield from _plain(text, start, end)
            fence, inside, start = mark, line.end(), -1
        elif not line[0].isspace():
            start, end = (line.start(), line.end()) if start < 0 else (start, line.end())
        elif start >= 0:
            yield from _plain(text, start, end)
            start = -1
    if fence is not None:
        yield from _fenced(text, inside, len(text), fence)
    elif start >= 0:
        yield from _plain(text, start, end)


def _fenced(text: str, start: int, end: int, fence: re.Match[str]) -> Iterator[Block]:
    said = _SAID.get(fence["said"].lower())
    for first, last in _chunks(text, start, end):
        yield Block(first, last, True, said)


def _plain(text: str, start: int, end: int) -> Iterator[Block]:
    for first, last in _chunks(text, start, end):
        if len(_SIGNS.findall(text, first, last)) * _SPARSE > last - first:
            yield Block(first, last)


def _chunks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Parts of a stretch that end with a line, without white space around them."""
    while start < end:
        last = end
        if end - start > _CHUNK + _CHUNK // 2:
            line = text.find("\n", start + _CHUNK, end)
            last = line + 1 if 0 <= line < start + 2 * _CHUNK else min(start + 2 * _CHUNK, end)
        part = text[start:last]
        if stripped := part.strip():
            first = start + part.index(stripped)
            yield first, first + len(stripped)
        start = last
