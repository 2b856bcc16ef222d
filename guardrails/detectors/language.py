"""`type: language`: which human language a text is in, stretch by stretch.

Each stretch of prose is given to a naive Bayes model over byte n-grams (py3langid, 97 languages). A stretch
that is too short, or that the model is unsure of, is in no language and never a hit; neither is code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import msgspec

from guardrails.detectors.base import Deadline, Match, SpecError
from guardrails.detectors.plainest import plainest
from guardrails.model import Hit
from guardrails.text import View

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_STRETCH = 600
"""Characters from which on a stretch ends with its line."""

_READ = 100
"""Of a long stretch so many characters at its beginning and at its end are read: more makes no difference."""

_LONGEST = 1_000
"""The most characters of a stretch; a longer line is several."""

_LETTERS = 32
"""With fewer letters one cannot tell. Of a script with thousands of them each says more: it counts thrice."""

_LINE = re.compile(rf"[^\n]{{1,{_LONGEST}}}\n?|\n")
# Addresses, identifiers, numbers and the like are of no language.
_NO_WORD = re.compile(r"[^\s\w]*\w*[\d_@/\\=<>{}()\[\]|~^$#&*+:]\S*|\w+[.,;]\w\S*")
_LETTER = re.compile(r"[^\W\d_]")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_SIGN = re.compile(r"[!-@\[-`{-~]")
_STRONG = re.compile(r"[{}\[\]=<>\\|^~$`_;]|\w\(")
_SHARPER = 2
"""The model's probabilities are too even: to this power, what it calls 0.9 is right 99 times in 100."""

_LEAST_SHARE = 0.01
_PROSE = 0.2
"""With less probability of being no code, a stretch is code."""

_SAME = {"nb": "no", "nn": "no", "wuu": "zh", "yue": "zh", "pcm": "en"}
"""Codes that a policy need not tell apart."""

Code = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$", description="ISO 639-1 code.")]


class LanguageSpec(msgspec.Struct, frozen=True, tag_field="type", tag="language", forbid_unknown_fields=True):
    """Finds prose in other languages than the allowed ones, or in denied ones."""

    allow: Annotated[
        tuple[Code, ...],
        msgspec.Meta(description="Languages (`en`, `de`, ...). A stretch in any other is a hit."),
    ] = ()
    deny: Annotated[
        tuple[Code, ...], msgspec.Meta(description="Languages. A stretch in one of them is a hit.")
    ] = ()
    min_score: Annotated[
        float,
        msgspec.Meta(
            ge=0.5,
            le=1.0,
            description="Least probability that the stretch is in none of `allow`, or in `deny`.",
        ),
    ] = 0.9

    def detector(self) -> LanguageDetector:
        if not (self.allow or self.deny):
            raise SpecError((), "no language is given", "add `allow` or `deny`, with codes like `en`")
        known = {_SAME.get(one, one) for one in _identifier().labels}
        for key, codes in (("allow", self.allow), ("deny", self.deny)):
            for number, code in enumerate(codes):
                if _SAME.get(code, code) not in known:
                    raise SpecError((key, number), "this language is not known", "use an ISO 639-1 code")
        return LanguageDetector(self)


class LanguageDetector:
    """Cuts the text into stretches of a few lines and judges each; neighbours in one language are one hit."""

    inspects = True
    patterns = ()

    def __init__(self, spec: LanguageSpec) -> None:
        # It needs numpy: no policy without such a rule is to load it.
        from guardrails.catalogue.code_language import probabilities

        self.name = "language"
        self._allow = frozenset(_SAME.get(one, one) for one in spec.allow)
        self._deny = frozenset(_SAME.get(one, one) for one in spec.deny)
        self._least = spec.min_score
        self._code = probabilities

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        view = plainest(views)
        pending: tuple[int, int, str, float] | None = None
        for start, end in stretches(view.text):
            deadline.check()
            found = self._judge(view.text[start:end])
            if found is None:
                continue
            code, score = found
            if pending is not None and pending[2] == code and not view.text[pending[1] : start].strip():
                pending = (pending[0], end, code, max(score, pending[3]))
                continue
            if pending is not None:
                yield _hit(view, *pending)
            pending = (start, end, code, score)
        if pending is not None:
            yield _hit(view, *pending)

    def _judge(self, text: str) -> tuple[str, float] | None:
        """The language of a stretch that is a hit, with how sure that is."""
        shares = languages(text)
        if not shares:
            return None
        denied = sum(share for code, share in shares.items() if code in self._deny)
        other = (
            sum(share for code, share in shares.items() if code not in self._allow) if self._allow else 0.0
        )
        score = min(max(denied, other), 1.0)
        if score < self._least or self._is_code(text):
            return None
        among = [code for code in shares if code in self._deny or (self._allow and code not in self._allow)]
        return max(among, key=lambda code: shares[code]), score

    def _is_code(self, text: str) -> bool:
        """Whether it is code after all: the words of some programs make up odd languages."""
        return self._code(text)["none"] < _PROSE


def _hit(view: View, start: int, end: int, code: str, score: float) -> Hit:
    return view.hit(start, end, f"LANGUAGE_{code.upper()}", round(score, 4), why=f"prose in `{code}`")


def stretches(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines without a blank one between them, without the white space around them."""
    start = end = -1
    for match in _LINE.finditer(text):
        if match[0].isspace() or (start >= 0 and end - start >= _STRETCH):
            if start >= 0:
                yield start, end
            start = -1
        if not match[0].isspace():
            line = match[0]
            if start < 0:
                start = match.start() + len(line) - len(line.lstrip())
            end = match.start() + len(line.rstrip())
    if start >= 0:
        yield start, end


def languages(text: str) -> Mapping[str, float]:
    """The probable languages of a stretch with their probabilities; empty where one cannot tell."""
    if len(text) > 2 * _READ:
        text = f"{text[:_READ]} {text[-_READ:]}"
    if len(_STRONG.findall(text)) * 30 > len(text) or len(_SIGN.findall(text)) * 5 > len(text):
        return {}  # code, or data
    prose = " ".join(_NO_WORD.sub(" ", text).split())
    if len(_LETTER.findall(prose)) + 2 * len(_DENSE.findall(prose)) < _LETTERS:
        return {}
    shares: dict[str, float] = {}
    for code, share in _identifier().rank(prose):
        if share < _LEAST_SHARE:
            break
        code = _SAME.get(code, code)
        shares[code] = shares.get(code, 0.0) + share**_SHARPER
    total = sum(shares.values())
    return {code: share / total for code, share in shares.items()}


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    # It needs numpy and 4 MB: no policy without such a rule is to load it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
