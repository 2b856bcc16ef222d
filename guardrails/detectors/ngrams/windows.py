"""A linear model over the windows of a text: which stretch speaks for a class, and how strongly."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from guardrails.detectors.base import Deadline
from guardrails.detectors.ngrams.features import Encoded, blocks, features

SIZES = (96, 384)
"""Bytes in a window: a sentence, a paragraph. Windows overlap by half."""

Scores = npt.NDArray[np.float64]


class Window(msgspec.Struct, frozen=True):
    """A stretch of the folded bytes and what the model gives it (log-odds)."""

    start: int
    end: int
    score: float


class Weighed(msgspec.Struct, frozen=True):
    """What a model gives a text: its best window of each size, all windows of the smallest, the whole.

    `sums[i]` is the weight of all features that begin before byte `i`.
    """

    best: tuple[Window, ...]
    small: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Scores]
    whole: float
    length: int  # bytes
    sums: Scores
    bias: float

    def score(self, start: int, end: int) -> float:
        """What the model gives any stretch."""
        return float((self.sums[end] - self.sums[start]) / np.sqrt(end - start + 8.0) + self.bias)

    def summary(self) -> npt.NDArray[np.float64]:
        """The text in numbers, for the second stage: best windows, the whole, the length's logarithm."""
        return np.array([*(one.score for one in self.best), self.whole, np.log2(self.length + 8.0)])


def borders(length: int, size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts and ends of overlapping windows; a text that is hardly longer than one is one."""
    if length <= size + size // 2:
        return np.zeros(1, np.int64), np.full(1, length, np.int64)
    starts = np.arange(0, length - size // 2, size // 2, dtype=np.int64)
    return starts, np.minimum(starts + size, length)


def weigh(encoded: Encoded, weights: npt.NDArray[np.float32], bias: float, deadline: Deadline) -> Weighed:
    """Scores every window. Time is linear in the length. Raises `CannotJudge` at the deadline."""
    data = encoded.data
    total = len(data)
    sums = np.zeros(total + 1)
    at = np.zeros(min(total, 1 << 14), np.float32)
    done = 0
    overlap = 64  # more than any feature but three long tokens spans
    for start, end in blocks(data, overlap):
        deadline.check()
        own = at[: end - start]
        own[:] = 0
        for places, buckets in features(data[start:end]):
            own[places] += weights[buckets]
        skip = done - start  # the first half of the overlap is the block before's
        last = end if end == total else end - overlap // 2
        np.cumsum(own[skip : last - start], out=sums[done + 1 : last + 1])
        sums[done + 1 : last + 1] += sums[done]
        done = last
    best: list[Window] = []
    small = None
    for size in SIZES:
        starts, ends = borders(total, size)
        scores = (sums[ends] - sums[starts]) / np.sqrt(ends - starts + 8.0) + bias
        small = small or (starts, ends, scores)
        top = int(np.argmax(scores))
        best.append(Window(int(starts[top]), int(ends[top]), float(scores[top])))
    assert small is not None
    return Weighed(tuple(best), small, float(sums[-1] / np.sqrt(total + 8.0) + bias), total, sums, bias)
