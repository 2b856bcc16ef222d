"""`type: classifier`: a text classifier of your own, from a local folder (the extra `onnx`).

The folder is what the usual exporters write: `model.onnx` with any files of weights beside it,
`tokenizer.json`, and `config.json` with the names of the classes. Nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from guardrails.detectors.base import CannotJudge, Deadline, Match, Pattern, SpecError
from guardrails.detectors.tokens import INSTALL
from guardrails.model import Hit, Reason, Span
from guardrails.text import View

if TYPE_CHECKING:
    from tokenizers import Encoding

WINDOW = 512
"""Tokens that are judged together at most; fewer where the model takes fewer."""

PIECE = 20_000
"""Characters that are turned into tokens at a time: between two of them the deadline is looked at."""

LEAST_SECONDS = 0.05
"""With less time left no window is begun: a large model takes about as long for it."""

_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class ClassifierSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="classifier", forbid_unknown_fields=True
):
    """Finds texts that a model of yours puts into one of some classes."""

    folder: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="Folder of `model.onnx`, `tokenizer.json`, `config.json`, relative to the policy.",
        ),
    ]
    labels: Annotated[
        tuple[str, ...],
        msgspec.Meta(min_length=1, description="Classes that are a hit, by their names in `config.json`."),
    ]
    min_score: Annotated[
        float, msgspec.Meta(gt=0.0, le=1.0, description="Least score. It is the model's own estimate.")
    ] = 0.5

    def placed(self, folder: Path) -> ClassifierSpec:
        return msgspec.structs.replace(self, folder=str(folder / self.folder))

    def detector(self) -> ClassifierDetector:
        return ClassifierDetector(self)


class ClassifierDetector:
    """Reads the text without disguise and every decoded piece, in overlapping windows."""

    inspects = True
    patterns: Sequence[Pattern] = ()

    def __init__(self, spec: ClassifierSpec) -> None:
        """Raises `SpecError` when the packages or the files are missing, or do not fit."""
        from guardrails.detectors.ngrams.reading import readings

        folder = Path(spec.folder)
        config = _config(folder)
        classes = _classes(config)
        for number, label in enumerate(spec.labels):
            if label not in classes:
                known = ", ".join(f"`{one}`" for one in classes[:10])
                raise SpecError(("labels", number), f"the model has no class `{label}`", f"it has {known}")
        self._wanted = [(classes.index(label), _hit_label(label)) for label in dict.fromkeys(spec.labels)]
        self._least = spec.min_score
        self._model = _Model(folder, config, len(classes))
        self._readings = readings
        # What is remembered of texts hangs on the weights: the name stands for them in the set's digest.
        self.name = f"classifier {folder.name} {_fingerprint(folder)}"

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        for reading in self._readings(views):
            found: dict[str, list[tuple[Span, float]]] = {}
            for span, scores in self._model.judge(reading.text, deadline):
                for place, label in self._wanted:
                    if scores[place] >= self._least:
                        found.setdefault(label, []).append((span, scores[place]))
            for label, windows in found.items():
                for span, score in _joined(windows):
                    at = reading.place(span)
                    yield reading.view.hit(at.start, at.end, label, score, self.name)


class _Model:
    """A tokenizer and a network. Safe in several threads."""

    def __init__(self, folder: Path, config: dict[str, Any], classes: int) -> None:
        try:
            import onnxruntime
            import tokenizers
        except ImportError:
            raise SpecError(("type",), "`classifier` needs packages that are not there", INSTALL) from None
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(_file(folder, "tokenizer.json")))
        except SpecError:
            raise
        except Exception:  # noqa: BLE001 - the package raises nothing narrower
            raise SpecError(("folder",), "`tokenizer.json` cannot be read") from None
        options = onnxruntime.SessionOptions()
        # The service has threads of its own.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(_file(folder, "model.onnx")), options, providers=["CPUExecutionProvider"]
            )
        except SpecError:
            raise
        except Exception:  # noqa: BLE001 - the package raises nothing narrower
            raise SpecError(("folder",), "`model.onnx` cannot be read") from None
        self._inputs = [one.name for one in self._session.get_inputs()]
        if strange := sorted(set(self._inputs) - _INPUTS):
            raise SpecError(
                ("folder",), f"the model wants an input `{strange[0]}`", "export a text classifier"
            )
        self._classes = classes
        self._independent = classes == 1 or config.get("problem_type") == "multi_label_classification"
        positions = config.get("max_position_embeddings")
        window = min(WINDOW, positions) if isinstance(positions, int) and positions > 0 else WINDOW
        self._tokenizer.no_padding()
        try:
            self._tokenizer.enable_truncation(window, stride=window // 8)
        except Exception:  # noqa: BLE001 - as above
            raise SpecError(("folder",), "the model's windows are too short for its tokenizer") from None

    def judge(self, text: str, deadline: Deadline) -> Iterator[tuple[Span, list[float]]]:
        """The scores of all classes for each window of a text, and where the window is.

        Raises `CannotJudge` at the deadline, and where the network does not give a score for each class.
        """
        # Lone surrogates are no text to the tokenizer; what stands for them is as long.
        text = text.encode("utf-8", "replace").decode("utf-8")
        for at in range(0, max(1, len(text)), PIECE - PIECE // 20):
            deadline.check()
            whole = self._tokenizer.encode(text[at : at + PIECE])
            for window in (whole, *whole.overflowing):
                places = [offsets for offsets in window.offsets if offsets[0] < offsets[1]]
                if places:
                    yield Span(at + places[0][0], at + places[-1][1]), self._scores(window, deadline)
            if at + PIECE >= len(text):
                return

    def _scores(self, window: Encoding, deadline: Deadline) -> list[float]:
        import numpy as np

        if deadline.left() < LEAST_SECONDS:
            raise CannotJudge(Reason.DEADLINE)
        said = {
            "input_ids": window.ids,
            "attention_mask": window.attention_mask,
            "token_type_ids": window.type_ids,
        }
        given = {name: np.array([said[name]], dtype=np.int64) for name in self._inputs}
        out = np.asarray(self._session.run(None, given)[0], dtype=np.float64)
        if out.shape != (1, self._classes) or not np.isfinite(out).all():
            raise CannotJudge(Reason.DETECTOR_ERROR, "the model gives no score for each class")
        if self._independent:
            scores = 1.0 / (1.0 + np.exp(-np.clip(out[0], -60.0, 60.0)))
        else:
            powers = np.exp(out[0] - out[0].max())
            scores = powers / powers.sum()
        return [float(score) for score in scores]


def _file(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.is_file():
        raise SpecError(("folder",), f"there is no `{name}` in it", "export the model to this folder")
    return file


def _config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise SpecError(("folder",), "there is no such folder", "the path is relative to the policy's file")
    try:
        config = json.loads(_file(folder, "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise SpecError(("folder",), "`config.json` cannot be read") from None
    return config if isinstance(config, dict) else {}


def _classes(config: dict[str, Any]) -> list[str]:
    """The names of the classes, in the order of the network's output."""
    named = config.get("id2label")
    if isinstance(named, dict) and named and set(named) == {str(number) for number in range(len(named))}:
        return [str(named[str(number)]) for number in range(len(named))]
    raise SpecError(("folder",), "`config.json` does not name the classes", "give it an `id2label`")


def _fingerprint(folder: Path) -> str:
    """What tells one content of the folder from another."""
    state = hashlib.sha256()
    try:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            with file.open("rb") as data:
                state.update(hashlib.file_digest(data, "sha256").digest())
    except OSError:
        raise SpecError(("folder",), "not every file in it can be read") from None
    return state.hexdigest()[:16]


def _hit_label(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").upper() or "CLASS"


def _joined(windows: Sequence[tuple[Span, float]]) -> Iterator[tuple[Span, float]]:
    """Windows that overlap as one, with the highest score."""
    span, score = windows[0]
    for next_span, next_score in windows[1:]:
        if next_span.start < span.end:
            span, score = Span(span.start, max(span.end, next_span.end)), max(score, next_score)
        else:
            yield span, score
            span, score = next_span, next_score
    yield span, score
