"""How well content is judged: labelled texts in, ranking and recall per source and category out.

A text's score is that of its best hit, 0 without one. Thresholds are quantiles of the scores of the
harmless texts of the same channel, in this data or in files given for that purpose alone; a text counts as
found above the threshold, not at it.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

import msgspec

from guardrails.detectors import AnySpec
from guardrails.detectors.alone import Alone
from guardrails.detectors.base import CannotJudge, Deadline
from guardrails.detectors.injection import Channel, InjectionSpec
from guardrails.detectors.toxicity import HarmSpec, ToxicitySpec

_SECONDS = 60.0


class Record(msgspec.Struct, frozen=True):
    """One labelled text: `label` 1 for what is to be found.

    `channel`: `user`, or `tool` for what a tool returned.
    """

    text: str
    label: int
    source: str = ""
    category: str | None = None
    channel: str = "user"


class Scored(msgspec.Struct, frozen=True):
    """A record's score, and the seconds that it took. None: it could not be judged."""

    record: Record
    score: float | None
    seconds: float


class Figures(msgspec.Struct, frozen=True):
    """None where there is nothing to count.

    `auc`, `auprc`: of the positives here against the harmless texts here, else against all of the channel.
    `recall_at_1pct`, `recall_at_01pct`: share of positives above what 1 % and 0.1 % of the harmless texts
    reach. `flagged_share`: share of the harmless texts here at or above the flagging score.
    `found_share`: the same of the positives.
    """

    n: int
    positives: int
    unjudged: int
    auc: float | None
    auprc: float | None
    recall_at_1pct: float | None
    recall_at_01pct: float | None
    flagged_share: float | None
    found_share: float | None
    ms_per_1k_chars: float | None


class Kind(str, Enum):
    """What positives are: the detector type that is measured."""

    INJECTION = "injection"
    TOXICITY = "toxicity"
    HARM = "harm"


def every_score(kind: Kind, channel: Channel) -> AnySpec:
    """The detector that is measured for a channel: it gives every score, however low."""
    if kind is Kind.INJECTION:
        return InjectionSpec(channel=channel, min_score=0.0)
    return ToxicitySpec(min_score=0.0) if kind is Kind.TOXICITY else HarmSpec(min_score=0.0)


def scorer(kind: Kind = Kind.INJECTION) -> Callable[[Record], Scored]:
    """A function that scores a record with the detector of its kind and channel."""
    ready: dict[Channel, Alone] = {}

    def score(record: Record) -> Scored:
        channel = Channel.INDIRECT if record.channel == "tool" else Channel.DIRECT
        finder = ready.get(channel)
        if finder is None:
            finder = ready[channel] = Alone(every_score(kind, channel).detector())
            finder.hits("the first text waits for what is loaded", Deadline.after(_SECONDS))
        began = time.perf_counter()
        value: float | None
        try:
            value = max(
                (hit.score for hit in finder.hits(record.text, Deadline.after(_SECONDS))), default=0.0
            )
        except CannotJudge:
            value = None
        return Scored(record, value, time.perf_counter() - began)

    return score


def measure(
    scored: Sequence[Scored], flag_at: float, harmless: Iterable[Scored] = ()
) -> dict[str, dict[str, Figures]]:
    """Figures by source, and within it by category; `*` is all of it.

    The thresholds come from the harmless texts among `harmless` when there are any of that channel, else
    from those among `scored`.
    """
    own = _harmless(scored)
    given = _harmless(harmless)
    bars = {channel: given.get(channel) or own.get(channel) or [] for channel in {*given, *own}}
    groups: dict[str, dict[str, list[Scored]]] = {}
    for one in scored:
        for source in (one.record.source, "*"):
            categories = groups.setdefault(source, {})
            categories.setdefault("*", []).append(one)
            if source != "*" and one.record.category is not None:
                categories.setdefault(one.record.category, []).append(one)
    return {
        source: {name: _figures(some, bars, flag_at) for name, some in sorted(categories.items())}
        for source, categories in sorted(groups.items())
    }


def _harmless(scored: Iterable[Scored]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in scored:
        if one.record.label == 0 and one.score is not None:
            found.setdefault(one.record.channel, []).append(one.score)
    return {channel: sorted(scores) for channel, scores in found.items()}


def _figures(some: Sequence[Scored], bars: Mapping[str, Sequence[float]], flag_at: float) -> Figures:
    judged = [(one.record, one.score) for one in some if one.score is not None]
    positive = [(record.channel, score) for record, score in judged if record.label]
    clean = [score for record, score in judged if not record.label]
    against = clean
    if not clean:
        against = [
            score for channel in {channel for channel, _ in positive} for score in bars.get(channel, ())
        ]
    scores = [score for _, score in positive]
    chars = sum(len(one.record.text) for one in some)
    return Figures(
        n=len(some),
        positives=sum(1 for one in some if one.record.label),
        unjudged=len(some) - len(judged),
        auc=_round(auc(scores, against)),
        auprc=_round(auprc(scores, against)),
        recall_at_1pct=_round(_recall(positive, bars, 0.01)),
        recall_at_01pct=_round(_recall(positive, bars, 0.001)),
        flagged_share=_round(_share(clean, flag_at)),
        found_share=_round(_share(scores, flag_at)),
        ms_per_1k_chars=_round(sum(one.seconds for one in some) * 1e6 / chars) if chars else None,
    )


def auc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a positive scores above a negative; ties count half (Mann-Whitney U)."""
    if not positive or not negative:
        return None
    ordered = sorted(negative)
    wins = sum(bisect.bisect_left(ordered, one) + bisect.bisect_right(ordered, one) for one in positive)
    return wins / (2 * len(positive) * len(negative))


def auprc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Average precision: the mean, over recall steps, of precision at each distinct score."""
    if not positive or not negative:
        return None
    ordered = sorted([(-one, 0) for one in negative] + [(-one, 1) for one in positive])
    total = found = seen = 0
    area = 0.0
    while seen < len(ordered):
        level = ordered[seen][0]
        gained = 0
        while seen < len(ordered) and ordered[seen][0] == level:
            gained += ordered[seen][1]
            seen += 1
        found += gained
        total = seen
        area += gained * found / total
    return area / len(positive)


def _recall(
    positive: Sequence[tuple[str, float]], bars: Mapping[str, Sequence[float]], share: float
) -> float | None:
    """Share of positives above the least score that at most `share` of the harmless texts pass."""
    thresholds = {}
    for channel in {channel for channel, _ in positive}:
        scores = bars.get(channel)
        if not scores:
            return None
        thresholds[channel] = scores[len(scores) - 1 - math.floor(share * len(scores))]
    if not positive:
        return None
    return sum(score > thresholds[channel] for channel, score in positive) / len(positive)


def _share(scores: Sequence[float], least: float) -> float | None:
    return sum(score >= least for score in scores) / len(scores) if scores else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
