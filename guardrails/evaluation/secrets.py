"""How well secrets are found on labelled texts.

What a record says of itself decides what may be counted on it. Where `strength` is `rule`, only some
kinds are labelled: what else is found there is no false positive. Values marked `filler` (typed where a
secret would stand) count in `with_filler` only, and are never a false positive.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from guardrails.detectors.alone import Alone
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.model import Span

SECONDS_PER_RECORD = 60.0


class Labelled(msgspec.Struct, frozen=True):
    """A secret in a record: `[start, end)` in code points."""

    start: int
    end: int
    kind: str = "secret"
    filler: bool = False

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class Record(msgspec.Struct, frozen=True):
    """A labelled text."""

    text: str
    secrets: tuple[Labelled, ...] = ()
    source: str = ""
    label: str = "positive"
    cls: str | None = None
    strength: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every secret of the text is labelled, so that anything else found is wrong."""
        return self.strength != "rule"

    @property
    def hard_negative(self) -> bool:
        return self.label == "negative" and self.strength == "hard"


class Found(msgspec.Struct, frozen=True):
    """Findings by record: spans with what they were called. `seconds` is the time of the search."""

    spans: tuple[tuple[tuple[Span, str], ...], ...]
    seconds: float
    unjudged: int = 0


class KindResult(msgspec.Struct, frozen=True):
    """Recall on the secrets of one kind, fillers left out."""

    secrets: int
    recall_any: float
    recall_full_span: float


class WithFiller(msgspec.Struct, frozen=True):
    """The same recall with values typed as filler taken in."""

    secrets: int
    recall_any: float | None
    recall_full_span: float | None


class Result(msgspec.Struct, frozen=True):
    """The figures of one file, or of all of them. What there is nothing to count for is None.

    `recall_any` asks for any overlap, `recall_full_span` that nothing of the secret is left out.
    `precision` is the share of findings that overlap a label, `false_positives` counts the others, both
    on completely labelled records. `findings_per_mb` is per million bytes of hard negatives: source code
    and texts without any secret. `mb_per_s` is millions of bytes a second, on one core.
    """

    records: int
    secrets: int
    recall_any: float | None
    recall_full_span: float | None
    precision: float | None
    false_positives: int
    hard_negatives: int
    hard_negatives_flagged: int
    findings_per_mb: float | None
    mb_per_s: float
    unjudged: int
    with_filler: WithFiller
    kinds: dict[str, KindResult]
    false_positive_labels: dict[str, int]


def find(records: Sequence[Record], finder: Alone) -> Found:
    """Runs our own detector over the records."""
    spans: list[tuple[tuple[Span, str], ...]] = []
    unjudged = 0
    start = time.perf_counter()
    for record in records:
        try:
            hits = finder.hits(record.text, Deadline.after(SECONDS_PER_RECORD))
        except CannotJudge:
            hits = []
            unjudged += 1
        spans.append(tuple((hit.span, hit.label) for hit in hits))
    return Found(tuple(spans), time.perf_counter() - start, unjudged)


def measure(records: Sequence[Record], found: Found) -> Result:
    """Compares findings with labels."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    filler = [0, 0, 0]
    right = wrong = flagged = negatives = on_negatives = negative_bytes = size = 0
    labels: dict[str, int] = defaultdict(int)
    for record, spans in zip(records, found.spans, strict=True):
        length = len(record.text.encode("utf-8", "replace"))
        size += length
        for secret in record.secrets:
            count = filler if secret.filler else counts[secret.kind]
            count[0] += 1
            count[1] += any(span.overlaps(secret.span) for span, _ in spans)
            count[2] += _covered(secret.span, [span for span, _ in spans])
        if record.hard_negative:
            negatives += 1
            negative_bytes += length
            flagged += bool(spans)
            on_negatives += len(_distinct(spans))
        if record.complete:
            for span, label in _distinct(spans):
                hit = any(span.overlaps(secret.span) for secret in record.secrets)
                right, wrong = right + hit, wrong + (not hit)
                if not hit:
                    labels[label] += 1
    total = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0, 0]
    everything = [one + other for one, other in zip(total, filler, strict=True)]
    return Result(
        records=len(records),
        secrets=total[0],
        recall_any=_share(total[1], total[0]),
        recall_full_span=_share(total[2], total[0]),
        precision=_share(right, right + wrong),
        false_positives=wrong,
        hard_negatives=negatives,
        hard_negatives_flagged=flagged,
        findings_per_mb=round(on_negatives / negative_bytes * 1e6, 3) if negative_bytes else None,
        mb_per_s=round(size / 1e6 / found.seconds, 2) if found.seconds else 0.0,
        unjudged=found.unjudged,
        with_filler=WithFiller(
            everything[0], _share(everything[1], everything[0]), _share(everything[2], everything[0])
        ),
        kinds={
            kind: KindResult(count[0], round(count[1] / count[0], 4), round(count[2] / count[0], 4))
            for kind, count in sorted(counts.items())
        },
        false_positive_labels=dict(sorted(labels.items(), key=lambda one: (-one[1], one[0]))),
    )


def joined(parts: Iterable[tuple[Sequence[Record], Found]]) -> tuple[list[Record], Found]:
    """Several files as one."""
    records: list[Record] = []
    spans: list[tuple[tuple[Span, str], ...]] = []
    seconds, unjudged = 0.0, 0
    for some, found in parts:
        records += some
        spans += found.spans
        seconds += found.seconds
        unjudged += found.unjudged
    return records, Found(tuple(spans), seconds, unjudged)


def _distinct(spans: Iterable[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """One finding a place: what overlaps an earlier one is the same, seen in another way."""
    kept: list[tuple[Span, str]] = []
    for span, label in sorted(spans):
        if not kept or kept[-1][0].end <= span.start:
            kept.append((span, label))
    return kept


def _covered(secret: Span, spans: Sequence[Span]) -> bool:
    """Whether the spans together leave nothing of the secret."""
    at = secret.start
    for span in sorted(spans):
        if span.start <= at < span.end:
            at = span.end
    return at >= secret.end


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
