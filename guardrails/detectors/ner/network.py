"""The network in numpy: from words and shapes to log-probabilities of tags.

The same network is written in torch, for training, in `training/pii/network.py`; a test holds the two
together by stored reference values.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from guardrails.detectors.ner.tokens import Features, Floats, Ints

WINDOW = 2_048
"""Tokens that go through the network at once: the memory it needs does not grow with the text."""


class Weights(msgspec.Struct, frozen=True):
    """Read-only arrays. `table` holds int8 rows, each to be multiplied by its entry in `scale`.

    `convolutions` are (3 * hidden, hidden): the weights for the token before, itself and after, at the
    distance of the entry in `dilations`.
    """

    table: npt.NDArray[np.int8]
    scale: Floats
    shape: Floats
    project: Floats
    project_bias: Floats
    dilations: tuple[int, ...]
    convolutions: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    output: Floats
    output_bias: Floats

    @property
    def reach(self) -> int:
        """How many tokens to each side can change a token's tag."""
        return sum(self.dilations)


def unpacked(weights: Weights) -> Floats:
    """The table's rows in full, for `word_vectors`."""
    return weights.table * weights.scale[:, None]


def word_vectors(table: Floats, features: Features) -> Floats:
    """One vector for each distinct word: the weighted sum of its features' rows in the unpacked table."""
    if len(features.offsets) == 1:
        return np.zeros((0, table.shape[1]), dtype=np.float32)
    # Two rows are the word's own, of weight 1; the n-grams' weights are alike.
    bounds = np.repeat(features.offsets[:-1], 2)
    bounds[1::2] += 2
    sums = np.add.reduceat(table[features.rows], bounds, axis=0)
    vectors: Floats = sums[::2] + sums[1::2] * features.weights[bounds[1::2], None]
    return vectors


def projected(weights: Weights, vectors: Floats) -> Floats:
    """What of a token's first activation its word brings: once for each distinct word."""
    return (vectors @ weights.project).astype(np.float32, copy=False)


def log_probabilities(weights: Weights, words: Floats, word: Ints, shape: Ints) -> Floats:
    """The log-probability of every tag for each token of one window; `words` are the projected vectors.

    A window wider than the tokens of interest by `Weights.reach` on each side gives for those what the
    whole text would.
    """
    hidden = weights.project.shape[1]
    x = words[word]
    x += (weights.shape @ weights.project + weights.project_bias)[shape]
    np.maximum(x, 0, out=x)
    for dilation, convolution, bias in zip(
        weights.dilations, weights.convolutions, weights.biases, strict=True
    ):
        step = x @ convolution[hidden : 2 * hidden]
        step[dilation:] += x[:-dilation] @ convolution[:hidden]
        step[:-dilation] += x[dilation:] @ convolution[2 * hidden :]
        step += bias
        np.maximum(step, 0, out=step)
        x += step
    scores: Floats = (x @ weights.output).astype(np.float32, copy=False)
    scores += weights.output_bias
    scores -= scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores
