"""Linear heads that ship with the product: loading them, and what their scores mean.

A head's score is one minus the share of harmless texts of the same length that come out as high or
higher, measured on sources that the head was not trained on: 0.99 is what one harmless text in a hundred
reaches, 0.999 one in a thousand.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.detectors.ngrams.features import BUCKETS, Encoded, encode
from guardrails.detectors.ngrams.windows import Weighed, weigh
from guardrails.model import Reason, Span

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
"""Shares of harmless texts at the knots of a head's calibration."""

_SHARES_LOG = np.log10(np.array(SHARES))
_MODELS = Path(__file__).resolve().parents[2] / "catalogue" / "models"
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


class Head(msgspec.Struct, frozen=True):
    """One class: weights of the features, the second stage over a text's windows, and the calibration.

    `knots[i, j]` is the raw score that the share `SHARES[j]` of harmless texts of at most `uppers[i]`
    bytes (and more than the entry before) reaches.
    """

    name: str
    weights: npt.NDArray[np.float32]
    bias: float
    stage: Array
    uppers: Array
    knots: Array

    def judge(self, text: str, deadline: Deadline) -> Judged:
        """How strongly the text belongs to the class, and where. Raises `CannotJudge` at the deadline."""
        encoded = encode(text)
        weighed = weigh(encoded, self.weights, self.bias, deadline)
        raw = float(weighed.summary() @ self.stage[:-1] + self.stage[-1])
        best = weighed.best[0]
        starts, ends, scores = weighed.small
        first = last = int(np.searchsorted(starts, best.start))
        least = max(best.score * _NEAR, 0.0)
        while first > 0 and scores[first - 1] >= least:
            first -= 1
        while last + 1 < len(starts) and scores[last + 1] >= least:
            last += 1
        start, end = encoded.char(int(starts[first])), encoded.char(int(ends[last]))
        span = self._narrowed(text, encoded, weighed, _sentences(text, start, end))
        return Judged(self.calibrated(raw, weighed.length), span)

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

    def calibrated(self, raw: float, length: int) -> float:
        """The score of a raw value, for a text of so many bytes. Grows with the raw value."""
        knots = self.knots[int(np.searchsorted(self.uppers, length))]
        if raw <= knots[-1]:
            share = 10 ** float(np.interp(raw, knots, _SHARES_LOG))
            if raw < knots[0]:
                share = 1 - (1 - SHARES[0]) * 2.0 ** (raw - knots[0])
        else:
            slope = (_SHARES_LOG[-1] - _SHARES_LOG[-4]) / max(knots[-1] - knots[-4], 1e-6)
            share = 10 ** max(float(_SHARES_LOG[-1] + slope * (raw - knots[-1])), -6.0)
        return 1 - share


def _sentences(text: str, start: int, end: int) -> Span:
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
    try:
        data = (folder / f"{name}.npz").read_bytes()
        card = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        raise CannotJudge(Reason.NO_MODEL, name) from None
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise CannotJudge(Reason.NO_MODEL, f"{name}: the weights are not those of its card")
    heads = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        for one in card["heads"]:
            scale, bias = arrays[f"{one}.numbers"].tolist()
            weights = arrays[f"{one}.weights"].astype(np.float32) * np.float32(scale)
            assert weights.shape == (BUCKETS,)
            parts = (arrays[f"{one}.{part}"] for part in ("stage", "uppers", "knots"))
            heads[one] = Head(one, weights, bias, *parts)
    return heads
