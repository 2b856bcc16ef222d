"""Models that ship with the product: loading them, and what their scores mean.

A head's score is one minus the share of harmless texts of the same length that come out as high or
higher, measured on sources that the head was not trained on: 0.99 is what one harmless text in a hundred
reaches, 0.999 one in a thousand.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import threadpoolctl

from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.detectors.ngrams.features import BUCKETS, Encoded, encode
from guardrails.detectors.ngrams.windows import Weighed, weigh
from guardrails.detectors.ngrams.words import SUMMARY, Net, Vectors, Windows, summary
from guardrails.model import Reason, Span

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
"""Shares of harmless texts at the knots of a head's calibration."""

_SHARES_LOG = np.log10(np.array(SHARES))
_MODELS = Path(__file__).resolve().parents[2] / "catalogue" / "models"
NET_BYTES = 4_096
"""Of a longer text a head's network reads the beginning and the end: there a user asks for something."""

_NEAR = 0.5
"""Windows that reach this part of the best one's score belong to the hit, when they touch it."""

_FARTHEST = 200
"""A hit is widened to the borders of its sentences, at most so many characters away."""

_STOP = re.compile(r"\n|[.!?](?=\s)|[。！？]")
_BREAKS = ("\n", ". ", "! ", "? ", "。")

Array = npt.NDArray[np.float64]


class Judged(msgspec.Struct, frozen=True):
    """A calibrated score and the stretch of the text, in characters, that carries it."""

    score: float
    span: Span


class Curve(msgspec.Struct, frozen=True):
    """What share of harmless texts is as conspicuous as a text.

    `knots[i, j]` is the raw value that the share `SHARES[j]` of harmless texts of at most `uppers[i]`
    bytes (and more than the entry before) reaches.
    """

    uppers: Array
    knots: Array

    def share(self, raw: float, length: int) -> float:
        """The share that reaches a raw value, among texts of so many bytes. Falls as the value grows."""
        knots = self.knots[int(np.searchsorted(self.uppers, length))]
        if raw < knots[0]:
            return float(1 - (1 - SHARES[0]) * 2.0 ** (raw - knots[0]))
        if raw <= knots[-1]:
            return float(10 ** np.interp(raw, knots, _SHARES_LOG))
        slope = (_SHARES_LOG[-1] - _SHARES_LOG[-4]) / max(knots[-1] - knots[-4], 1e-6)
        return float(10 ** max(_SHARES_LOG[-1] + slope * (raw - knots[-1]), -6.0))


class Scale(msgspec.Struct, frozen=True):
    """From a text's numbers to the share of harmless texts that come out as high: a linear stage, a curve."""

    stage: Array
    curve: Curve

    def share(self, numbers: Array, length: int) -> float:
        return self.curve.share(float(numbers @ self.stage[:-1] + self.stage[-1]), length)

    def evidence(self, numbers: Array, length: int) -> float:
        """How rare such a text is among harmless ones, in powers of ten."""
        return -float(np.log10(self.share(numbers, length)))


class Head(msgspec.Struct, frozen=True):
    """One class: weights of the n-grams, for some a network over word vectors, and what to make of them.

    Each of `scales` reads the numbers of either or of both and gives its evidence, which counts as often
    as `counts` has it; the sum is judged by `curve`.
    """

    weights: npt.NDArray[np.float32]
    bias: float
    net: Net | None
    vectors: Vectors
    scales: tuple[Scale, ...]
    counts: tuple[float, ...]
    curve: Curve

    def judge(self, text: str, deadline: Deadline) -> Judged:
        """How strongly the text belongs to the class, and where. Raises `CannotJudge` at the deadline."""
        encoded = encode(text)
        weighed, windows = self.read(encoded, deadline)
        starts, ends, scores = weighed.small
        if windows and len(windows[0].odds) == len(scores):  # the network read the whole of the text
            scores = scores + windows[0].odds[:, 0]
        span = around(text, encoded, starts, ends, scores)
        share = self.curve.share(
            self.evidence(numbers_of_both(weighed, windows), weighed.length), weighed.length
        )
        return Judged(1 - share, self._narrowed(text, encoded, weighed, span))

    def read(self, encoded: Encoded, deadline: Deadline) -> tuple[Weighed, tuple[Windows, ...]]:
        """What the n-grams say of every window, and what the network does of those that it reads."""
        weighed = weigh(encoded, self.weights, self.bias, deadline)
        if self.net is None:
            return weighed, ()
        ends = encoded if len(encoded.data) <= NET_BYTES else Encoded(_ends(encoded.data), None)
        return weighed, self.net.judge(self.vectors, ends, deadline)

    def evidence(self, numbers: Array, length: int) -> float:
        """What all scales bring forward against a text of so many bytes."""
        pairs = zip(self.scales, self.counts, strict=True)
        return sum(count * scale.evidence(numbers, length) for scale, count in pairs)

    def _narrowed(self, text: str, encoded: Encoded, weighed: Weighed, span: Span) -> Span:
        """From the first to the last of the sentences that speak for the class."""
        ends = [*(match.end() for match in _STOP.finditer(text, span.start, span.end)), span.end]
        parts = []
        for start, end in pairwise((span.start, *ends)):
            if text[start:end].strip():
                parts.append((weighed.score(encoded.byte(start), encoded.byte(end)), start, end))
        if not parts:
            return span
        least = max(max(parts)[0] * _NEAR, 0.0)
        telling = [(start, end) for score, start, end in parts if score >= least] or [max(parts)[1:]]
        start, end = telling[0][0], telling[-1][1]
        part = text[start:end]
        return Span(start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip()))


class Grams(msgspec.Struct, frozen=True):
    """Weights of the n-grams for a class."""

    weights: npt.NDArray[np.float32]
    bias: float


class Classes(msgspec.Struct, frozen=True):
    """Several classes that one network over word vectors tells apart, for some with n-grams beside it."""

    net: Net
    vectors: Vectors
    scales: dict[str, Scale]
    grams: dict[str, Grams]

    def judge(self, text: str, least: Mapping[str, float], deadline: Deadline) -> dict[str, Judged]:
        """The classes whose score reaches what `least` has for them. Raises `CannotJudge` at the deadline."""
        encoded = encode(text)
        length = len(encoded.data)
        windows, known = self.read(encoded, deadline)
        found = {}
        for place, (name, scale) in enumerate(self.scales.items()):
            if name in least:
                numbers = np.append(numbers_of(windows, place, length), known)
                if (grams := self.grams.get(name)) is not None:
                    weighed = weigh(encoded, grams.weights, grams.bias, deadline)
                    numbers = np.append(numbers, weighed.summary())
                score = 1 - scale.share(numbers, length)
                if score >= least[name]:
                    small = windows[0]
                    span = around(text, encoded, small.starts, small.ends, small.odds[:, place])
                    found[name] = Judged(score, span)
        return found

    def read(self, encoded: Encoded, deadline: Deadline) -> tuple[tuple[Windows, ...], float]:
        """What the network says of every window, and how much of the text it knows the words of."""
        return self.net.judge(self.vectors, encoded, deadline), self.vectors.known(encoded, deadline)


def _ends(data: bytes) -> bytes:
    """The beginning and the end of folded bytes, `NET_BYTES` together."""
    most = NET_BYTES // 2
    return data[:most] + b"\n" + data[-most + 1 :]


def numbers_of_both(weighed: Weighed, windows: tuple[Windows, ...]) -> Array:
    """A text in numbers: those of the n-grams, then those of the network, zeros without one."""
    net = numbers_of(windows, 0, weighed.length) if windows else np.zeros(SUMMARY + 1)
    return np.concatenate([weighed.summary(), net])


def numbers_of(windows: tuple[Windows, ...], place: int, length: int) -> Array:
    """A text in numbers for one class of a network alone."""
    return np.append(summary(windows, place), np.log2(length + 8.0))


def around(
    text: str,
    encoded: Encoded,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    scores: npt.NDArray[np.floating],
) -> Span:
    """The best window and its neighbours that come near it, widened to the borders of sentences."""
    first = last = int(np.argmax(scores))
    least = max(float(scores[first]) * _NEAR, 0.0)
    while first > 0 and scores[first - 1] >= least:
        first -= 1
    while last + 1 < len(starts) and scores[last + 1] >= least:
        last += 1
    return sentences(text, encoded.char(int(starts[first])), encoded.char(int(ends[last])))


def sentences(text: str, start: int, end: int) -> Span:
    """The stretch, widened to where its first sentence begins and its last one ends."""
    left = max(0, start - _FARTHEST)
    stops = (at + len(stop) for stop in _BREAKS if (at := text.rfind(stop, left, start + 1)) >= 0)
    begin = max(stops, default=0 if left == 0 else start)
    ends = [at for stop in "\n.!?。" if (at := text.find(stop, max(end - 1, 0), end + _FARTHEST)) >= 0]
    finish = min(ends) + 1 if ends else (len(text) if len(text) <= end + _FARTHEST else end)
    part = text[begin:finish]
    begin += len(part) - len(part.lstrip())
    finish -= len(part) - len(part.rstrip())
    return Span(begin, max(finish, begin))


@lru_cache(maxsize=8)
def load(name: str, folder: Path = _MODELS) -> dict[str, Head]:
    """The heads of a model. Raises `CannotJudge` when it is missing or is not what its card says."""
    card, arrays = _arrays(name, folder)
    words = vectors(card["words"], folder)
    heads = {}
    for one in card["heads"]:
        grams = _grams(arrays, one)
        counts = tuple(arrays[f"{one}.counts"].tolist())
        scales = tuple(_scale(arrays, f"{one}.{place}") for place in range(len(counts)))
        net = _net(arrays, f"{one}.") if f"{one}.net.out" in arrays else None
        heads[one] = Head(grams.weights, grams.bias, net, words, scales, counts, _curve(arrays, one))
    return heads


@lru_cache(maxsize=8)
def classes(name: str, folder: Path = _MODELS) -> Classes:
    """The classes of a model. Raises `CannotJudge` when it is missing or is not what its card says."""
    card, arrays = _arrays(name, folder)
    scales = {one: _scale(arrays, one) for one in card["classes"]}
    grams = {one: _grams(arrays, one) for one in card["classes"] if f"{one}.weights" in arrays}
    return Classes(_net(arrays, ""), vectors(card["words"], folder), scales, grams)


@lru_cache(maxsize=2)
def vectors(name: str, folder: Path = _MODELS) -> Vectors:
    """The word vectors that models share. Raises as `load`.

    From then on numpy multiplies matrices in the calling thread alone: see `ner.model.own`.
    """
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
    _, arrays = _arrays(name, folder)
    return Vectors(arrays["keys"], arrays["table"].astype(np.float32) * arrays["scale"])


def _arrays(name: str, folder: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    try:
        data = (folder / f"{name}.npz").read_bytes()
        card = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        raise CannotJudge(Reason.NO_MODEL, name) from None
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise CannotJudge(Reason.NO_MODEL, f"{name}: the weights are not those of its card")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return card, dict(arrays)


def _grams(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Grams:
    step, bias = arrays[f"{name}.numbers"].tolist()
    weights = arrays[f"{name}.weights"].astype(np.float32) * np.float32(step)
    assert weights.shape == (BUCKETS,)
    return Grams(weights, bias)


def _net(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Net:
    return Net(**{one: arrays[f"{prefix}net.{one}"].astype(np.float32) for one in Net.__struct_fields__})


def _scale(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Scale:
    return Scale(arrays[f"{name}.stage"], _curve(arrays, name))


def _curve(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Curve:
    return Curve(arrays[f"{name}.uppers"], arrays[f"{name}.knots"])
