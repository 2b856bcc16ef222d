"""Trains the model that tells random values from written ones; prints its measure on held-out files.

    python training/secrets/train.py DATA [--write]

DATA is the folder with `dev/clean.jsonl.gz`: source code of published packages without secrets. A fifth
of the packages is held out. `--write` replaces the shipped model. The seed is fixed, so the same data
gives the same file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from guardrails.catalogue import randomness
from guardrails.catalogue.makers import ALPHABETS
from guardrails.catalogue.randomness import CASES, DIGIT, EDGE, MARK, SIZE, STEP, Model, case, symbol
from guardrails.catalogue.validators import entropy

SEED = 20_260_401
_TOKEN = re.compile(r"[A-Za-z0-9_.$@+/=!#%&*~?^-]{4,48}")
_CODE = re.compile(r"(?=[^ ]*[0-9])(?:[0-9A-Fa-f]{12,}|[A-Za-z0-9+/=_-]{28,})")
_INTERPOLATION = 0.35


def written(lines: Iterable[bytes]) -> tuple[set[str], set[str]]:
    """Distinct names, words and string contents: of the packages to learn from, and of those held out."""
    learn: set[str] = set()
    held: set[str] = set()
    for line in lines:
        record = json.loads(line)
        package = record["source"]
        part = hashlib.sha256(package.encode()).digest()[0] % 5
        tokens = (one for one in _TOKEN.findall(record["text"]) if not _CODE.search(one))
        (held if part == 0 else learn).update(tokens)
    return learn, held - learn


def fit(tokens: Iterable[str]) -> Model:
    """Counts, interpolated between orders (Jelinek-Mercer), as costs in eighths of a bit."""
    three: Counter[tuple[int, int, int]] = Counter()
    cases = [[[1, 1] for _ in range(CASES)] for _ in range(CASES)]
    for token in tokens:
        one = two = EDGE
        first = second = MARK
        for char in token:
            number, kind = symbol(char), case(char)
            three[one, two, number] += 1
            one, two = two, number
            if kind < DIGIT:
                cases[first][second][kind] += 1
            first, second = second, kind
    two_counts: Counter[tuple[int, int]] = Counter()
    one_counts: Counter[int] = Counter()
    for (_, before, number), count in three.items():
        two_counts[before, number] += count
        one_counts[number] += count
    contexts: Counter[tuple[int, int]] = Counter()
    singles: Counter[int] = Counter()
    for (one, two, _), count in three.items():
        contexts[one, two] += count
        singles[two] += count
    total = sum(one_counts.values())
    table = bytearray(SIZE**3)
    for one in range(SIZE):
        for two in range(SIZE):
            for number in range(SIZE):
                low = (one_counts[number] + 1) / (total + SIZE)
                middle = _mix(two_counts[two, number], singles[two], low)
                high = _mix(three[one, two, number], contexts[one, two], middle)
                table[(one * SIZE + two) * SIZE + number] = _eighths(high)
    letters = bytearray()
    for pairs in cases:
        for pair in pairs:
            letters += bytes(_eighths(count / sum(pair)) for count in pair)
    return Model(bytes(table), bytes(letters))


def _mix(count: int, context: int, lower: float) -> float:
    weight = _INTERPOLATION + (1 - _INTERPOLATION) / (1 + context / 50)
    return lower if context == 0 else (1 - weight) * count / context + weight * lower


def _eighths(probability: float) -> int:
    return min(255, round(-math.log2(probability) * STEP))


def generated(count: int, lengths: tuple[int, int], source: random.Random) -> list[str]:
    """Random values of many alphabets."""
    names = ["hex", "alnum", "upperalnum", "base62", "base64url", "letters", "upper"]
    lower = "abcdefghijklmnopqrstuvwxyz"
    alphabets = [ALPHABETS[name] for name in names] + [lower, ALPHABETS["base62"] + "!#$%&*+-=?@^_"]
    return [
        "".join(source.choices(source.choice(alphabets), k=source.randint(*lengths))) for _ in range(count)
    ]


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve, by ranks; ties count half."""
    ranked = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    below = wins = 0.0
    place = 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        hits = sum(label for _, label in ranked[place:end])
        misses = end - place - hits
        wins += hits * (below + misses / 2)
        below += misses
        place = end
    return wins / (len(positive) * len(negative))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with gzip.open(given.data / "dev" / "clean.jsonl.gz") as lines:
        learn, held = written(lines)
    model = fit(learn)
    print(f"learnt from {len(learn)} distinct tokens, {len(held)} held out")
    source = random.Random(SEED)
    pool = sorted(held)
    for low, high in ((6, 8), (9, 12), (13, 20), (21, 40)):
        negative = [one for one in pool if low <= len(one) <= high]
        negative = source.sample(negative, min(len(negative), 20_000))
        positive = generated(len(negative), (low, high), source)
        trigram = area(
            [randomness.bits(one, model) for one in positive],
            [randomness.bits(one, model) for one in negative],
        )
        plain = area([entropy(one) for one in positive], [entropy(one) for one in negative])
        print(
            f"length {low:2} to {high:2}: {len(negative)} written, AUC {trigram:.4f}, by entropy {plain:.4f}"
        )
    content = randomness.encode(model)
    print(f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    if given.write:
        (Path(randomness.__file__).parent / "models" / randomness.MODEL).write_bytes(content)


if __name__ == "__main__":
    main()
