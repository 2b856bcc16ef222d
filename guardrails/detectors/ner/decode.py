"""From tag scores to spans: the best sequence of tags that forms whole spans."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

TYPES = ("PERSON", "LOCATION", "ADDRESS", "ORGANIZATION")
"""What the network tells apart. An address is reported as a location."""

TAGS = 1 + 4 * len(TYPES)
"""Tag 0 is outside; type t has begin, inside, last and unit at 1 + 4t and on (BILOU)."""

QUIET = 0.97
"""A token this surely outside of any span ends a stretch: stretches are decoded one by one."""

LONGEST = 200
"""The most tokens of a stretch: a longer one is cut, so that it cannot make a padded batch large."""

BATCH = 512
"""Stretches that are decoded at once."""

DOUBT = np.float32(1.0)
"""Taken off the log-probability of being outside: what is found is more than what is likely, and a rule's
`min_score` decides."""

_NEVER = np.float32(-1e9)


class Span(NamedTuple):
    """Tokens `first` to `last` (inclusive) are one name of type number `type`, with this probability."""

    first: int
    last: int
    type: int
    probability: float


def _transitions() -> Floats:
    allowed = np.full((TAGS, TAGS), _NEVER, dtype=np.float32)
    opens = [0] + [1 + 4 * type + offset for type in range(len(TYPES)) for offset in (0, 3)]
    for type in range(len(TYPES)):
        begin, inside, last, unit = range(1 + 4 * type, 5 + 4 * type)
        for before in (begin, inside):
            allowed[before, [inside, last]] = 0
        for before in (last, unit):
            allowed[before, opens] = 0
    allowed[0, opens] = 0
    return allowed


TRANSITIONS = _transitions()
_FORBIDDEN = TRANSITIONS != 0
_OPENS = TRANSITIONS[0]
_OPENING = np.flatnonzero(_OPENS == 0)
_CLOSING = np.flatnonzero(TRANSITIONS[:, 0] == 0)  # what may stand before these
_CLOSES = TRANSITIONS[:, 0]
_BEGIN = np.arange(1, TAGS, 4)
_INSIDE, _LAST = _BEGIN + 1, _BEGIN + 2


def spans(log_probabilities: Floats) -> list[Span]:
    """The spans of the likeliest consistent tagging of one run of tokens, (tokens, TAGS) wide.

    A span's probability is the least, over its tokens, of the probability that the token is of its type.
    Most stretches are consistent with the likeliest tag at every token; the others are decoded by Viterbi,
    all at once: the number of numpy steps is the length of the longest stretch.
    """
    if not len(log_probabilities):
        return []
    live = log_probabilities[:, 0] < np.log(QUIET)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], live, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    emission = log_probabilities.copy()
    emission[:, 0] -= DOUBT
    tags = emission.argmax(axis=1).astype(np.int8)
    tags[~live] = 0
    broken = _FORBIDDEN[np.concatenate(([0], tags)), np.concatenate((tags, [0]))]
    before = np.concatenate(([0], np.cumsum(broken)))
    wrong = before[ends + 1] > before[starts]
    cut = [
        (first, min(first + LONGEST, end))
        for start, end in zip(starts[wrong].tolist(), ends[wrong].tolist(), strict=True)
        for first in range(start, end, LONGEST)
    ]
    cut.sort(key=lambda stretch: stretch[1] - stretch[0])
    for batch in range(0, len(cut), BATCH):
        _decode(emission, cut[batch : batch + BATCH], tags)
    return _read(log_probabilities, tags)


def _read(log_probabilities: Floats, tags: npt.NDArray[np.int8]) -> list[Span]:
    """The spans of a consistent tagging."""
    inside = np.flatnonzero(tags)
    if not len(inside):
        return []
    type, place = np.divmod(tags[inside].astype(np.intp) - 1, 4)
    first = np.flatnonzero((place == 0) | (place == 3))
    last = np.flatnonzero(place >= 2)
    own = np.exp(log_probabilities[inside[:, None], 1 + 4 * type[:, None] + np.arange(4)]).sum(axis=1)
    probability = np.minimum.reduceat(own, first)
    columns = (inside[first], inside[last], type[first], probability)
    return [Span(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _decode(scores: Floats, stretches: list[tuple[int, int]], tags: npt.NDArray[np.int8]) -> None:
    """Writes the best consistent tagging of each stretch into `tags`."""
    starts = np.array([start for start, _ in stretches])
    lengths = np.array([end - start for start, end in stretches])
    longest = int(lengths.max())
    index = np.minimum(starts[:, None] + np.arange(longest)[None, :], len(scores) - 1)
    emission = scores[index]
    # Beyond its end a stretch is outside.
    beyond = np.arange(longest)[None, :] >= lengths[:, None]
    emission[beyond] = _NEVER
    emission[beyond, 0] = 0
    best = emission[:, 0] + _OPENS
    back = np.zeros((longest, len(stretches), TAGS), dtype=np.int8)
    rows = np.arange(len(stretches))
    for step in range(1, longest):
        # A span's inside and end follow its begin or inside; all else follows what ends a span, or none.
        closing = best[:, _CLOSING]
        closed = closing.argmax(axis=1)
        begin, inside = best[:, _BEGIN], best[:, _INSIDE]
        open = np.maximum(begin, inside)
        back[step][:, _OPENING] = _CLOSING[closed][:, None]
        back[step][:, _INSIDE] = back[step][:, _LAST] = np.where(begin >= inside, _BEGIN, _INSIDE)
        best = emission[:, step].copy()
        best[:, _OPENING] += closing[rows, closed][:, None]
        best[:, _INSIDE] += open
        best[:, _LAST] += open
    found = np.zeros((len(stretches), longest), dtype=np.int8)
    found[:, -1] = (best + _CLOSES).argmax(axis=1)
    for step in range(longest - 1, 0, -1):
        found[:, step - 1] = back[step][rows, found[:, step]]
    tags[index[~beyond]] = found[~beyond]
