"""How well a rule's `detect` block finds what labelled texts say: precision, recall and F1 by label.

A text counts once for each label: found where any hit in it has the label.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

import msgspec

from guardrails.detectors import AnySpec
from guardrails.detectors.alone import Alone
from guardrails.detectors.base import CannotJudge, Deadline

_SECONDS = 60.0


class Labelled(msgspec.Struct, frozen=True):
    """A text with the labels that must be found in it; none where nothing must be."""

    text: str
    labels: tuple[str, ...]
    source: str = ""


class Row(msgspec.Struct, frozen=True):
    """Texts with a label, and how many of them, and of others, got it; None: there is nothing to count."""

    texts: int
    found: int
    wrong: int
    precision: float | None
    recall: float | None
    f1: float | None


class Report(msgspec.Struct, frozen=True):
    """`harmless` texts have no label; `flagged` of them got one. `macro_f1` is the mean over labels."""

    labels: dict[str, Row]
    macro_f1: float | None
    harmless: int
    flagged: int
    unjudged: int
    ms_per_1k_chars: float | None


def measure(spec: AnySpec, records: Iterable[Labelled]) -> Report:
    """Counts what the detector of `spec` finds. Raises `SpecError`."""
    finder = Alone(spec.detector())
    finder.hits("the first text waits for what is loaded", Deadline.after(_SECONDS))
    texts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    harmless = flagged = unjudged = chars = 0
    seconds = 0.0
    for record in records:
        began = time.perf_counter()
        try:
            given = {hit.label for hit in finder.hits(record.text, Deadline.after(_SECONDS))}
        except CannotJudge:
            unjudged += 1
            continue
        seconds += time.perf_counter() - began
        chars += len(record.text)
        wanted = set(record.labels)
        texts.update(wanted)
        found.update(wanted & given)
        wrong.update(given - wanted)
        harmless += not wanted
        flagged += not wanted and bool(given)
    rows = {label: _row(texts[label], found[label], wrong[label]) for label in sorted({*texts, *wrong})}
    scores = [row.f1 or 0.0 for row in rows.values() if row.texts]
    return Report(
        labels=rows,
        macro_f1=round(sum(scores) / len(scores), 4) if scores else None,
        harmless=harmless,
        flagged=flagged,
        unjudged=unjudged,
        ms_per_1k_chars=round(seconds * 1e6 / chars, 4) if chars else None,
    )


def _row(texts: int, found: int, wrong: int) -> Row:
    given = found + wrong
    return Row(
        texts=texts,
        found=found,
        wrong=wrong,
        precision=round(found / given, 4) if given else None,
        recall=round(found / texts, 4) if texts else None,
        f1=round(2 * found / (texts + given), 4) if texts + given else None,
    )
