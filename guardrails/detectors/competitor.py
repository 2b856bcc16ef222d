"""`type: competitor`: names of companies and products, in the spellings that people use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated

import msgspec
import regex

from guardrails.detectors.base import Pattern, SpecError
from guardrails.detectors.words import Label, ListDetector, Phrase, WordMatch, check_phrases, phrase_pattern

_JOINT = r"[\s._-]{0,2}"
"""What may stand, or not, between the parts of a name."""

_LEGAL = re.compile(
    r"[\s,]+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|llp|plc|gmbh|ag|kg|se|sa|sas|sarl"
    r"|srl|spa|bv|nv|ab|oy|as|aps|pty|kk|s\.a\.|s\.r\.l\.|s\.p\.a\.|b\.v\.|n\.v\.)\.?$",
    re.IGNORECASE,
)
_PART = re.compile(r"&|\d+|[^\W\d_](?:['’]?[^\W\d_])*")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_AND = "(?:&|and)"


class CompetitorSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="competitor", forbid_unknown_fields=True
):
    """Finds names in their usual spellings, never inside other words."""

    names: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(
            min_length=1,
            description="Names of companies or products. Each is found written together, apart, with a "
            "hyphen or a dot, with `&` or `and`, with or without accents, apostrophe and legal form.",
        ),
    ]
    case: Annotated[
        bool, msgspec.Meta(description="Tell upper from lower case, for names that are words too.")
    ] = False
    except_: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(description="Phrases with a name in them in which it does not count: `apple pie`."),
    ] = msgspec.field(default=(), name="except")
    label: Label = "COMPETITOR"

    def detector(self) -> ListDetector:
        check_phrases(self.names, "names")
        check_phrases(self.except_, "except")
        names = []
        for number, name in enumerate(self.names):
            parts = list(_parts(name))
            if not set(parts) - {"&"}:
                raise SpecError(("names", number), "name has neither letters nor digits", "remove it")
            names.append(_pattern(parts, self.case))
        matchers = [regex.compile(one.expression, 0 if self.case else regex.IGNORECASE) for one in names]
        for number, phrase in enumerate(self.except_):
            if not any(one.search(phrase) for one in matchers):
                help = "write the phrase as it is said, the name included"
                raise SpecError(("except", number), "none of the names is in this phrase", help)
        excused = [phrase_pattern(phrase, WordMatch.WORD, self.case) for phrase in self.except_]
        return ListDetector("competitor", self.label, list(dict.fromkeys(names)), excused)


def _parts(name: str) -> Iterator[str]:
    """The parts of a name, its legal form left out: `OpenAI Inc.` is `Open` and `AI`."""
    for match in _PART.finditer(_LEGAL.sub("", name.strip())):
        yield from _CAMEL.split(match[0])


def _pattern(parts: list[str], case: bool) -> Pattern:
    body = _JOINT.join(_AND if part in {"&", "and"} else "".join(map(_spelt, part)) for part in parts)
    return Pattern(
        id="competitor",
        expression=rf"(?<!\w){body}(?!\w)",
        ignorecase=not case,
        triggers=(body,),
        width=sum(len(part) * 2 + 4 for part in parts),
    )


def _spelt(char: str) -> str:
    """A letter with or without its accent; an apostrophe may be left out."""
    if char in "'’":
        return "['’]?"
    plain = unicodedata.normalize("NFD", char)[0]
    return char if plain == char else f"[{char}{plain}]"
