"""Static word vectors and a small convolution over them: a model that knows which words are alike.

Words are runs of letters and digits of the folded text, and every other visible sign is one too. Each is
looked up by its hash; words without a vector share one. Filters over `WIDTH` words in a row and the mean
vector are pooled in the windows of `windows.SIZES`, and a linear layer turns them into the log-odds of
each class.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from guardrails.detectors.base import Deadline
from guardrails.detectors.ngrams.features import Encoded, Hashes, blocks, hashed, kinds_of
from guardrails.detectors.ngrams.windows import SIZES, borders

WIDTH = 4
"""Words that a filter sees at once."""

_CELL = SIZES[0] // 2
"""Bytes between the borders of windows: pooling is done in these first."""

_BATCH = 2048
"""Words that are multiplied at once."""

_LONGEST = 64
"""Bytes of a word. At a border of blocks a longer one is cut."""

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

KINDS = kinds_of(b"abcdefghijklmnopqrstuvwxyz0")


class Vectors(msgspec.Struct, frozen=True):
    """`table[0]` is for words without a vector, `table[i + 1]` for the word whose hash is `keys[i]`."""

    keys: Hashes
    table: Array

    def rows(self, encoded: Encoded, deadline: Deadline) -> tuple[Rows, Rows]:
        """Where each word of a text begins, in bytes, and its row of the table."""
        data = encoded.data
        starts: list[Rows] = []
        rows: list[Rows] = []
        done = 0
        for start, end in blocks(data, 2 * _LONGEST):
            deadline.check()
            places, hashes = hashed(data[start:end], KINDS)
            places += start
            last = end if end == len(data) else end - _LONGEST
            mine = (places >= done) & (places < last)
            found = np.searchsorted(self.keys, hashes[mine])
            found[found == len(self.keys)] = 0
            known = self.keys[found] == hashes[mine]
            starts.append(places[mine])
            rows.append(np.where(known, found + 1, 0))
            done = last
        return np.concatenate(starts), np.concatenate(rows)

    def known(self, encoded: Encoded, deadline: Deadline) -> float:
        """The share of a text, by its bytes, that are words with a vector: low in other languages."""
        starts, rows = self.rows(encoded, deadline)
        if not len(starts):
            return 0.0
        sizes = np.diff(starts, append=len(encoded.data))
        return float(sizes[rows > 0].sum() / sizes.sum())


class Windows(msgspec.Struct, frozen=True):
    """Windows of one size: their borders in bytes, and a row of log-odds each."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    odds: Array


class Net(msgspec.Struct, frozen=True):
    """The layers, in the order in which they are applied; see the module.

    `filters` is (WIDTH times dimensions, filters), `mean` (dimensions, units), `out` (both, classes).
    """

    filters: Array
    filters_bias: Array
    mean: Array
    mean_bias: Array
    out: Array
    out_bias: Array

    def judge(self, vectors: Vectors, encoded: Encoded, deadline: Deadline) -> tuple[Windows, ...]:
        """Every window of each size. Raises `CannotJudge` at the deadline."""
        length = len(encoded.data)
        # As many cells as the largest windows need to be whole; what is past the text stays empty.
        cells = length // _CELL + 1 + SIZES[-1] // _CELL
        best = np.full((cells, len(self.filters_bias)), -np.inf, np.float32)
        sums = np.zeros((cells, len(self.mean_bias)), np.float32)
        counts = np.zeros((cells, 1), np.float32)
        starts, rows = vectors.rows(encoded, deadline)
        # The layers are applied to every distinct word once: a text has far fewer of those. Around the text
        # there are zeros, for the filters look past its end as they do before its start.
        words, order = _distinct(rows, len(vectors.table))
        seen = np.concatenate([vectors.table[words], np.zeros((1, vectors.table.shape[1]), np.float32)])
        outside = np.full(WIDTH - 1, len(words), order.dtype)
        order = np.concatenate([outside, order, outside])
        filtered = [seen @ part for part in np.split(self.filters, WIDTH)]
        meant = seen @ self.mean
        places = np.concatenate([starts, np.full(WIDTH - 1, max(length - 1, 0), np.int64)]) // _CELL
        for first in range(0, len(places), _BATCH):
            deadline.check()
            cell = places[first : first + _BATCH]
            batch = order[first : first + len(cell) + WIDTH - 1]
            changes = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
            mine = cell[changes]
            strengths = filtered[0][batch[: len(cell)]]
            for shift in range(1, WIDTH):
                strengths += filtered[shift][batch[shift : shift + len(cell)]]
            best[mine] = np.maximum(best[mine], np.maximum.reduceat(strengths, changes))
            inside = min(len(cell), max(len(rows) - first, 0))
            counts[mine, 0] += np.diff(np.minimum([*changes, len(cell)], inside))
            sums[mine] += np.add.reduceat(meant[batch[WIDTH - 1 :]], changes)
        best = np.maximum(best + self.filters_bias, 0)
        return tuple(self._windows(best, sums, counts, size, length) for size in SIZES)

    def _windows(self, best: Array, sums: Array, counts: Array, size: int, length: int) -> Windows:
        starts, ends = borders(length, size)
        many = len(starts)
        mean = _pooled(np.add, sums, size, many) / np.sqrt(_pooled(np.add, counts, size, many) + 4.0)
        parts = (
            _pooled(np.maximum, best, size, many),
            np.maximum(mean + self.mean_bias, 0),
        )
        return Windows(starts, ends, np.concatenate(parts, axis=1) @ self.out + self.out_bias)


def _distinct(rows: Rows, size: int) -> tuple[Rows, Rows]:
    """The rows that occur, each once, and for every word its place among them."""
    if len(rows) * 16 < size:
        return np.unique(rows, return_inverse=True)
    occurs = np.zeros(size, bool)
    occurs[rows] = True
    words = np.flatnonzero(occurs)
    place = np.empty(size, np.int64)
    place[words] = np.arange(len(words))
    return words, place[rows]


def _pooled(how: np.ufunc, cells: Array, size: int, many: int) -> Array:
    """The cells of each window put together: windows overlap by half, and a single one has all cells."""
    if many == 1:
        whole: Array = how.reduce(cells, axis=0, keepdims=True)
        return whole
    each = size // 2 // _CELL
    halves = how.reduce(cells[: (many + 1) * each].reshape(many + 1, each, -1), axis=1)
    both: Array = how(halves[:-1], halves[1:])
    return both


SUMMARY = len(SIZES) + 1
"""How many numbers say what a network makes of a text."""


def summary(windows: Sequence[Windows], name: int) -> npt.NDArray[np.float64]:
    """A class in numbers, for the second stage: the best window of each size, the mean of the large."""
    return np.array(
        [*(float(one.odds[:, name].max()) for one in windows), float(windows[-1].odds[:, name].mean())]
    )
