"""The weights that ship with the product, and reading a text with them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import threadpoolctl

from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.detectors.ner import decode, network, tokens
from guardrails.detectors.ner.lexicon import Lexicon
from guardrails.model import Reason

FOLDER = Path(__file__).parents[2] / "catalogue" / "models"
NAME = "names-1"

CHUNK = 32_768
"""The most characters that are turned into tokens at once: the deadline is looked at in between."""


class Name(msgspec.Struct, frozen=True):
    """A span that names something: its type and the calibrated probability that it does."""

    start: int
    end: int
    type: str
    score: float


class Model(msgspec.Struct, frozen=True):
    """Weights and calibration. Safe in any number of threads: what it remembers changes no result."""

    weights: network.Weights
    lexicon: Lexicon
    calibration: dict[str, dict[str, tuple[float, float]]]
    """For each type and kind of span the slope and intercept that turn a raw probability's logit into that
    of the score. Kinds: written in lower case (`lower`), else one token (`single`), else `several`."""

    def names(self, text: str, deadline: Deadline, start: int = 0, end: int | None = None) -> Iterator[Name]:
        """The names in `text[start:end]`, in order. Raises `CannotJudge` at the deadline.

        Time is linear in the length; what is needed besides the text is bounded by `CHUNK`.
        """
        end = len(text) if end is None else end
        while start < end:
            stop = end if end - start <= CHUNK else _break(text, start, start + CHUNK)
            yield from self._chunk(text[start:stop], start, deadline)
            start = stop

    def _chunk(self, text: str, offset: int, deadline: Deadline) -> Iterator[Name]:
        deadline.check()
        found = tokens.runs(text)
        vectors, shapes = self.lexicon.look(found.forms)
        words = network.projected(self.weights, vectors)
        shape = shapes[found.form] + tokens.SHAPES * found.spaced
        count, reach = len(found.form), self.weights.reach
        scores = np.empty((count, decode.TAGS), dtype=np.float32)
        for first in range(0, count, network.WINDOW):
            deadline.check()
            last = min(first + network.WINDOW, count)
            low, high = max(0, first - reach), min(count, last + reach)
            window = network.log_probabilities(self.weights, words, found.form[low:high], shape[low:high])
            scores[first:last] = window[first - low : last - low]
        for span in decode.spans(scores):
            type = decode.TYPES[span.type]
            start, end = int(found.start[span.first]), int(found.end[span.last])
            kind = "lower" if text[start].islower() else "single" if span.first == span.last else "several"
            yield Name(offset + start, offset + end, type, self._calibrated(type, kind, span.probability))

    def _calibrated(self, type: str, kind: str, probability: float) -> float:
        slope, intercept = self.calibration.get(type, {}).get(kind, (1.0, 0.0))
        probability = min(max(probability, 1e-6), 1 - 1e-6)
        logit = slope * np.log(probability / (1 - probability)) + intercept
        return round(float(1 / (1 + np.exp(-logit))), 3)


def _break(text: str, start: int, limit: int) -> int:
    """Where to break a long text: after a line, else after a space, else at the limit."""
    for mark in ("\n", " "):
        at = text.rfind(mark, start + (limit - start) // 2, limit)
        if at >= 0:
            return at + 1
    return limit


class Manifest(msgspec.Struct, frozen=True):
    """What is said about the weights in the JSON file beside them."""

    sha256: str
    dilations: tuple[int, ...]
    calibration: dict[str, dict[str, tuple[float, float]]]


@lru_cache(maxsize=1)
def own() -> Model:
    """The model that ships with the product, loaded once per process.

    From then on numpy multiplies matrices of this process in the calling thread alone: texts are read in
    several threads at once, and threads of BLAS beside them wait for each other most of the time.
    Raises `CannotJudge` with `Reason.NO_MODEL` when its file is missing or is not the one it should be.
    """
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
    return load(FOLDER / f"{NAME}.npz", FOLDER / f"{NAME}.json")


def load(weights: Path, manifest: Path) -> Model:
    """The model of two files. Raises `CannotJudge` (`Reason.NO_MODEL`) when they do not belong together."""
    try:
        said = msgspec.json.decode(manifest.read_bytes(), type=Manifest)
        content = weights.read_bytes()
    except (OSError, msgspec.DecodeError) as error:
        raise CannotJudge(Reason.NO_MODEL, f"{weights.name} cannot be read: {type(error).__name__}") from None
    if hashlib.sha256(content).hexdigest() != said.sha256:
        raise CannotJudge(Reason.NO_MODEL, f"{weights.name} is not the file that {manifest.name} names")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for array in arrays.values():
        array.setflags(write=False)
    single = {name: _single(array) for name, array in arrays.items() if name != "table"}
    layers = range(len(said.dilations))
    trained = network.Weights(
        table=arrays["table"],
        scale=single["scale"],
        shape=single["shape"],
        project=single["project"],
        project_bias=single["project_bias"],
        dilations=said.dilations,
        convolutions=tuple(single[f"convolution_{layer}"] for layer in layers),
        biases=tuple(single[f"bias_{layer}"] for layer in layers),
        output=single["output"],
        output_bias=single["output_bias"],
    )
    return Model(trained, Lexicon(trained), said.calibration)


def _single(array: np.ndarray[tuple[int, ...], np.dtype[np.float16]]) -> tokens.Floats:
    wide = array.astype(np.float32)
    wide.setflags(write=False)
    return wide
