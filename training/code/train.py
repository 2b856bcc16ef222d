"""Trains the code classifier: `python -m training.code.train CODE.jsonl.gz [--write]`.

`CODE` comes from `training.code.collect`. Packages marked `test` are measured on and never train. With
`--write` the weights go to the catalogue. The seed is fixed; the same data gives the same file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from guardrails.catalogue import code_language
from guardrails.catalogue.code_language import CLASSES, Model, features, probabilities, tokens
from training.declarations import declarations

SEED = 11
LENGTHS = (1, 2, 3, 6, 12, 25, 60)
"""Lines of a snippet."""

SNIPPETS = 2_600
"""Snippets of a class to train on, evenly from its packages."""

WORDS, FEATURES = 1_200, 9_000
RIDGE = 4e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("code", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = read(arguments.code)
    for half, held_out in (("train", False), ("test", True)):
        # Prose in other languages than English is no code either.
        rows += [
            {
                "language": "none",
                "package": f"declaration {name[0]}",
                "split": half,
                "text": "\n".join(paragraphs),
            }
            for name, paragraphs in declarations(held_out=held_out).items()
        ]
    train = snippets([one for one in rows if one["split"] == "train"], SNIPPETS, LENGTHS, SEED)
    words = vocabulary(train)
    model = fit(train, words)
    content = code_language.encode(*model)
    shipped = code_language.decode(content)
    for lines in (6, 25):
        test = snippets([one for one in rows if one["split"] == "test"], 300, (lines,), SEED + 1)
        print(f"\n{lines} lines, packages held out:")
        report(test, shipped)
    print(f"\n{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    if arguments.write:
        target = Path(code_language.__file__).parent / "models" / code_language.MODEL
        target.write_bytes(content)


def read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [{**one, "language": one["language"].replace("other", "none")} for one in rows]
    return rows + list(queries(rows))


_QUERY = re.compile(
    r"(?P<quote>\"\"\"|\"|'|`)\s*(?P<sql>(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE (?:TABLE|INDEX|VIEW)|WITH|ALTER TABLE)"
    r" [^\"'`]{12,1500})(?P=quote)",
)


def queries(rows: Sequence[dict[str, str]]) -> Iterator[dict[str, str]]:
    """SQL that stands in the strings of programs: what people type, where files of SQL define."""
    for one in rows:
        if one["language"] in {"none", "sql", "html", "css"}:
            continue
        for match in _QUERY.finditer(one["text"]):
            text = re.sub(r"%\(\w+\)s|%s|\{\w*\}|\\n", " ? ", match["sql"])
            # Letters' case does not count in this language.
            for said in (text, text.lower()):
                yield {**one, "language": "sql", "package": f"{one['package']} queries", "text": said}


_TEMPLATE = re.compile(r"\{%|\{\{")


def snippets(
    rows: Sequence[dict[str, str]], most: int, lengths: Sequence[int], seed: int
) -> list[tuple[str, str, str]]:
    """Language, package and text of stretches of lines, each package with the same share of its language."""
    source = random.Random(seed)
    by_package: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in rows:
        by_package[one["language"]][one["package"]].append(one["text"])
    found = []
    for language, packages in sorted(by_package.items()):
        each = most // len(packages) + 1
        many = most * (3 if language == "none" else 1)
        taken = []
        for package, texts in sorted(packages.items()):
            seen = set()
            for _ in range(each * 6):
                text = source.choice(texts)
                lines = [line for line in text.splitlines() if line.strip()]
                count = source.choice(lengths)
                if len(lines) < min(count, 3 if language != "sql" else 1):
                    continue
                start = source.randrange(max(1, len(lines) - count + 1))
                piece = "\n".join(lines[start : start + count])
                if piece in seen or len(piece) < 16 * min(count, 4) or not _says(language, piece):
                    continue
                seen.add(piece)
                taken.append((language, package, piece))
                if len(seen) >= each * (3 if language == "none" else 1):
                    break
        source.shuffle(taken)
        found += taken[:many]
    return found


# What tells a language from the one that it extends: a snippet without any of it is in both.
_OWN = {
    "typescript": re.compile(
        r"\b(?:interface \w+|enum \w+|readonly|implements|declare|keyof|infer|satisfies)\b|^\s*(?:export )?type \w+"
        r"|\bimport type|\b(?:private|public|protected|abstract) \w|\bas (?:[A-Z]|any|const|string|unknown)"
        r"|: (?:string|number|boolean|void|any|unknown|never|Promise|Array|Record|Partial)\b"
        r"|\): \w|[(,] ?\w+\??: [A-Z]|\b(?:let|const) \w+: \w|\w<[A-Z]\w*(?:, \w+)*>[(;]",
        re.MULTILINE,
    ),
    "cpp": re.compile(
        r"::|\btemplate\b|\bclass\b|\bnamespace\b|\bnew\b|\bauto\b|\bnullptr\b|\boperator\b|\bvirtual\b|\boverride\b"
        r"|\bconst \w+ ?&|\w&& |\b(?:static|const|dynamic|reinterpret)_cast\b|\bconstexpr\b|\bpublic:|\bprivate:|\btry\b|\busing\b"
    ),
    "php": re.compile(r"\$\w|<\?php|\bfunction\b"),
    "sql": re.compile(
        r"\b(?:select|insert|update|delete|create|alter|drop|with|from|where|grant|begin|values)\b", re.I
    ),
}
# A line of a document or of settings that is code after all.
_CODE = re.compile(
    r"^\s*(?:>>>|\$ |```|\.\. code|def |class |import |from \w+ import|function |const |let |var )|[;{]\s*$|\)\s*$"
)
_COMMENT = re.compile(r"^\s*(?:#(?!include|define|if|endif|pragma|!)|//|/?\*|--|;|<!--)")


def _says(language: str, text: str) -> bool:
    """Whether the snippet is in its language at all: not a licence, not a template of something else."""
    lines = text.splitlines()
    comments = sum(bool(_COMMENT.match(line)) for line in lines)
    if language != "none" and comments * 2 > len(lines):
        return False
    if language in {"html", "css"} and _TEMPLATE.search(text):
        return False
    if language == "none":
        return sum(bool(_CODE.search(line)) for line in lines) * 4 <= len(lines)
    if language == "html":
        return len(re.findall(r"</?[a-z]", text)) * 2 >= len(lines)
    return language not in _OWN or _OWN[language].search(text) is not None


def vocabulary(train: Sequence[tuple[str, str, str]]) -> frozenset[str]:
    """Words that many packages of a language use."""
    packages: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for language, package, text in train:
        for token in set(tokens(text)):
            if token[-1].isalnum() and len(token) > 1:
                packages[language][token].add(package)
    sizes = {
        language: len({one for many in own.values() for one in many}) for language, own in packages.items()
    }
    best: Counter[str] = Counter()
    for language, own in packages.items():
        for token, users in own.items():
            if len(users) >= 3:
                best[token] = max(best[token], round(1_000 * len(users) / sizes[language]))
    return frozenset(token for token, _ in sorted(best.items(), key=lambda one: (-one[1], one[0]))[:WORDS])


def fit(
    train: Sequence[tuple[str, str, str]], words: frozenset[str]
) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    from scipy import optimize, sparse  # only the recipe needs it

    counted = [features(text, words) for _, _, text in train]
    spread: dict[str, set[str]] = defaultdict(set)
    for (_, package, _), own in zip(train, counted, strict=True):
        for name in own:
            spread[name].add(package)
    wide = sorted(spread, key=lambda name: (-len(spread[name]), name))
    names = sorted(name for name in wide[:FEATURES] if len(spread[name]) >= 3)
    number = {name: place for place, name in enumerate(names)}
    rows, columns, values = [], [], []
    for row, own in enumerate(counted):
        known = [(number[name], count) for name, count in own.items() if name in number]
        norm = sum(count for _, count in known) ** 0.5 or 1.0
        for column, count in known:
            rows.append(row)
            columns.append(column)
            values.append(count**0.5 / norm)
    matrix = sparse.csr_matrix((values, (rows, columns)), (len(train), len(names)), np.float32)
    labels = np.array([CLASSES.index(language) for language, _, _ in train])
    # Every package of a class counts the same.
    sizes = Counter((language, package) for language, package, _ in train)
    weight = np.array([1 / sizes[language, package] ** 0.5 for language, package, _ in train])
    for label in range(len(CLASSES)):
        weight[labels == label] /= weight[labels == label].sum()
    weight /= weight.sum()
    onehot = np.eye(len(CLASSES))[labels]
    shape = (len(names) + 1, len(CLASSES))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        full = flat.reshape(shape)
        scores = matrix @ full[:-1] + full[-1]
        scores -= scores.max(axis=1, keepdims=True)
        probable = np.exp(scores)
        probable /= probable.sum(axis=1, keepdims=True)
        value = -(weight * np.log(probable[np.arange(len(labels)), labels] + 1e-12)).sum()
        error = (probable - onehot) * weight[:, None]
        gradient = np.vstack([matrix.T @ error + RIDGE * full[:-1], error.sum(axis=0)])
        return value + RIDGE / 2 * (full[:-1] ** 2).sum(), gradient.ravel()

    start = np.zeros(shape[0] * shape[1])
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x.reshape(
        shape
    )
    return sorted(words), names, best[:-1].astype(np.float32), best[-1].astype(np.float32)


def report(test: Sequence[tuple[str, str, str]], model: Model) -> None:
    """Precision, recall and F1 of each class."""
    told = [max(one := probabilities(text, model), key=one.__getitem__) for _, _, text in test]
    pairs = Counter((language, guess) for (language, _, _), guess in zip(test, told, strict=True))
    for name in CLASSES:
        right = pairs[name, name]
        wanted = sum(count for (language, _), count in pairs.items() if language == name)
        given = sum(count for (_, guess), count in pairs.items() if guess == name)
        if wanted:
            f1 = 2 * right / (wanted + given)
            wrong = [(g, c) for (one, g), c in pairs.most_common() if one == name and g != name][:3]
            print(
                f"{name:12} n {wanted:4} recall {right / wanted:.3f} precision {right / max(given, 1):.3f} F1 {f1:.3f} {wrong}"
            )
    right = sum(count for (language, guess), count in pairs.items() if language == guess)
    print(f"all: {right / len(test):.3f} right")


if __name__ == "__main__":
    main()
