"""Writes what the torch network says about a small example, for the test of its numpy twin.

    python -m training.pii.reference -o tests/detectors/names_reference.json

The weights are a formula (`weights`), so that the file holds results only.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from guardrails.detectors.ner import tokens
from training.pii.network import Network, Size

TEXT = "Ada Lovelace met Charles in Turin.\n\nNIÑO 1234 l'eau e-mail"
SIZE = Size(rows=97, embedding=6, hidden=8)


def weights(shape: tuple[int, ...], number: int) -> np.ndarray:
    """Values of the `number`-th array: neither random nor symmetric."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(count) * 0.7 + number) * 0.5).reshape(shape).astype(np.float32)


def scores() -> np.ndarray:
    """Log-probabilities of every tag for each token of the text."""
    network = Network(SIZE).eval()
    with torch.no_grad():
        for number, (_, value) in enumerate(sorted(network.named_parameters())):
            value.copy_(torch.from_numpy(weights(tuple(value.shape), number)))
        found = tokens.tokenize(TEXT)
        features = tokens.features(found.words, SIZE.rows)
        vectors = network.words(
            torch.from_numpy(features.rows.astype(np.int64)),
            torch.from_numpy(features.weights),
            torch.from_numpy(features.offsets[:-1].astype(np.int64)),
        )
        word = torch.from_numpy(found.word.astype(np.int64))[None]
        shape = torch.from_numpy(found.shape.astype(np.int64))[None]
        present = torch.ones_like(word, dtype=torch.bool)
        return network(vectors, word, shape, present)[0].log_softmax(-1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [[round(float(value), 5) for value in row] for row in scores()]
    arguments.output.write_text(json.dumps({"text": TEXT, "log_probabilities": rows}) + "\n")


if __name__ == "__main__":
    main()
