"""Trains the recogniser of persons, places and organisations.

    python -m training.pii.train DATA --npm NPM --manuals MANUALS --work WORK -o WORK/trained.pt

DATA is the folder of labelled files (`train/*.jsonl.gz`), NPM a `node_modules` folder, MANUALS the one of the
unpacked Debian packages, WORK the one that `silver` wrote to. The same inputs, sizes and seed give the same weights on the same machine.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from guardrails.detectors.ner import tokens
from training.pii import corpora, lexicon, tags
from training.pii.generate import Generator
from training.pii.network import Network, Size

LENGTH = 128
"""Tokens in a row of a batch."""

GAP = 16
"""Padding that keeps two texts in a row apart: more than the network sees."""


class Corpus:
    """Tokenised texts by group; a batch draws a group by its weight, then a text evenly."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.words: dict[str, int] = {}
        self._texts: list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = []
        self._weights: list[float] = []
        self.names: list[str] = []

    def add(self, name: str, weight: float, texts: Iterable[corpora.Text]) -> None:
        """`weight` is the share of the tokens of a batch, to be normalised over groups."""
        group = []
        count = 0
        for text in texts:
            found = tokens.tokenize(text.text)
            if not len(found.word):
                continue
            numbers = np.array(
                [self.words.setdefault(word, len(self.words)) for word in found.words], dtype=np.int32
            )
            right = tags.masks(found.start, found.end, text.spans, set(text.known))
            group.append((numbers[found.word], found.shape.astype(np.int32), right))
            count += len(found.word)
        self.names.append(name)
        self._texts.append(group)
        self._weights.append(weight / (count / len(group)))
        print(f"{name}: {len(group)} texts, {count} tokens, weight {weight}", flush=True)

    def features(self) -> None:
        self._features = tokens.features(list(self.words), self._rows)
        self._lengths = np.array([len(word) for word in self.words], dtype=np.int32)
        total = sum(self._weights)
        self._weights = [weight / total for weight in self._weights]

    def batch(self, chance: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
        word = np.full((size, LENGTH), -1, dtype=np.int64)
        shape = np.zeros((size, LENGTH), dtype=np.int64)
        right = np.zeros((size, LENGTH), dtype=np.int64)
        newline = self.words.setdefault("\n", len(self.words))
        for row in range(size):
            at = 0
            while at < LENGTH:
                group = self._texts[chance.choice(len(self._texts), p=self._weights)]
                one, cased, mask = group[chance.integers(len(group))]
                if len(one) > LENGTH:
                    start = chance.integers(len(one) - LENGTH // 2)
                    one, cased, mask = (part[start : start + LENGTH] for part in (one, cased, mask))
                cased = self._recased(one, cased, chance)
                stop = min(at + len(one), LENGTH)
                word[row, at:stop] = one[: stop - at]
                shape[row, at:stop] = cased[: stop - at]
                right[row, at:stop] = mask[: stop - at]
                at = stop
                dice = chance.random()
                if dice < 0.35:
                    at += GAP
                elif dice < 0.85 and at < LENGTH:
                    word[row, at], shape[row, at], right[row, at] = newline, 16 + (dice < 0.5), tags.OUTSIDE
                    at += 1
        return self._tensors(word, shape, right, chance)

    def _recased(self, word: np.ndarray, shape: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        dice = chance.random()
        if dice > 0.08:
            return shape
        spaced, cased = np.divmod(shape, tokens.SHAPES)
        letters = (cased >= 1) & (cased <= 7)
        length = self._lengths[word]
        upper = np.where(length == 1, 3, np.where(length <= 3, 4, 5))
        cased = np.where(letters, 1 if dice < 0.05 else upper, cased)
        return spaced * tokens.SHAPES + cased

    def _tensors(
        self, word: np.ndarray, shape: np.ndarray, right: np.ndarray, chance: np.random.Generator
    ) -> dict[str, torch.Tensor]:
        present = word >= 0
        distinct, inverse = np.unique(np.maximum(word, 0), return_inverse=True)
        starts, ends = self._features.offsets[distinct], self._features.offsets[distinct + 1]
        counts = ends - starts
        offsets = np.zeros(len(distinct), dtype=np.int64)
        np.cumsum(counts[:-1], out=offsets[1:])
        index = np.repeat(starts - offsets, counts) + np.arange(counts.sum())
        weights = self._features.weights[index].copy()
        # A word that is forgotten now and then must be known by its parts, and the other way round.
        forgotten = np.repeat(chance.random(len(distinct)) < 0.15, counts)
        whole = np.zeros(len(index), dtype=bool)
        whole[offsets], whole[offsets + 1] = True, True
        weights[forgotten & whole] = 0
        weights[chance.random(len(index)) < 0.08] = 0
        return {
            "rows": torch.from_numpy(self._features.rows[index].astype(np.int64)),
            "weights": torch.from_numpy(weights),
            "offsets": torch.from_numpy(offsets),
            "word": torch.from_numpy(inverse.reshape(word.shape).astype(np.int64)),
            "shape": torch.from_numpy(shape),
            "present": torch.from_numpy(present),
            "right": torch.from_numpy(right),
        }


def build(
    data: Path, npm: Path, manuals: Path, work: Path, seed: int, rows: int, size: float, extra: list[Path]
) -> Corpus:
    """All training texts. `size` scales the number of generated ones."""
    chance = random.Random(seed)
    pools = lexicon.load(npm, seed)
    generator = Generator(pools, seed)
    corpus = Corpus(rows)
    news: list[corpora.Text] = []
    places = corpora.place_names(pools)
    for name, weight in (("gmb", 20), ("wikiann_en", 6)):
        texts = list(
            corpora.agreed(data / "train" / f"{name}.jsonl.gz", work / f"{name}_spacy.jsonl.gz", places)
        )
        corpus.add(name, weight, texts)
        if name == "gmb":
            news = texts
    corpus.add("gmb, names swapped", 10, corpora.swapped(news, generator, chance, 0.8))
    social = [
        text for name in ("btc", "wnut") for text in corpora.labelled(data / "train" / f"{name}.jsonl.gz")
    ]
    corpus.add("btc and wnut", 9, social)
    corpus.add("btc and wnut, names swapped", 4, corpora.swapped(social, generator, chance, 1.0))
    for path in extra:
        texts = list(corpora.labelled(path))
        corpus.add(path.name, 2, texts)
        corpus.add(f"{path.name}, names swapped", 1.5, corpora.swapped(texts, generator, chance, 1.0))
    examples: dict[str, list[corpora.Text]] = defaultdict(list)
    for kind, text in corpora.generated(generator, chance, int(130_000 * size)):
        examples[kind].append(text)
    for kind, weight in (("sentence", 22), ("form", 10), ("block", 4), ("noise", 4), ("words", 4)):
        corpus.add(kind, weight, examples[kind])
    corpus.add("messages", 4, corpora.messages(npm))
    paragraphs = list(corpora.manuals(manuals, chance, int(12_000 * size)))
    corpus.add("manuals", 9, (text for _, text in paragraphs))
    corpus.add("manuals, names planted", 9, corpora.planted(paragraphs, generator))
    corpus.add("code", 7, corpora.code(chance, int(60_000 * size)))
    corpus.features()
    return corpus


def loss(scores: torch.Tensor, right: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Minus the log-probability of the set of right tags, mean over tokens."""
    scores, right = scores[present], right[present]
    allowed = (right.unsqueeze(-1) >> torch.arange(scores.shape[-1])) & 1
    inside = scores.masked_fill(allowed == 0, -1e9).logsumexp(-1)
    return (scores.logsumexp(-1) - inside).mean()


def train(
    corpus: Corpus,
    size: Size,
    seed: int,
    steps: int,
    batch: int,
    rate: float,
    begin: dict[str, torch.Tensor] | None = None,
) -> Network:
    """Trains for `steps` batches of `batch` rows, the learning rate warming up and falling to zero.

    `begin` are weights to go on from.
    """
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    network = Network(size)
    if begin is not None:
        network.load_state_dict(begin)
    tables = [network.table, network.shape]
    others = [value for name, value in network.named_parameters() if name not in ("table", "shape")]
    optimiser = torch.optim.AdamW(
        [{"params": tables, "weight_decay": 0.0}, {"params": others, "weight_decay": 0.01}],
        lr=rate,
        betas=(0.9, 0.98),
    )
    warm = max(1, steps // 30)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.0, 1 - (step - warm) / max(1, steps - warm)))
    )
    network.train()
    began, mean = time.monotonic(), 0.0
    for step in range(steps):
        one = corpus.batch(chance, batch)
        vectors = network.words(one["rows"], one["weights"], one["offsets"])
        scores = network(vectors, one["word"], one["shape"], one["present"])
        value = loss(scores, one["right"], one["present"])
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean += (value.item() - mean) * max(0.01, 1 / (step + 1))
        if step % 200 == 0 or step == steps - 1:
            print(f"step {step}, loss {mean:.4f}, {time.monotonic() - began:.0f} s", flush=True)
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--npm", type=Path, required=True)
    parser.add_argument("--manuals", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--extra", type=Path, action="append", default=[], help="another labelled file to train on"
    )
    parser.add_argument("--begin", type=Path, help="an earlier run's output to go on from")
    parser.add_argument("--seed", type=int, default=1815)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--scale", type=float, default=1.0, help="how much to generate, 1 being the recipe")
    parser.add_argument("--rows", type=int, default=Size.rows)
    parser.add_argument("--hidden", type=int, default=Size.hidden)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    size, begin = Size(rows=arguments.rows, hidden=arguments.hidden), None
    if arguments.begin:
        before = torch.load(arguments.begin, weights_only=True)
        size, begin = Size(**before["size"]), before["state"]
    corpus = build(
        arguments.data,
        arguments.npm,
        arguments.manuals,
        arguments.work,
        arguments.seed,
        size.rows,
        arguments.scale,
        arguments.extra,
    )
    network = train(corpus, size, arguments.seed, arguments.steps, arguments.batch, arguments.rate, begin)
    torch.save({"size": size.__dict__, "state": network.state_dict()}, arguments.output)


if __name__ == "__main__":
    main()
