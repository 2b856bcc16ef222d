"""`type: invisible`: characters that a reader does not see and a model does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated

import msgspec
import regex

from guardrails.detectors.base import Deadline, Foresight, Match
from guardrails.model import Hit
from guardrails.text import View, beyond_ascii


class InvisibleClass(str, Enum):
    """Classes of invisible characters, named apart because some have honest uses."""

    TAGS = "tags"  # U+E0001, U+E0020..E007F: hidden ASCII; honest only in flags of regions
    BIDI = "bidi"  # embeddings, overrides and isolates that show text in another order than it is read
    ZERO_WIDTH = "zero-width"  # zero-width space, word joiner, soft hyphen, BOM inside a text
    VARIATION = "variation"  # runs of variation selectors, which can carry hidden bytes
    CONTROL = "control"  # C0 and C1 controls except tab, line feed and carriage return


# ZWJ and ZWNJ are letters' business in emoji, Arabic, Persian and Indic scripts; they count as
# zero-width only between two ASCII letters or digits, where they can have no effect on display.
_CLASSES = {
    # A region flag is a black flag, tag letters, and a cancel tag.
    InvisibleClass.TAGS: r"(?:\U0001F3F4[\U000E0030-\U000E007A]{3,8}\U000E007F)(*SKIP)(*FAIL)"
    r"|[\U000E0001\U000E0020-\U000E007F]+",
    InvisibleClass.BIDI: r"[\u202A-\u202E\u2066-\u2069]+",
    InvisibleClass.ZERO_WIDTH: r"[\u200B\u2060-\u2064\u00AD\u180E\u115F\u1160\u3164\uFFA0]+"
    r"|(?<!^)\uFEFF+|(?<=[A-Za-z0-9])[\u200C\u200D]+(?=[A-Za-z0-9])",
    InvisibleClass.VARIATION: r"[\uFE00-\uFE0F\U000E0100-\U000E01EF]{2,}",
    InvisibleClass.CONTROL: r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x84\x86-\x9F]+",
}
# A character of the class, wherever it stands: sought among the few beyond ASCII before the text is read.
_MEMBERS = {
    InvisibleClass.TAGS: r"[\U000E0001\U000E0020-\U000E007F]",
    InvisibleClass.BIDI: r"[\u202A-\u202E\u2066-\u2069]",
    InvisibleClass.ZERO_WIDTH: r"[\u200B-\u200D\u2060-\u2064\u00AD\u180E\u115F\u1160\u3164\uFEFF\uFFA0]",
    InvisibleClass.VARIATION: r"[\uFE00-\uFE0F\U000E0100-\U000E01EF]",
}


class InvisibleSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="invisible", forbid_unknown_fields=True
):
    """Finds invisible and direction-changing characters."""

    classes: Annotated[
        tuple[InvisibleClass, ...],
        msgspec.Meta(
            min_length=1,
            description="`tags`: hidden ASCII in tag characters; `bidi`: embeddings, overrides and isolates; "
            "`zero-width`: zero-width spaces and joiners inside words; `variation`: runs of variation "
            "selectors; `control`: control characters other than tab and line breaks.",
        ),
    ] = (InvisibleClass.TAGS, InvisibleClass.BIDI)

    def detector(self) -> InvisibleDetector:
        return InvisibleDetector(self)


class InvisibleDetector:
    """Reads the source text only: every other view has these characters removed."""

    inspects = True
    foresight = Foresight(1)

    def __init__(self, spec: InvisibleSpec) -> None:
        self.name = "invisible"
        self.patterns = ()
        self._classes = tuple(
            (one, regex.compile(_CLASSES[one]), regex.compile(_MEMBERS[one]) if one in _MEMBERS else None)
            for one in InvisibleClass
            if one in spec.classes
        )

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        source = views[0]
        beyond = beyond_ascii(source.text)
        for one, expression, member in self._classes:
            if member is not None and not member.search(beyond, concurrent=True):
                continue
            deadline.check()
            for match in expression.finditer(source.text, concurrent=True):
                label = f"INVISIBLE_{one.name}"
                yield source.hit(match.start(), match.end(), label, why=f"class {one.value}")
