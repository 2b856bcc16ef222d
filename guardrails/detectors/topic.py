"""`type: topic`: what a text is about, by phrases in any form of their words, with other words between."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Annotated

import msgspec
import Stemmer

from guardrails.detectors.base import Deadline, Match, SpecError
from guardrails.detectors.words import Excuses, Label, Phrase, check_phrases
from guardrails.model import Hit
from guardrails.text import View

_WORD = re.compile(r"\w+")
# Words of a phrase stand in one sentence.
_TOKEN = re.compile(r"(?P<word>\w+)|[.!?。！？](?=\s)|\n[ \t\r]{0,80}\n")
_CHECK_EVERY = 4_096
_WORD_CHARS = 40
"""Characters of a word and what follows it, about: how far from what is new a phrase may begin."""

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class Stems(str, Enum):
    """Languages whose words are reduced to stems, by ISO 639-1 code (algorithms of Snowball)."""

    AR = "ar"
    CA = "ca"
    CS = "cs"
    DA = "da"
    DE = "de"
    EL = "el"
    EN = "en"
    ES = "es"
    ET = "et"
    EU = "eu"
    FA = "fa"
    FI = "fi"
    FR = "fr"
    GA = "ga"
    HI = "hi"
    HU = "hu"
    HY = "hy"
    ID = "id"
    IT = "it"
    LT = "lt"
    NE = "ne"
    NL = "nl"
    NO = "no"
    PL = "pl"
    PT = "pt"
    RO = "ro"
    RU = "ru"
    SR = "sr"
    SV = "sv"
    TA = "ta"
    TR = "tr"


class TopicSpec(msgspec.Struct, frozen=True, tag_field="type", tag="topic", forbid_unknown_fields=True):
    """Finds what a text may not be about, or texts that are about nothing that they may be about."""

    deny: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(
            description="Phrases, in any form of their words. Each place where one stands is a hit."
        ),
    ] = ()
    allow: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(
            description="Phrases of what texts may be about. A text with none of them is a hit as a whole."
        ),
    ] = ()
    except_: Annotated[
        tuple[Phrase, ...],
        msgspec.Meta(description="Phrases within which nothing of `deny` counts: `no legal advice`."),
    ] = msgspec.field(default=(), name="except")
    languages: Annotated[
        tuple[Stems, ...],
        msgspec.Meta(
            min_length=1, description="Languages of the phrases: each is sought in the forms of them all."
        ),
    ] = (Stems.EN,)
    distance: Annotated[
        int,
        msgspec.Meta(ge=0, le=20, description="Other words that may stand between two words of a phrase."),
    ] = 0
    min_words: Annotated[
        int, msgspec.Meta(ge=1, description="With `allow`: shorter texts are about nothing yet, and pass.")
    ] = 6
    label: Label = "TOPIC"

    def detector(self) -> TopicDetector:
        if not (self.deny or self.allow):
            raise SpecError((), "no topic is given", "add `deny` or `allow`, with phrases")
        for key, phrases in (("deny", self.deny), ("allow", self.allow), ("except", self.except_)):
            check_phrases(phrases, key)
            for number, phrase in enumerate(phrases):
                if _UNSPACED.search(phrase):
                    help = "use `type: words` with `match: anywhere`"
                    raise SpecError((key, number), "this script does not part its words", help)
                if not _WORD.search(phrase):
                    raise SpecError((key, number), "phrase has no word", "remove it")
        denied = Phrases(self.deny, self.languages, self.distance)
        for number, phrase in enumerate(self.except_):
            if next(denied.find(phrase, _NEVER), None) is None:
                help = "write the phrase as it is said, what is denied included"
                raise SpecError(("except", number), "nothing of `deny` is in this phrase", help)
        return TopicDetector(self, denied)


class TopicDetector:
    """Stems the words of a text that could be in a phrase, and follows the phrases through it."""

    inspects = True
    reads_loosely = True
    patterns = ()

    def __init__(self, spec: TopicSpec, denied: Phrases) -> None:
        self.name = "topic"
        self._label = spec.label
        self._least = spec.min_words
        self._denied = denied
        self._allowed = Phrases(spec.allow, spec.languages, spec.distance) if spec.allow else None
        self._excused = Phrases(spec.except_, spec.languages, spec.distance) if spec.except_ else None
        longest = max(
            (len(_WORD.findall(one)) for one in (*spec.deny, *spec.allow, *spec.except_)), default=1
        )
        self.reach = longest * (spec.distance + 1) * _WORD_CHARS

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        is_allowed = self._allowed is None
        for view in views:
            fresh = view.fresh(self.reach)
            for start, end in [(0, len(view.text))] if fresh is None else fresh:
                text = view.text[start:end]
                for first, last, number in self._hits(text, deadline):
                    yield view.hit(
                        first + start, last + start, self._label, why=f"phrase {number + 1} of `deny`"
                    )
                if self._allowed is not None and not is_allowed:
                    is_allowed = next(self._allowed.find(text, deadline), None) is not None
        text = views[0].text
        if not is_allowed and sum(1 for _ in _WORD.finditer(text)) >= self._least:
            start = len(text) - len(text.lstrip())
            yield views[0].hit(start, len(text.rstrip()), self._label, why="nothing of `allow`")

    def _hits(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, int]]:
        found = list(self._denied.find(text, deadline))
        if found and self._excused is not None:
            excuses = Excuses((start, end) for start, end, _ in self._excused.find(text, deadline))
            found = [one for one in found if not excuses.cover(one[0], one[1])]
        yield from found


class _Step(msgspec.Struct, frozen=True):
    """A stem is word number `place` of the phrase kept as sequence `sequence`."""

    sequence: int
    place: int


class _Reached(msgspec.Struct, frozen=True):
    """How far a phrase has come: its last word's number and sentence, and where its first word begins."""

    word: int
    sentence: int
    start: int


class Phrases:
    """Phrases as sequences of stems, and where in a text they stand."""

    def __init__(self, phrases: Sequence[str], languages: Sequence[Stems], distance: int) -> None:
        """`distance`: other words that may stand between two neighbouring words of a phrase."""
        self._languages = tuple(languages)
        self._distance = distance
        self._lengths: list[int] = []
        self._phrases: list[int] = []  # by sequence
        self._steps: dict[tuple[Stems, str], list[_Step]] = {}
        for number, phrase in enumerate(phrases):
            for language in self._languages:
                words = _WORD.findall(phrase)
                for place, word in enumerate(words):
                    steps = self._steps.setdefault((language, stem(language, word)), [])
                    steps.append(_Step(len(self._lengths), place))
                self._lengths.append(len(words))
                self._phrases.append(number)
        for steps in self._steps.values():
            # The last words first, so that one word of the text is not taken for two of a phrase.
            steps.sort(key=lambda one: -one.place)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, int]]:
        """Start, end and number of each phrase that stands in the text, at its tightest; by their ends.

        Time is linear in the length of the text. Raises `CannotJudge` at the deadline.
        """
        known = self._known(text)
        if not known:
            return
        reached: dict[tuple[int, int], _Reached] = {}
        word = sentence = 0
        for number, match in enumerate(_TOKEN.finditer(text)):
            if number % _CHECK_EVERY == 0:
                deadline.check()
            if match["word"] is None:
                sentence += 1
                continue
            word += 1
            told: set[int] = set()
            for step in known.get(match[0], ()):
                start = match.start()
                if step.place:
                    before = reached.get((step.sequence, step.place - 1))
                    if (
                        before is None
                        or before.sentence != sentence
                        or word - before.word > self._distance + 1
                    ):
                        continue
                    start = before.start
                if step.place + 1 < self._lengths[step.sequence]:
                    reached[step.sequence, step.place] = _Reached(word, sentence, start)
                elif (phrase := self._phrases[step.sequence]) not in told:
                    told.add(phrase)  # the same in several languages
                    yield start, match.end(), phrase

    def _known(self, text: str) -> Mapping[str, list[_Step]]:
        """The words of a text that are in a phrase, with where they are in it."""
        known = {}
        for word in set(_WORD.findall(text)):
            steps = [
                step
                for language in self._languages
                for step in self._steps.get((language, stem(language, word)), ())
            ]
            if steps:
                known[word] = steps
        return known


_ALGORITHMS = {
    Stems.AR: "arabic",
    Stems.CA: "catalan",
    Stems.CS: "czech",
    Stems.DA: "danish",
    Stems.DE: "german",
    Stems.EL: "greek",
    Stems.EN: "english",
    Stems.ES: "spanish",
    Stems.ET: "estonian",
    Stems.EU: "basque",
    Stems.FA: "persian",
    Stems.FI: "finnish",
    Stems.FR: "french",
    Stems.GA: "irish",
    Stems.HI: "hindi",
    Stems.HU: "hungarian",
    Stems.HY: "armenian",
    Stems.ID: "indonesian",
    Stems.IT: "italian",
    Stems.LT: "lithuanian",
    Stems.NE: "nepali",
    Stems.NL: "dutch",
    Stems.NO: "norwegian",
    Stems.PL: "polish",
    Stems.PT: "portuguese",
    Stems.RO: "romanian",
    Stems.RU: "russian",
    Stems.SR: "serbian",
    Stems.SV: "swedish",
    Stems.TA: "tamil",
    Stems.TR: "turkish",
}
_LONGEST = 60
"""Longer runs of letters are no words: they are left as they are."""

_NEVER = Deadline(math.inf)
_stemming = threading.Lock()


@lru_cache(maxsize=len(Stems))
def _stemmer(language: Stems) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(_ALGORITHMS[language])


def stem(language: Stems, word: str) -> str:
    """The stem of a word, lower-case."""
    low = word.lower()
    return low if len(low) > _LONGEST else _stem(language, low)


@lru_cache(maxsize=65_536)
def _stem(language: Stems, low: str) -> str:
    with _stemming:  # a stemmer is not safe to use from several threads
        return str(_stemmer(language).stemWord(low))
