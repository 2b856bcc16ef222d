"""The vectors of words read before: most words of a text are common ones, and to make their vectors costs
half of what the network takes to read them.

No word is kept: entries are found by the interpreter's own keyed hash of the word.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from guardrails.detectors.ner import network, tokens
from guardrails.detectors.ner.tokens import Floats, Ints

FORMS = 32_768
"""The most words that are known at once, in 8 MB. When there is no room for a text's words the list is begun
anew: what is common is back with the next text, and no reader ever waits for another to make room."""


class _Known:
    """Vectors and shapes by row, rows by hash. A row is filled before its hash is known, and stays."""

    def __init__(self, width: int) -> None:
        self.rows: dict[int, int] = {}
        self.count = 0
        self.vectors = np.empty((FORMS, width), dtype=np.float32)
        self.shapes = np.empty(FORMS, dtype=np.int32)


class Lexicon:
    """Vectors and shapes of words as written, by one network's weights. Safe in several threads."""

    def __init__(self, weights: network.Weights) -> None:
        self._table = network.unpacked(weights)
        self._adding = threading.Lock()
        self._known = _Known(weights.table.shape[1])

    def look(self, forms: Sequence[str]) -> tuple[Floats, Ints]:
        """The vector and the shape of each of some distinct forms, as `tokens.Runs` has them."""
        known = self._known
        find = known.rows.get
        rows = np.array([find(key, -1) for key in _keys(forms)], dtype=np.intp)
        vectors, shapes = known.vectors[rows], known.shapes[rows]
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            new = [forms[place] for place in missing.tolist()]
            made = self._vectors(new), np.array([tokens.shape(form) for form in new], dtype=np.int32)
            vectors[missing], shapes[missing] = made
            self._keep(new, *made)
        return vectors, shapes

    def _vectors(self, forms: Sequence[str]) -> Floats:
        words: dict[str, int] = {}
        word = [words.setdefault(tokens.word(form), len(words)) for form in forms]
        features = tokens.features(list(words), len(self._table))
        return network.word_vectors(self._table, features)[word]

    def _keep(self, forms: Sequence[str], vectors: Floats, shapes: Ints) -> None:
        if len(forms) > FORMS // 8:
            return  # so many new words are no language's
        with self._adding:
            if self._known.count + len(forms) > FORMS:
                self._known = _Known(vectors.shape[1])
            known = self._known
            first, last = known.count, known.count + len(forms)
            known.vectors[first:last], known.shapes[first:last] = vectors, shapes
            known.count = last
            known.rows.update(zip(_keys(forms), range(first, last), strict=True))


def _keys(forms: Sequence[str]) -> list[int]:
    # Strings of wider characters have the hash of the narrow string in the same bytes, which is longer.
    return [hash(form) ^ len(form) for form in forms]
