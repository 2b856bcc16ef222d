"""Trains the injection model: `python -m training.content.train DATA OUT`.

`DATA` is the folder with `content/dev`, `pii/dev` and `secrets/dev`; `OUT` is where the weights and the
card go. Every source is scored once by a model that never saw it (four folds of whole sources); those
scores fit the second stage and the calibration, and are the figures of the card. The shipped weights are
then trained on all of them.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from scipy import optimize, sparse

from guardrails.detectors.base import Deadline
from guardrails.detectors.ngrams import model
from guardrails.detectors.ngrams.features import BUCKETS, blocks, encode, features
from guardrails.detectors.ngrams.model import SHARES, Curve, Grams, Head, Scale, numbers_of_both
from guardrails.detectors.ngrams.windows import SIZES, borders
from guardrails.detectors.ngrams.words import SUMMARY, Net, Vectors
from training.content import generate, net, records
from training.content.records import Text

SEED = 5
RIDGE = {"direct": 1e-5, "indirect": 5e-5}
ROUNDS = 40
LOCK = Path(__file__).resolve().parents[2] / "requirements/runtime.txt"
LIMIT = 12_000
"""Characters of a text that are trained on."""
WORDS = "words-1"
NGRAM_NUMBERS = len(SIZES) + 2
NET_NUMBERS = SUMMARY + 1
"""How many numbers a text is summed up in by either, the length among them."""
NET_ROWS = 200_000
NET_ROUNDS = 3
# What is put on a scale by itself, and how much its evidence counts. Long role-plays are new to the n-grams
# where the network knows their words: summed, what is rare for one of them is enough. Planted requests are
# found as well by the n-grams alone, which flag less code and take a third of the time.
PARTS = {
    "direct": ((range(NGRAM_NUMBERS), 1.0), (range(NGRAM_NUMBERS, NGRAM_NUMBERS + NET_NUMBERS), 0.5)),
    "indirect": ((range(NGRAM_NUMBERS), 1.0),),
}
FOREVER = Deadline.after(1e9)

# Never trained on, whatever the fold: no licence is stated.
MEASURED_ONLY = ("jonastuttle",)
# The fold that leaves a source out. Made-up texts are in all of them.
FOLDS = {
    "neuralchemy": 0,
    "yanismiraoui": 0,
    "self_instruct": 0,
    "prompts_cc0": 0,
    "slabs": 1,
    "jailbreak_in_the_wild": 2,
    "small_corpora": 2,
    "inspect_evals_benign": 2,
    "adv_suffix": 3,
    "indirect_generated/bipia": 0,
    "indirect_generated/pia": 1,
    "plain_request_in_doc": 2,
    "indirect_generated/ctx": 3,
    "code_docs_dev/a": 0,
    "code_docs_dev/b": 1,
    "neg_docs": 2,
    "neg_agent": 0,
    "neg_code": 3,
    "clean": 2,
    "neg_data": 1,
    "tau2": 1,
    "issues": 3,
    "packages": 3,
}
# Large and plain: a fold leaves a quarter of their texts out, not the source.
QUARTERED = ("gpteacher", "hh_rlhf_human", "multilingual_sentences")
# Harmless on purpose and hard on purpose: always trained on, and no measure of ordinary traffic.
ALWAYS = ("own_trigger_negatives",)
# Trained on in either channel; what users write is not calibrated on them.
DOCUMENTS = ("tau2_doc", "tau2_policy")
# How much a source counts beside a text each; large and uniform ones count less.
WEIGHT = {
    "slabs": 0.5,
    "gpteacher": 0.7,
    "adv_suffix": 0.1,
    "plain_request_in_doc": 0.5,
    "own_trigger_negatives": 0.5,
    "made_direct": 0.7,
}
# Categories that are not attacks on the model, whatever the source calls them.
LEFT_OUT = {"neuralchemy_v1/training_extraction"}


def fold_of(one: Text) -> int | None:
    """The fold that leaves a text out; None: no fold does."""
    if one.source in MEASURED_ONLY:
        return 0
    if one.source in QUARTERED:
        return zlib.crc32(one.text.encode("utf-8", "surrogatepass")) % 4
    return FOLDS.get(one.source)


def load(data: Path) -> dict[str, list[Text]]:
    """The texts of each channel. Long harmless ones are cut to several lengths."""
    dev = data / "content/dev"
    direct: list[Text] = []
    for name in (
        "slabs",
        "neuralchemy",
        "yanismiraoui",
        "jailbreak_in_the_wild",
        "small_corpora",
        "adv_suffix",
        "own_trigger_negatives",
        "gpteacher",
        "self_instruct",
        "inspect_evals_benign",
        "hh_rlhf_human",
        "multilingual_sentences",
        "jonastuttle",
    ):
        direct += [one for one in records.read(dev / f"{name}.jsonl.gz") if one.category not in LEFT_OUT]
    direct += records.read(data / "pii/dev/prompts_cc0.jsonl.gz", "prompts_cc0")
    indirect: list[Text] = []
    for one in records.read(dev / "indirect_generated.jsonl.gz"):
        part = (
            "pia" if one.category.startswith("pia_") else "ctx" if one.category.startswith("ctx") else "bipia"
        )
        indirect.append(msgspec.structs.replace(one, source=f"indirect_generated/{part}"))
    indirect += records.read(dev / "plain_request_in_doc.jsonl.gz")
    for one in records.read(dev / "code_docs_dev.jsonl.gz"):
        part = "a" if one.category in {"agent_file", "code_go", "judge_prompt", "code_js"} else "b"
        indirect.append(msgspec.structs.replace(one, source=f"code_docs_dev/{part}"))
    for one in records.read(dev / "inspect_evals_benign.jsonl.gz"):
        if one.category != "writingbench":
            indirect.append(
                msgspec.structs.replace(one, source="issues" if "issue" in one.category else "tau2")
            )
    indirect += records.read(dev / "multilingual_sentences.jsonl.gz")[::3]
    for number, name in enumerate(("neg_docs", "neg_agent", "neg_code", "neg_data")):
        indirect += records.cut(records.read(data / f"pii/dev/{name}.jsonl.gz", name), number, most=1200)
    indirect += records.cut(records.installed(LOCK), 8, most=1200)
    clean = records.read(data / "secrets/dev/clean.jsonl.gz", "clean")
    random.Random(SEED).shuffle(clean)
    indirect += records.cut(clean[:600], 9, most=2500)
    return {"direct": direct, "indirect": indirect}


def made(channel: str, texts: Sequence[Text], seed: int, quick: bool) -> list[Text]:
    """Made-up texts; hosts and requests come from what this fold may see."""
    r = random.Random(seed)
    if channel == "direct":
        return list(generate.direct(r, 3000, 300) if quick else generate.direct(r))
    hosts = [one.text for one in texts if one.label == 0 and len(one.text) > 150]
    asks = [
        one.text
        for one in texts
        if one.label == 0 and one.source in {"gpteacher", "self_instruct"} and len(one.text) < 160
    ]
    return list(generate.indirect(r, hosts, asks, 4000 if quick else 6000))


def windows_of(text: Text, length: int, r: random.Random) -> list[tuple[int, int, int]]:
    """Windows of a text of so many bytes to train on: start, end and label. Not all of a long one."""
    span = None
    if text.span is not None:
        before = len(encode(text.text[: text.span[0]]).data)
        span = before, before + len(encode(text.text[text.span[0] : text.span[1]]).data)
    chosen: list[tuple[int, int, int]] = []
    for size in SIZES:
        starts, ends = borders(length, size)
        if size != SIZES[0] and len(starts) == 1 and length <= SIZES[0] * 3 // 2:
            continue
        here = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if text.label == 0:
                here.append((start, end, 0))
            elif span is None:
                # Where in a long attack the attack stands is not known: only its paragraphs count.
                if size != SIZES[0] or len(starts) == 1:
                    here.append((start, end, 1))
            else:
                shared = max(0, min(end, span[1]) - max(start, span[0]))
                if shared >= 0.5 * min(end - start, span[1] - span[0]):
                    here.append((start, end, 1))
                elif shared == 0:
                    here.append((start, end, 0))
        wanted = [one for one in here if one[2]]
        others = [one for one in here if not one[2]]
        chosen += wanted if len(wanted) <= 4 else r.sample(wanted, 4)
        chosen += others if len(others) <= 3 else r.sample(others, 3)
    return chosen


class Rows:
    """Windows as rows of a sparse matrix."""

    def __init__(self) -> None:
        self.columns: list[np.ndarray] = []
        self.values: list[float] = []
        self.labels: list[int] = []
        self.weights: list[float] = []

    def add(self, text: Text, weight: float, r: random.Random) -> None:
        encoded = encode(text.text[:LIMIT])
        places, buckets = _features(encoded.data)
        chosen = windows_of(text, len(encoded.data), r)
        for start, end, label in chosen:
            first, last = np.searchsorted(places, (start, end))
            self.columns.append(buckets[first:last].astype(np.int32))
            self.values.append(1.0 / np.sqrt(end - start + 8.0))
            self.labels.append(label)
            self.weights.append(weight / np.sqrt(len(chosen)))

    def matrix(self) -> sparse.csr_matrix:
        lengths = np.array([len(one) for one in self.columns])
        pointer = np.concatenate([[0], np.cumsum(lengths)])
        values = np.repeat(np.array(self.values, np.float32), lengths)
        return sparse.csr_matrix(
            (values, np.concatenate(self.columns), pointer), shape=(len(lengths), BUCKETS)
        )


def _features(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    places, buckets = [], []
    for start, end in blocks(data, 0):
        for where, bucket in features(data[start:end]):
            places.append(where + start)
            buckets.append(bucket)
    if not places:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.concatenate(places)
    order = np.argsort(at, kind="stable")
    return at[order], np.concatenate(buckets)[order]


def fit(
    texts: Iterable[Text],
    ridge: float,
    weight: Callable[[Text], float] = lambda one: WEIGHT.get(one.source, 1.0),
) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression over windows; attacks and the rest weigh the same."""
    r = random.Random(SEED)
    rows = Rows()
    for one in texts:
        rows.add(one, weight(one), r)
    matrix = rows.matrix()
    labels = np.array(rows.labels, np.float32)
    weights = np.array(rows.weights, np.float32)
    for label in (0, 1):
        weights[labels == label] /= weights[labels == label].sum() * 2
    # Columns are scaled by how much they tell (NBSVM): what carries over to other sources is what
    # is frequent in one class, and the penalty is then weak on it.
    seen = sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    shares = [np.asarray(seen.T @ (2 * weights * (labels == label))).ravel() + 1e-5 for label in (0, 1)]
    del seen
    telling = np.log(shares[1] / shares[0]).astype(np.float32)
    matrix.data *= telling[matrix.indices]
    turned = matrix.T.tocsr()
    signs = 2 * labels - 1

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (matrix @ parameters[:-1].astype(np.float32) + parameters[-1])
        value = float((weights * np.logaddexp(0, -margin)).sum() + ridge / 2 * (parameters[:-1] ** 2).sum())
        slope = (-signs * weights / (1 + np.exp(np.minimum(margin, 60)))).astype(np.float32)
        return value, np.concatenate([turned @ slope + ridge * parameters[:-1], [slope.sum()]]).astype(
            np.float64
        )

    found = optimize.minimize(
        loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS, "maxcor": 6}
    )
    print(
        f"  {matrix.shape[0]} windows, {matrix.nnz} features, loss {found.fun:.4f} after {found.nit}",
        flush=True,
    )
    return rounded((found.x[:-1] * telling).astype(np.float32)), float(found.x[-1])


def rounded(weights: np.ndarray) -> np.ndarray:
    """The weights as they are kept: 255 steps. The few largest are cut, so that the steps are fine."""
    scale = scale_of(weights)
    return np.clip(np.round(weights / scale), -127, 127).astype(np.float32) * scale


def scale_of(weights: np.ndarray) -> np.float32:
    return np.float32(np.quantile(np.abs(weights), 0.9999) / 127)


def fit_net(texts: Iterable[Text], vectors: Vectors, most: int, seed: int) -> Net:
    """A network for the same windows as the n-grams, or for as many of them as time allows."""
    r = random.Random(SEED)
    rows = []
    for one in texts:
        encoded = encode(one.text[:LIMIT])
        places, words = vectors.rows(encoded, FOREVER)
        chosen = windows_of(one, len(encoded.data), r)
        for start, end, label in chosen:
            first, last = np.searchsorted(places, (start, end))
            weight = WEIGHT.get(one.source, 1.0) / np.sqrt(len(chosen))
            rows.append(net.Row(words[first:last].astype(np.int32), (label,), (weight,)))
    return net.fit(r.sample(rows, min(len(rows), most)), vectors.table, NET_ROUNDS, seed)


def fit_both(channel: str, texts: Sequence[Text], vectors: Vectors, seed: int) -> Head:
    """N-grams, and a network where one is read; the scales are still to be found."""
    weights, bias = fit(texts, RIDGE[channel])
    read = {column for columns, _ in PARTS[channel] for column in columns}
    one = fit_net(texts, vectors, NET_ROWS, seed) if max(read) >= NGRAM_NUMBERS else None
    return Head(weights, bias, one, vectors, (), (), Curve(np.zeros(1), np.zeros((1, len(SHARES)))))


def out_of_fold(channel: str, texts: list[Text], vectors: Vectors, quick: bool) -> np.ndarray:
    """The numbers of every text, those of the n-grams first, from models that did not see its source."""
    found = np.full((len(texts), NGRAM_NUMBERS + NET_NUMBERS), np.nan)
    for fold in range(4):
        seen = [one for one in texts if one.source not in MEASURED_ONLY and fold_of(one) != fold]
        began = time.monotonic()
        one = fit_both(channel, [*seen, *made(channel, seen, SEED + fold, quick)], vectors, SEED + fold)
        for number, text in enumerate(texts):
            if fold_of(text) == fold:
                weighed, windows = one.read(encode(text.text), FOREVER)
                found[number] = numbers_of_both(weighed, windows)
        print(f"  {channel} fold {fold}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def report(texts: Sequence[Text], scores: np.ndarray) -> dict[str, dict[str, float]]:
    """Per source: the share of its attacks and of its harmless texts at or above the scores 0.99 and 0.999."""
    labels = np.array([one.label for one in texts])
    out = {}
    for source in sorted({one.source for one in texts} - set(ALWAYS)):
        mine = np.array([one.source == source for one in texts])
        row: dict[str, float] = {"n": int(mine.sum()), "positives": int(labels[mine].sum())}
        for label, name in ((1, "found"), (0, "flagged")):
            chosen = scores[mine & (labels == label)]
            if len(chosen):
                row[f"{name}_at_0.99"] = round(float((chosen >= 0.99).mean()), 4)
                row[f"{name}_at_0.999"] = round(float((chosen >= 0.999).mean()), 4)
        out[source] = row
    return out


def calibrate(raw: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores that a share of harmless texts reaches, per length: (upper lengths in bytes, knots).

    Where there are too few texts for the smaller shares, the line through the last two is drawn on.
    """
    knots, uppers = [], []
    low = 0.0
    for upper in (64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, np.inf):
        mine = raw[(lengths > low) & (lengths <= upper)]
        if len(mine) < 250 and upper != np.inf:
            continue
        known = [share for share in SHARES if share * len(mine) >= 2.5]
        values = [float(np.quantile(mine, 1 - share)) for share in known]
        while len(values) < len(SHARES):
            before = np.log10(SHARES[len(values) - 2]), np.log10(SHARES[len(values) - 1])
            step = (values[-1] - values[-2]) / (before[0] - before[1])
            values.append(values[-1] + max(step, 1e-3) * (before[1] - np.log10(SHARES[len(values)])))
        knots.append(np.maximum.accumulate(values) + np.arange(len(values)) * 1e-6)
        uppers.append(upper)
        low = upper
    return np.array(uppers), np.array(knots)


def second_stage(texts: Sequence[Text], found: np.ndarray, ridge: float = 1e-5) -> np.ndarray:
    """Logistic regression from a text's summary to one score; sources weigh the same within a class."""
    rows = np.array(
        [n for n, one in enumerate(texts) if one.source not in MEASURED_ONLY and not np.isnan(found[n, 0])]
    )
    labels = np.array([texts[n].label for n in rows])
    weights = np.zeros(len(rows))
    for label in (0, 1):
        names = [texts[n].source for n in rows]
        for source in set(names):
            mine = np.array(
                [name == source and one == label for name, one in zip(names, labels, strict=True)]
            )
            if mine.any():
                weights[mine] = 1 / np.sqrt(mine.sum())
        weights[labels == label] /= weights[labels == label].sum() * 2
    inputs = np.column_stack([found[rows], np.ones(len(rows))])
    signs = 2 * labels - 1

    def loss(c: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (inputs @ c)
        return float((weights * np.logaddexp(0, -margin)).sum() + ridge * (c[:-1] ** 2).sum()), inputs.T @ (
            -signs * weights / (1 + np.exp(np.minimum(margin, 60)))
        ) + np.append(2 * ridge * c[:-1], 0)

    return optimize.minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x


def head(
    channel: str, texts: list[Text], vectors: Vectors, quick: bool
) -> tuple[Head, dict[str, dict[str, float]]]:
    """The head of one channel, and its figures on sources that it was not trained on."""
    found = out_of_fold(channel, texts, vectors, quick)
    harmless = np.array(
        [
            one.label == 0
            and one.source not in MEASURED_ONLY + ALWAYS
            and not (channel == "direct" and one.category in DOCUMENTS)
            for one in texts
        ]
    )
    lengths = np.array([len(encode(one.text).data) for one in texts])
    scales = []
    for columns, _ in PARTS[channel]:
        stage = np.zeros(found.shape[1] + 1)
        stage[[*columns, -1]] = second_stage(texts, found[:, columns])
        raw = found @ stage[:-1] + stage[-1]
        scales.append(Scale(stage, Curve(*calibrate(raw[harmless], lengths[harmless]))))
    counts = tuple(count for _, count in PARTS[channel])
    allowed = [one for one in texts if one.source not in MEASURED_ONLY]
    whole = fit_both(channel, [*allowed, *made(channel, allowed, SEED, quick)], vectors, SEED)
    whole = msgspec.structs.replace(whole, scales=tuple(scales), counts=counts)
    pairs = list(zip(found, lengths, strict=True))
    evidence = np.array([whole.evidence(row, length) for row, length in pairs])
    curve = Curve(*calibrate(evidence[harmless], lengths[harmless]))
    shares = [curve.share(value, length) for value, length in zip(evidence, lengths, strict=True)]
    return msgspec.structs.replace(whole, curve=curve), report(texts, 1 - np.array(shares))


def net_arrays(one: Net, prefix: str) -> dict[str, np.ndarray]:
    return {f"{prefix}net.{name}": getattr(one, name).astype(np.float16) for name in Net.__struct_fields__}


def grams_arrays(one: Grams, name: str) -> dict[str, np.ndarray]:
    step = np.float32(np.abs(one.weights).max() / 127)
    return {
        f"{name}.weights": np.round(one.weights / step).astype(np.int8),
        f"{name}.numbers": np.array([step, one.bias]),
    }


def scale_arrays(one: Scale, name: str) -> dict[str, np.ndarray]:
    return {f"{name}.stage": one.stage, **curve_arrays(one.curve, name)}


def curve_arrays(one: Curve, name: str) -> dict[str, np.ndarray]:
    return {f"{name}.{part}": getattr(one, part) for part in Curve.__struct_fields__}


def save(arrays: dict[str, np.ndarray], card: dict[str, object], out: Path, name: str) -> None:
    """`NAME.npz` and its card `NAME.json`, which holds the hash that the product checks."""
    path = out / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    card = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "words": WORDS, "seed": SEED, **card}
    (out / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def save_heads(heads: dict[str, Head], card: dict[str, object], out: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    for name, one in heads.items():
        arrays |= grams_arrays(Grams(one.weights, one.bias), name)
        arrays |= curve_arrays(one.curve, name)
        if one.net is not None:
            arrays |= net_arrays(one.net, f"{name}.")
        arrays[f"{name}.counts"] = np.array(one.counts)
        for place, scale in enumerate(one.scales):
            arrays |= scale_arrays(scale, f"{name}.{place}")
    save(arrays, {"heads": list(heads), "recipe": "training/content/train.py", **card}, out, "injection-4")


def licences(data: Path, sources: Iterable[str]) -> dict[str, str]:
    manifest = json.loads((data / "content/dev/MANIFEST.json").read_text(encoding="utf-8"))["sources"]
    own = {
        "prompts_cc0": "CC0",
        "neg_agent": "MIT",
        "neg_docs": "MIT/Apache/BSD repos",
        "neg_code": "MIT/Apache/BSD repos",
        "neg_data": "MIT/Apache/BSD repos",
        "clean": "source of published packages, counts only",
        "btc": "CC-BY-4.0",
        "wnut": "CC-BY-4.0",
        "wnut17": "CC-BY-4.0",
        "made": "own",
        "packages": "descriptions of installed packages, MIT/BSD/Apache/ISC",
    }
    base = {"tau2": "inspect_evals_benign", "issues": "inspect_evals_benign"}
    base |= dict.fromkeys(("advbench", "catqa", "dna", "harmbench"), "harm_requests")
    return {
        one: own.get(one) or manifest[base.get(one, one.split("/")[0])]["licence"]
        for one in sorted(set(sources))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer made-up texts: a trial run")
    arguments = parser.parse_args()
    heads, figures = {}, {}
    sources: set[str] = set()
    known = model.vectors(WORDS, arguments.out)
    for channel, texts in load(arguments.data).items():
        heads[channel], figures[channel] = head(channel, texts, known, arguments.quick)
        sources |= {one.source for one in texts}
        print(json.dumps({channel: figures[channel]}, indent=1), flush=True)
        gc.collect()
    trained = licences(arguments.data, sources - set(MEASURED_ONLY))
    card = {
        "trained_on": {**trained, "made_direct, made_indirect": "own"},
        "measured_only": list(MEASURED_ONLY),
        "figures": figures,
    }
    save_heads(heads, card, arguments.out)


if __name__ == "__main__":
    main()
