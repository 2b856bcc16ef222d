"""`type: invisible`: characters, and texts in markup, that a reader does not see and a model does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated

import msgspec
import regex

from guardrails.detectors.base import Deadline, Foresight, Match
from guardrails.markup import Hiding, concealed, may_hide
from guardrails.model import Hit
from guardrails.text import View, beyond_ascii


class InvisibleClass(str, Enum):
    """Classes of invisible characters, named apart because some have honest uses."""

    TAGS = "tags"  # U+E0001, U+E0020..E007F: hidden ASCII; honest only in flags of regions
    BIDI = "bidi"  # embeddings, overrides and isolates that show text in another order than it is read
    ZERO_WIDTH = "zero-width"  # zero-width space, word joiner, soft hyphen, BOM inside a text
    VARIATION = "variation"  # runs of variation selectors, which can carry hidden bytes
    CONTROL = "control"  # C0 and C1 controls except tab, line feed and carriage return
    COMMENT = "comment"  # comments of HTML and Markdown; honest in documents that people write
    STYLE = "style"  # elements that HTML does not show: display, size, colour, place
    ATTRIBUTE = "attribute"  # titles and alternative texts of four words and more; honest on most pages


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
    """Finds invisible and direction-changing characters, and text that markup hides."""

    classes: Annotated[
        tuple[InvisibleClass, ...],
        msgspec.Meta(
            min_length=1,
            description="`tags`: hidden ASCII in tag characters; `bidi`: embeddings, overrides and isolates; "
            "`zero-width`: zero-width spaces and joiners inside words; `variation`: runs of variation "
            "selectors; `control`: control characters other than tab and line breaks; `comment`, `style`, "
            "`attribute`: text that HTML or Markdown does not show, by how it is hidden.",
        ),
    ] = (InvisibleClass.TAGS, InvisibleClass.BIDI)

    def detector(self) -> InvisibleDetector:
        return InvisibleDetector(self)


class InvisibleDetector:
    """Reads the source text only: every other view has these characters removed."""

    inspects = True

    def __init__(self, spec: InvisibleSpec) -> None:
        self.name = "invisible"
        self.patterns = ()
        self._classes = tuple(
            (one, regex.compile(expression), regex.compile(_MEMBERS[one]) if one in _MEMBERS else None)
            for one, expression in _CLASSES.items()
            if one in spec.classes
        )
        self._hidings = frozenset(how for how in Hiding if InvisibleClass(how.value) in spec.classes)
        # What is hidden in markup shows only when it ends.
        self.foresight = None if self._hidings else Foresight(1)

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
        if self._hidings and may_hide(source.text):
            deadline.check()
            for hidden in concealed(source.text):
                if hidden.how in self._hidings:
                    label = f"INVISIBLE_{hidden.how.name}"
                    yield source.hit(hidden.start, hidden.end, label, why=f"class {hidden.how.value}")
