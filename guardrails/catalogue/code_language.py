"""Which programming language a snippet is in: a linear model over its tokens.

Features are the snippet's words and signs, and pairs of neighbours in which a word that the model does not
know is only its shape. The model is trained on published packages (`training/code/`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

MODEL = "code-1.json"
SHA256 = "c1de61b6e21c26f2a409ba7a93c13fd292127c717891c6c5357fea8254244a14"
"""Of the model file; the recipe prints it."""

LANGUAGES = (
    "c",
    "cpp",
    "csharp",
    "css",
    "go",
    "html",
    "java",
    "javascript",
    "php",
    "python",
    "ruby",
    "rust",
    "shell",
    "sql",
    "typescript",
)
CLASSES = (*LANGUAGES, "none")
"""`none` is prose, data, settings, logs."""

_NUMBER = "0"
READ = 2_000
"""Characters of a snippet that are read: more makes no difference."""

# Words with a sign before them that tells much ($name, @name, #name), numbers, pairs of signs, line ends.
_TOKEN = re.compile(r"[$@#]?[^\W\d]\w*|\d[\w.]*|\n[ \t]*|[^\w\s]{1,2}")


class ModelError(Exception):
    """The model file is not the one this version was built with."""


class Model(msgspec.Struct, frozen=True):
    """`words` are known as such; a feature is a token, or two joined by a space; `weights` by feature."""

    words: frozenset[str]
    features: Mapping[str, int]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


class _File(msgspec.Struct, frozen=True):
    words: tuple[str, ...]
    features: tuple[str, ...]
    scale: tuple[float, ...]
    bias: tuple[float, ...]
    weights: str


def tokens(text: str) -> Iterator[str]:
    """The tokens of a snippet; numbers are `0`, a line end says whether the next line is indented."""
    for found in _TOKEN.findall(text[:READ]):
        if found[0] == "\n":
            yield "\n" if len(found) == 1 else "\n "
        else:
            yield _NUMBER if found[0].isdigit() else found


def shape(token: str) -> str:
    """What is left of a word that is not known."""
    first = token[0]
    if first in "$@#":
        return f"{first}w"
    if token.isupper():
        return "U" if len(token) > 1 else "W"
    return "W" if first.isupper() else "w_" if "_" in token else "w"


def _is_word(found: str) -> bool:
    return found[-1].isalnum() or found[-1] == "_"


def features(text: str, words: frozenset[str]) -> Counter[str]:
    """The features of a snippet, counted."""
    known = [
        one if one in words or one == _NUMBER or not _is_word(one) else shape(one) for one in tokens(text)
    ]
    found = Counter(known)
    found.update(map(" ".join, pairwise(known)))
    return found


def probabilities(text: str, using: Model | None = None, prior: str | None = None) -> dict[str, float]:
    """How probable each of `CLASSES` is; `prior` is what somebody says that the snippet is."""
    model = using or load()
    found = [
        (model.features[name], n) for name, n in features(text, model.words).items() if name in model.features
    ]
    scores = model.bias.astype(np.float64)
    if found:
        values = np.sqrt(np.array([n for _, n in found], np.float32))
        values /= np.sqrt((values * values).sum())
        scores = scores + values @ model.weights[[number for number, _ in found]]
    if prior is not None:
        scores[CLASSES.index(prior)] += _SAID
    scores = np.exp(scores - scores.max())
    return dict(zip(CLASSES, (scores / scores.sum()).tolist(), strict=True))


_SAID = 4.0
"""Log-odds for a language by its being said: one sure look at the snippet outweighs it."""


def encode(
    words: Sequence[str],
    names: Sequence[str],
    weights: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> bytes:
    """The model as its file's content. Weights are kept in one byte each, by a scale for each class."""
    scale = np.abs(weights).max(axis=0) / 127
    packed = base64.b85encode(zlib.compress(np.rint(weights / scale).astype(np.int8).tobytes(), 9)).decode()
    file = _File(tuple(words), tuple(names), tuple(scale.tolist()), tuple(bias.tolist()), packed)
    return msgspec.json.encode(file) + b"\n"


def decode(content: bytes) -> Model:
    """The model in a file's content."""
    file = msgspec.json.decode(content, type=_File)
    data = zlib.decompress(base64.b85decode(file.weights))
    weights = np.frombuffer(data, np.int8).reshape(-1, len(CLASSES)).astype(np.float32)
    return Model(
        frozenset(file.words),
        {name: place for place, name in enumerate(file.features)},
        weights * np.array(file.scale, np.float32),
        np.array(file.bias, np.float32),
    )


@lru_cache(maxsize=1)
def load() -> Model:
    """The shipped model. Raises `ModelError` when the file is another."""
    content = (files("guardrails.catalogue") / "models" / MODEL).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelError(f"{MODEL} is not the file this version was built with")
    return decode(content)
