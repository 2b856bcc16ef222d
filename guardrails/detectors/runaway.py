"""`type: length` and `type: repeat`: texts that are too long, and output that runs away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec

from guardrails.detectors.base import Deadline, Match, SpecError
from guardrails.detectors.tokens import Tokens
from guardrails.model import Hit
from guardrails.text import View

_WORD = re.compile(r"\S+")
_RUN = re.compile(r"(\w)\1+")
_LINE = re.compile(r"\n")
_CHECK_EVERY = 4_096


Limit = Annotated[int, msgspec.Meta(ge=1, description="The most that may be.")]


class LengthSpec(msgspec.Struct, frozen=True, tag_field="type", tag="length", forbid_unknown_fields=True):
    """Finds what a text has beyond a length. Each text counts by itself.

    Characters are Unicode code points, words are runs without white space, tokens those of `tokenizer`.
    """

    max_chars: Limit | None = None
    max_words: Limit | None = None
    max_lines: Limit | None = None
    max_tokens: Limit | None = None
    tokenizer: Annotated[
        str | None,
        msgspec.Meta(
            min_length=1, description="The model's `tokenizer.json`, beside the policy: it counts the tokens."
        ),
    ] = None

    def placed(self, folder: Path) -> LengthSpec:
        """This block with the path in it taken as relative to `folder`."""
        if self.tokenizer is None:
            return self
        return msgspec.structs.replace(self, tokenizer=str(folder / self.tokenizer))

    def detector(self) -> LengthDetector:
        if (self.max_tokens is None) != (self.tokenizer is None):
            raise SpecError((), "tokens are counted by a tokenizer", "give both `max_tokens` and `tokenizer`")
        if (self.max_chars, self.max_words, self.max_lines, self.max_tokens) == (None,) * 4:
            raise SpecError(
                (), "no length is given", "add `max_chars`, `max_words`, `max_lines` or `max_tokens`"
            )
        return LengthDetector(self)


class LengthDetector:
    """The hit spans what is beyond the limit."""

    inspects = True
    patterns = ()

    def __init__(self, spec: LengthSpec) -> None:
        """Raises `SpecError` when the tokenizer is missing or cannot be read."""
        self._spec = spec
        self._tokens = None if spec.tokenizer is None else Tokens(Path(spec.tokenizer))
        # What is remembered of texts hangs on the tokenizer: the name stands for it in the set's digest.
        self.name = "length" if self._tokens is None else f"length {self._tokens.fingerprint}"

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        source = views[0]
        text = source.text
        spec = self._spec
        if spec.max_chars is not None and len(text) > spec.max_chars:
            yield source.hit(spec.max_chars, len(text), "TOO_LONG", why="characters")
        for limit, unit, why in ((spec.max_words, _WORD, "words"), (spec.max_lines, _LINE, "lines")):
            if limit is None:
                continue
            deadline.check()
            # The first word beyond the limit, or the line break before the first such line.
            skipped = limit if unit is _WORD else limit - 1
            beyond = next(islice(unit.finditer(text), skipped, None), None)
            if beyond is not None and (unit is _WORD or beyond.end() < len(text)):
                yield source.hit(beyond.start(), len(text), "TOO_LONG", why=why)
        if self._tokens is not None and spec.max_tokens is not None:
            place = self._tokens.beyond(text, spec.max_tokens, deadline)
            if place is not None:
                yield source.hit(place, len(text), "TOO_LONG", why="tokens")


class RepeatSpec(msgspec.Struct, frozen=True, tag_field="type", tag="repeat", forbid_unknown_fields=True):
    """Finds output that says the same again and again."""

    times: Annotated[int, msgspec.Meta(ge=3, description="From so many repetitions in a row on.")] = 12
    min_chars: Annotated[int, msgspec.Meta(ge=10, description="Least characters of the whole stretch.")] = 200
    max_period: Annotated[
        int, msgspec.Meta(ge=1, le=1_000, description="Most words of what is repeated.")
    ] = 100

    def detector(self) -> RepeatDetector:
        return RepeatDetector(self)


class RepeatDetector:
    """Looks for words that are those of one distance before, for long enough; and for runs of one letter."""

    inspects = True
    patterns = ()

    def __init__(self, spec: RepeatSpec) -> None:
        self.name = "repeat"
        self._spec = spec

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        source = views[0]
        if len(source.text) < self._spec.min_chars:
            return
        for match in _RUN.finditer(source.text):
            if match.end() - match.start() >= max(self._spec.min_chars, self._spec.times):
                yield source.hit(match.start(), match.end(), "REPEATED", why="one letter")
        for start, end, period in self._stretches(source.text, deadline):
            if end - start >= self._spec.min_chars:
                yield source.hit(start, end, "REPEATED", why=f"every {period} words")

    def _stretches(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, int]]:
        """Maximal stretches in which each word is the one `period` words before, often enough."""
        last: dict[str, int] = {}
        spans: list[tuple[int, int]] = []
        words: list[str] = []
        period = matched = 0
        for number, match in enumerate(_WORD.finditer(text)):
            if number % _CHECK_EVERY == 0:
                deadline.check()
            word = match[0]
            if period and word == words[number - period]:
                matched += 1
            else:
                yield from self._closed(words, spans, period, matched)
                distance = number - last.get(word, number)
                period, matched = (distance, 1) if 0 < distance <= self._spec.max_period else (0, 0)
            words.append(word)
            spans.append(match.span())
            last[word] = number
        yield from self._closed(words, spans, period, matched)

    def _closed(
        self, words: Sequence[str], spans: Sequence[tuple[int, int]], period: int, matched: int
    ) -> Iterator[tuple[int, int, int]]:
        """The stretch of the last `matched` words, if it is long enough."""
        wanted = period * (self._spec.times - 1)
        if not period or matched < wanted - period:
            return
        # A word that recurs within what is repeated misled the search for a while.
        first = len(words) - matched
        while first > period and matched < wanted + period and words[first - 1] == words[first - 1 - period]:
            first -= 1
            matched += 1
        if matched >= wanted:
            yield spans[first - period][0], spans[-1][1], period
