"""Calibrates the scores of a model on labelled files it was not trained on, and says how well they fit.

    python -m training.pii.calibrate MODEL.npz --fit A.jsonl.gz B.jsonl.gz --check C.jsonl.gz D.jsonl.gz

For each type and kind of span (in lower case, one token, several) a slope and an intercept turn the logit of its
raw probability into that of its score (Platt, 1999), so that of spans with a score of 0.8 eight in ten are
right. They are written to the manifest.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np

from guardrails.detectors.base import Deadline
from guardrails.detectors.ner import model, tokens
from guardrails.detectors.ner.decode import TYPES
from training.pii.evaluate import REPORTED

KINDS = ("lower", "single", "several")
Outcomes = dict[str, list[tuple[float, bool]]]


LEAST = 40
"""A kind of fewer spans is calibrated with the others of its type; a type of fewer is left as it is."""


def outcomes(loaded: model.Model, paths: list[Path]) -> Outcomes:
    """Score and rightness of every span found, by the model's type, and by type and kind (`PERSON.lower`)."""
    result: Outcomes = defaultdict(list)
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                gold = [(s["start"], s["end"], REPORTED.get(s["type"], s["type"])) for s in record["spans"]]
                for name in loaded.names(record["text"], Deadline.after(3_600)):
                    type = REPORTED.get(name.type, name.type)
                    if type in record["labels"] and not record.get("recall_only"):
                        right = any(name.start < b and a < name.end and type == t for a, b, t in gold)
                        result[name.type].append((name.score, right))
                        result[f"{name.type}.{kind(record['text'][name.start : name.end])}"].append(
                            (name.score, right)
                        )
    return result


def kind(value: str) -> str:
    """The kind of a span, as in `guardrails.detectors.ner.model`."""
    if value[0].islower():
        return "lower"
    return "single" if len(tokens.tokenize(value).word) == 1 else "several"


def fit(found: Outcomes) -> dict[str, dict[str, tuple[float, float]]]:
    """Slope and intercept for each type and kind."""
    fitted: dict[str, dict[str, tuple[float, float]]] = {}
    for type in TYPES:
        if len(found.get(type, [])) >= LEAST:
            whole = platt(found[type])
            few = {one for one in KINDS if len(found.get(f"{type}.{one}", [])) < LEAST}
            fitted[type] = {one: whole if one in few else platt(found[f"{type}.{one}"]) for one in KINDS}
    return fitted


def platt(pairs: list[tuple[float, bool]], rounds: int = 50) -> tuple[float, float]:
    """Slope and intercept by Newton's method on the log-likelihood, with Platt's smoothed targets.

    A step that makes things worse is halved until it does not.
    """
    scores = np.array([score for score, _ in pairs]).clip(1e-6, 1 - 1e-6)
    right = np.array([right for _, right in pairs])
    x = np.stack([np.log(scores / (1 - scores)), np.ones(len(pairs))], axis=1)
    positive, negative = right.sum(), (~right).sum()
    target = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def cost(theta: np.ndarray) -> float:
        z = x @ theta
        return float((np.logaddexp(0, z) - target * z).sum())

    theta = np.array([1.0, 0.0])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-(x @ theta).clip(-50, 50)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (p - target))
        while cost(theta - step) > cost(theta) and np.abs(step).max() > 1e-9:
            step /= 2
        theta -= step
        if np.abs(step).max() < 1e-7:
            break
    return round(float(theta[0]), 4), round(float(theta[1]), 4)


def reliability(found: Outcomes) -> str:
    """A table: by type and band of scores, how many spans and what share of them is right."""
    lines = ["type          band       spans  mean score  right"]
    error = total = 0.0
    for type in TYPES:
        pairs = np.array([(score, right) for score, right in found.get(type, [])], dtype=float).reshape(-1, 2)
        for low in (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
            high = {0.0: 0.3, 0.3: 0.5, 0.5: 0.7, 0.7: 0.8, 0.8: 0.9, 0.9: 0.95, 0.95: 1.01}[low]
            band = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
            if len(band):
                mean, right = band.mean(axis=0)
                error += abs(mean - right) * len(band)
                total += len(band)
                lines.append(
                    f"{type:13s} {low:.2f}-{min(high, 1):.2f}  {len(band):6d}  {mean:10.2f}  {right:5.2f}"
                )
    lines.append(f"expected calibration error {error / max(1, total):.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    path = arguments.weights.with_suffix(".json")
    raw = msgspec.structs.replace(model.load(arguments.weights, path), calibration={})
    manifest = json.loads(path.read_text())
    manifest["calibration"] = fit(outcomes(raw, arguments.fit))
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    print(reliability(outcomes(model.load(arguments.weights, path), arguments.check)))


if __name__ == "__main__":
    main()
