"""Tags of tokens: BILOU over four types, as the network's outputs, and sets of them as bit masks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from guardrails.detectors.ner.decode import TYPES

OUTSIDE = 1
"""The set that holds only the tag outside of any span."""

ALL = (1 << (1 + 4 * len(TYPES))) - 1


def of_type(type: str) -> int:
    """The set of all tags of a type."""
    return 0b1111 << (1 + 4 * TYPES.index(type))


def masks(
    start: np.ndarray, end: np.ndarray, spans: Iterable[tuple[int, int, str]], known: set[str]
) -> np.ndarray:
    """The set of right tags of each token, given labelled spans and the types that were annotated.

    Outside of spans, a token may be of any type that was not annotated. A span whose type ends in `?` may
    be of that type, a neighbouring one, or none; one of type `*` may be anything.
    """
    unknown = 0
    for type in TYPES:
        if type not in known:
            unknown |= of_type(type)
    result = np.full(len(start), OUTSIDE | unknown, dtype=np.int32)
    for first, last, type in spans:
        low = int(np.searchsorted(end, first, side="right"))
        high = int(np.searchsorted(start, last, side="left"))
        if low >= high:
            continue
        if type == "*":
            result[low:high] = ALL
            continue
        if type.endswith("?"):
            result[low:high] = OUTSIDE | of_type("LOCATION") | of_type("ADDRESS")
            continue
        base = 1 + 4 * TYPES.index(type)
        if high - low == 1:
            result[low] = 1 << (base + 3)
        else:
            result[low + 1 : high - 1] = 1 << (base + 1)
            result[low], result[high - 1] = 1 << base, 1 << (base + 2)
    return result
