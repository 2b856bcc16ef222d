"""Trains the convolution over word vectors. Needs jax; the product runs what comes out on numpy."""

from __future__ import annotations

import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from guardrails.detectors.ngrams.words import WIDTH, Net

LENGTHS = (16, 32, 64, 112)
"""Words to which rows are padded; what is longer is cut."""

FILTERS = 64
UNITS = 48
BATCH = 256
RATE = 2e-3
DROPPED_WORDS = 0.1
DROPPED_UNITS = 0.3

Layers = dict[str, jax.Array]


class Row(msgspec.Struct, frozen=True):
    """A window: rows of the vectors' table, and for each class its label and how much that counts."""

    words: np.ndarray
    labels: tuple[float, ...]
    weights: tuple[float, ...]


def _first(classes: int, dimensions: int, seed: int) -> Layers:
    keys = jax.random.split(jax.random.PRNGKey(seed), 3)
    wide = WIDTH * dimensions
    return {
        "filters": jax.random.normal(keys[0], (wide, FILTERS)) * np.sqrt(4 / wide),
        "filters_bias": jnp.zeros(FILTERS),
        "mean": jax.random.normal(keys[1], (dimensions, UNITS)) * np.sqrt(2 / dimensions),
        "mean_bias": jnp.zeros(UNITS),
        "out": jax.random.normal(keys[2], (FILTERS + UNITS, classes)) * 0.05,
        "out_bias": jnp.zeros(classes),
    }


def _odds(layers: Layers, table: jax.Array, words: jax.Array, key: jax.Array) -> jax.Array:
    """Log-odds of each class as `Net` gives them, with words and units left out. Padding is -1."""
    for_words, for_units = jax.random.split(key)
    inside = words >= 0
    kept = inside & jax.random.bernoulli(for_words, 1 - DROPPED_WORDS, words.shape)
    x = table[jnp.maximum(words, 0)] * kept[..., None]
    padded = jnp.pad(x, ((0, 0), (WIDTH - 1, WIDTH - 1), (0, 0)))
    length = words.shape[1] + WIDTH - 1
    wide = jnp.concatenate([padded[:, shift : shift + length] for shift in range(WIDTH)], axis=-1)
    strongest = jax.nn.relu(wide @ layers["filters"] + layers["filters_bias"]).max(axis=1)
    mean = x.sum(axis=1) / jnp.sqrt(inside.sum(axis=1, keepdims=True) + 4.0)
    units = jnp.concatenate([strongest, jax.nn.relu(mean @ layers["mean"] + layers["mean_bias"])], axis=1)
    units *= jax.random.bernoulli(for_units, 1 - DROPPED_UNITS, units.shape) / (1 - DROPPED_UNITS)
    return units @ layers["out"] + layers["out_bias"]


@jax.jit
def _step(
    state: tuple[Layers, Layers, Layers],
    count: int,
    table: jax.Array,
    batch: tuple[jax.Array, jax.Array, jax.Array],
    key: jax.Array,
    rate: float,
) -> tuple[tuple[Layers, Layers, Layers], jax.Array]:
    """One step of Adam."""
    layers, first, second = state
    words, labels, weights = batch

    def loss(layers: Layers) -> jax.Array:
        return (weights * jax.nn.softplus((1 - 2 * labels) * _odds(layers, table, words, key))).sum()

    value, slope = jax.value_and_grad(loss)(layers)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
    layers = jax.tree.map(
        lambda p, m, v: p - rate * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8),
        layers,
        first,
        second,
    )
    return (layers, first, second), value


def fit(rows: Sequence[Row], table: np.ndarray, rounds: int, seed: int) -> Net:
    """A network for the classes of the rows; of each class both labels weigh the same."""
    began = time.monotonic()
    labels = np.array([one.labels for one in rows], np.float32)
    weights = np.array([one.weights for one in rows], np.float32)
    classes = labels.shape[1]
    for name in range(classes):
        for label in (0, 1):
            mine = (labels[:, name] == label) & (weights[:, name] > 0)
            weights[mine, name] /= weights[mine, name].sum() * 2
    weights = np.minimum(weights * len(rows) / np.sqrt(classes), 40.0) / BATCH
    layers = _first(classes, table.shape[1], seed)
    nothing = jax.tree.map(jnp.zeros_like, layers)
    state = (layers, nothing, nothing)
    known = jnp.asarray(table)
    r = np.random.default_rng(seed)
    key = jax.random.PRNGKey(seed)
    sizes = np.searchsorted(LENGTHS, [min(len(one.words), LENGTHS[-1]) for one in rows])
    steps = rounds * (len(rows) // BATCH)
    count, total = 0, 0.0
    for _ in range(rounds):
        batches: list[tuple[int, np.ndarray]] = []
        for size in range(len(LENGTHS)):
            mine = r.permutation(np.flatnonzero(sizes == size))
            batches += [(size, mine[at : at + BATCH]) for at in range(0, len(mine) - BATCH + 1, BATCH)]
        for place in r.permutation(len(batches)):
            size, chosen = batches[place]
            words = np.full((BATCH, LENGTHS[size]), -1, np.int32)
            for line, number in enumerate(chosen):
                part = rows[number].words[: LENGTHS[size]]
                words[line, : len(part)] = part
            count += 1
            key, mine_key = jax.random.split(key)
            rate = RATE * min(1.0, count / 100) * max(0.02, 1 - count / steps)
            batch = (words, labels[chosen], weights[chosen])
            state, value = _step(state, count, known, batch, mine_key, rate)
            if count % 100 == 0:
                total = float(value)
    print(f"  net: {len(rows)} rows, loss {total:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    return Net(**{name: np.asarray(layer, np.float16).astype(np.float32) for name, layer in state[0].items()})
