"""The numbers of an address, which no context of words tells apart: they belong to what stands beside them.

A building's number stands before the street that the model found, a postcode behind the last place of the
address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from guardrails.detectors.ner.model import Name

NEAR = 160
"""A postcode stands within so many characters of its street."""

_BUILDING = re.compile(r"(?<![\w.,:/#-])\d{1,5}[A-Za-z]?[ \t]+\Z")
"""A number right before a street: `12 High Street`, `12 4711 High Street`."""

_BUILDING_WIDTH = 12

_POSTCODE = re.compile(r"[ ,]{1,3}(?:[A-Z]{2,3}[ ,]{1,2})?\d{4,6}(?:-\d{3,4})?(?![\w-]|[.,:/]\d)")
"""What follows a place in an address: `, TX 75001-1234`."""


def completed(text: str, names: Sequence[Name]) -> Iterator[Name]:
    """The names, in order, with its numbers in each address; what is between two names is no third one's."""
    since = street = -NEAR
    for name, following in zip_longest(names, names[1:]):
        start, end = name.start, name.end
        if name.type == "ADDRESS":
            street = end
            number = _BUILDING.search(text, max(since, start - _BUILDING_WIDTH, 0), start)
            start = number.start() if number else start
        if name.type in ("ADDRESS", "LOCATION") and end - street < NEAR:
            code = _POSTCODE.match(text, end, following.start if following else len(text))
            end = code.end() if code else end
        since = end
        yield Name(start, end, name.type, name.score)
