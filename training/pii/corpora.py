"""Training texts: labelled records, silver labels, generated examples and text without names."""

from __future__ import annotations

import ast
import gettext
import gzip
import html
import io
import json
import random
import re
import sysconfig
import tokenize as python_tokens
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from training.pii.generate import Generator
from training.pii.lexicon import LANGUAGES, Pools

NAMED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "ADDRESS"})
TYPES = {
    "PERSON": "PERSON",
    "LOCATION": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "STREET_ADDRESS": "ADDRESS",
}

Spans = list[tuple[int, int, str]]


class Text(NamedTuple):
    """A text, its spans, and the types that were looked for in it."""

    text: str
    spans: Spans
    known: frozenset[str] = NAMED


def labelled(path: Path) -> Iterator[Text]:
    """The records of a labelled file. Only the types that the file annotates count as known."""
    for record in _records(path):
        known = frozenset(TYPES[label] for label in record["labels"] if label in TYPES)
        spans = [
            (span["start"], span["end"], TYPES[span["type"]])
            for span in record["spans"]
            if span["type"] in TYPES
        ]
        yield Text(record["text"], spans, known | ({"ADDRESS"} if "LOCATION" in known else set()))


def _records(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


_TITLE = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Sir|Lord|President|Prime Minister|Prime|Minister|Secretary|Pope|King|Queen|General|Gen|"
    r"Senator|Sen|Chancellor|Governor|Gov|Colonel|Judge|Justice|Vice|Foreign|Crown|Prince|Princess|Premier|of State)\b\.?\s*",
)
_ADJECTIVE = re.compile(
    r"(?:Muslim|Islamic|Christian|Jewish|Arab|Sunni|Shi'ite|Shiite|Kurdish|\w+ese|\w+ian|\w+ish)s?"
)


def agreed(gold: Path, teacher: Path, places: set[str]) -> Iterator[Text]:
    """What two silver labellers of the same texts both say; where they differ, neither is believed.

    Titles are taken off persons, adjectives are no organisations, and well-known places no organisations.
    """
    for one, other in zip(_records(gold), _records(teacher), strict=True):
        text = one["text"]
        first = {span for span in (_cleaned(text, span, places) for span in one["spans"]) if span}
        second = {span for span in (_cleaned(text, span, places) for span in other["spans"]) if span}
        both = sorted(first & second)
        open_spans = [
            (start, end, "*")
            for start, end, _ in sorted(first ^ second)
            if not any(start < b and a < end for a, b, _ in both)
        ]
        yield Text(text, both + open_spans)


def _cleaned(text: str, span: dict, places: set[str]) -> tuple[int, int, str] | None:
    start, end, type = span["start"], span["end"], TYPES.get(span["type"], "")
    if type == "PERSON":
        while match := _TITLE.match(text, start, end):
            start = match.end()
    if text.startswith(("the ", "The "), start):
        start += 4
    if text[start:end].endswith(("'s", "’s")):
        end -= 2
    value = text[start:end]
    if not type or not value.strip() or (type == "ORGANIZATION" and _ADJECTIVE.fullmatch(value)):
        return None
    if type == "ORGANIZATION" and value in places:
        type = "LOCATION"
    return start, end, type


def swapped(texts: list[Text], generator: Generator, chance: random.Random, share: float) -> Iterator[Text]:
    """Copies of some of the texts with other names of the same kind in the places of theirs."""
    for text in texts:
        if not text.spans or chance.random() > share:
            continue
        language = chance.choice(("en", "en", *LANGUAGES))
        replaced, spans, at = "", [], 0
        for start, end, type in sorted(text.spans):
            if start < at:
                continue
            value = text.text[start:end]
            plain = value.replace(" ", "").isalpha()
            if type == "PERSON" and plain and chance.random() < 0.85:
                draw = (
                    generator.person
                    if " " in value
                    else generator.last
                    if chance.random() < 0.5
                    else generator.first
                )
                value = draw(language)
            elif type == "LOCATION" and plain and chance.random() < 0.5:
                value = generator.city(language) if chance.random() < 0.7 else generator.country("en")
            elif type == "ORGANIZATION" and chance.random() < 0.4:
                value = generator.company(language)
            replaced += text.text[at:start]
            spans.append((len(replaced), len(replaced) + len(value), type))
            replaced += value
            at = end
        yield Text(replaced + text.text[at:], spans, text.known)


def generated(generator: Generator, chance: random.Random, count: int) -> Iterator[tuple[str, Text]]:
    """Generated examples with their kind: a method of `Generator`."""
    for _ in range(count):
        language = "en" if chance.random() < 0.3 else chance.choice(LANGUAGES[1:])
        dice = chance.random()
        kind = (
            "sentence"
            if dice < 0.6
            else "form"
            if dice < 0.8
            else "block"
            if dice < 0.87
            else "noise"
            if dice < 0.95
            else "words"
        )
        text, spans = getattr(generator, kind)(language)
        yield kind, Text(text, spans)


def messages(npm: Path) -> Iterator[Text]:
    """Sentences of software in eight languages that name nobody: TypeScript (Apache-2.0), Django (BSD)."""
    for code in ("de", "fr", "es", "it", "pt-br", "pl"):
        path = npm / "typescript" / "lib" / code / "diagnosticMessages.generated.json"
        for message in json.loads(path.read_text(encoding="utf-8")).values():
            yield Text(re.sub(r"\{\d\}", "x", message), [])
    django = Path(str(resources.files("django")))
    for path in sorted(django.glob("**/locale/*/LC_MESSAGES/*.mo")):
        language = path.parts[-3][:2]
        if language not in LANGUAGES or "flatpages" in path.parts:
            continue
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for source, text in catalogue.items():
            if source and isinstance(text, str) and " " in text:
                yield Text(re.sub(r"%\(\w+\)s|%s", "x", text), [])


_PARAGRAPH = re.compile(r'<p [^>]*class="paragraph"[^>]*>(.*?)</p>', re.DOTALL)


def manuals(folder: Path, chance: random.Random, count: int) -> Iterator[tuple[str, Text]]:
    """Paragraphs of LibreOffice's help (MPL 2.0) in seven languages, which name nobody.

    `folder` holds the unpacked Debian packages `libreoffice-help-*`, one folder each.
    """
    for language in sorted(folder.iterdir()):
        paragraphs: dict[str, None] = {}
        for path in sorted(language.glob("usr/share/libreoffice/help/*/text/**/*.html")):
            for match in _PARAGRAPH.finditer(path.read_text(encoding="utf-8", errors="replace")):
                text = html.unescape(re.sub(r"<[^>]+>", "", match[1])).strip()
                if len(text) > 30:
                    paragraphs[text] = None
        for text in chance.sample(sorted(paragraphs), min(count, len(paragraphs))):
            yield language.name[:2], Text(text, [])


def planted(texts: list[tuple[str, Text]], generator: Generator) -> Iterator[Text]:
    """Texts that name nobody, with names put into them."""
    for language, text in texts:
        filled, spans = generator.planted(text.text, language)
        if spans:
            yield Text(filled, spans)


def code(chance: random.Random, count: int) -> Iterator[Text]:
    """Docstrings, comments and lines of Python's standard library (PSF) that name nobody."""
    pieces: list[str] = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py")):
        if "site-packages" in path.parts or "test" in path.parts or path.stat().st_size > 300_000:
            continue
        try:
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                    text := ast.get_docstring(node)
                ):
                    pieces += [part for part in text.split("\n\n") if len(part) > 20]
            for token in python_tokens.generate_tokens(io.StringIO(source).readline):
                if (
                    token.type in (python_tokens.COMMENT, python_tokens.STRING)
                    and 8 < len(token.string) < 200
                ):
                    pieces.append(token.string)
            lines = source.split("\n")
            pieces += ["\n".join(lines[at : at + 6]) for at in range(0, len(lines), 24)]
        except (SyntaxError, UnicodeDecodeError, python_tokens.TokenError):
            continue
    strict = re.compile(
        r"author|written|contribut|thank|copyright|\bby [A-Z]|credit|\(c\)|@\w+\.|[A-Z][a-z]+ [A-Z][a-z]+ ", 0
    )
    pieces = [piece for piece in pieces if not strict.search(piece) and piece.strip()]
    chance.shuffle(pieces)
    for piece in pieces[:count]:
        yield Text(piece, [])


def place_names(pools: dict[str, Pools]) -> set[str]:
    """Countries and large cities, as written in English texts."""
    return {
        *pools["en"].countries,
        *pools["en"].regions,
        *pools[""].big_cities[:3_000],
        "U.S.",
        "West Bank",
        "Gaza",
    }
