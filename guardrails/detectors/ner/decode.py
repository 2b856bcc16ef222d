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
_OPENS = TRANSITIONS[0]
_OPENING = np.flatnonzero(_OPENS == 0)
_CLOSING = np.flatnonzero(TRANSITIONS[:, 0] == 0)  # what may stand before these
_BEGIN = np.arange(1, TAGS, 4)
_INSIDE, _LAST = _BEGIN + 1, _BEGIN + 2
_CLOSES = np.array(
    [0 if tag == 0 or (tag - 1) % 4 in (2, 3) else _NEVER for tag in range(TAGS)], dtype=np.float32
)


def spans(log_probabilities: Floats) -> list[Span]:
    """The spans of the likeliest consistent tagging of one run of tokens, (tokens, TAGS) wide.

    A span's probability is the least, over its tokens, of the probability that the token is of its type.
    Viterbi over all stretches at once: the number of numpy steps is the length of the longest stretch.
    """
    if not len(log_probabilities):
        return []
    live = log_probabilities[:, 0] < np.log(QUIET)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], live, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    found: list[Span] = []
    # Long stretches are cut so that one of them cannot make the padded batch large.
    cut = [
        (first, min(first + LONGEST, end))
        for start, end in zip(starts, ends, strict=True)
        for first in range(start, end, LONGEST)
    ]
    cut.sort(key=lambda stretch: stretch[1] - stretch[0])
    for batch in range(0, len(cut), BATCH):
        found += _decode(log_probabilities, cut[batch : batch + BATCH])
    found.sort()
    return found


def _decode(scores: Floats, stretches: list[tuple[int, int]]) -> list[Span]:
    starts = np.array([start for start, _ in stretches])
    lengths = np.array([end - start for start, end in stretches])
    longest = int(lengths.max())
    index = np.minimum(starts[:, None] + np.arange(longest)[None, :], len(scores) - 1)
    emission = scores[index]
    emission[:, :, 0] -= DOUBT
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
        before = np.where(begin >= inside, _BEGIN, _INSIDE)
        open = np.maximum(begin, inside)
        back[step][:, _OPENING] = _CLOSING[closed][:, None]
        back[step][:, _INSIDE] = back[step][:, _LAST] = before
        best = emission[:, step].copy()
        best[:, _OPENING] += closing[rows, closed][:, None]
        best[:, _INSIDE] += open
        best[:, _LAST] += open
    tags = np.zeros((len(stretches), longest), dtype=np.int8)
    tags[:, -1] = (best + _CLOSES).argmax(axis=1)
    for step in range(longest - 1, 0, -1):
        tags[:, step - 1] = back[step][rows, tags[:, step]]
    found = []
    for row, column in zip(
        *np.nonzero((tags > 0) & (((tags - 1) % 4 == 0) | ((tags - 1) % 4 == 3))), strict=True
    ):
        type = (int(tags[row, column]) - 1) // 4
        first = int(starts[row]) + int(column)
        last = first
        if (tags[row, column] - 1) % 4 == 0:
            stop = int(column) + 1
            while (tags[row, stop] - 1) % 4 != 2:
                stop += 1
            last = int(starts[row]) + stop
        low = 1 + 4 * type
        probability = float(np.exp(scores[first : last + 1, low : low + 4]).sum(axis=1).min())
        found.append(Span(first, last, type, probability))
    return found
