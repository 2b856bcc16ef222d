"""Views for reading content only: leetspeak, spaced letters, text without markup, and text that markup hides.

They guess: `sh1p` may be a name, and `a b c` a list. So rules about personal data and secrets never read
them, and they are not made of a text that arrives bit by bit, where a guess could change with what comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from guardrails import markup
from guardrails.evidence import Patterns
from guardrails.text import View, edited

_LEET = dict(zip("0134578@$!|+", "oieastbasilt", strict=True))
_ELLS = {"1": "l", "!": "l"}
"""A `1` is an `i` or an `l`: both are read."""

_WORD = re.compile(r"[A-Za-z0134578@$!|+]{3,40}(?![\w@$!|+])")
_PART_OF_WORD = frozenset("_@$!|+")
_LONGEST = 40

_LETTER = r"[^\W\d_]"
_SPACED = re.compile(rf"(?<!\w){_LETTER}(?:[ \t._*-]{{1,4}}{_LETTER}(?!\w)){{5,}}")
_GAP = re.compile(r"[ \t._*-]+")


# Over bytes, one for each character; those beyond Latin-1 are `?`. First where leetspeak could be: a digit or
# sign between letters or before some. Then whether letters are spaced, and whether words have marks within.
_SIGN = "[0134578@$!|+]"
_EITHER = "[A-Za-z0134578$@]"
_ANY = r"[A-Za-z\x80-\xff?]"
_evidence = Patterns(
    (
        rf"[A-Za-z]{_SIGN}{{1,3}}[A-Za-z]|[^A-Za-z0-9_@$!|+.\-][0134578$][A-Za-z]{_EITHER}|^[0134578$][A-Za-z]{_EITHER}",
    ),
    once=False,
)
_present = Patterns(
    (
        rf"(?:^|[^A-Za-z0-9_\x80-\xff?]){_ANY}(?:[ \t._*\-]{{1,4}}{_ANY}){{5}}(?:[^A-Za-z0-9_\x80-\xff]|$)",
        r"[A-Za-z0-9\x80-\xff?](?:\*{1,3}|__|~~|`)[A-Za-z0-9\x80-\xff?]|<[A-Za-z/!]",
    ),
    once=True,
)


def loose_views(seen: Sequence[View]) -> list[View]:
    """More views of a text, made from the one that is normalised. Time is linear in its length.

    Raises `EvidenceError` when the pass fails.
    """
    base = next((view for view in seen if view.name == "normalised"), seen[0])
    data = base.text.encode("latin-1", "replace")
    present = {number for number, _ in _present.ends(data)}
    found = [*_leet(base, [end for _, end in _evidence.ends(data)])]
    if 0 in present:
        found += _spaced(base)
    return [*found, *_markup(base, marked=1 in present)]


def _leet(base: View, ends: Sequence[int]) -> Iterator[View]:
    """The text with digits and signs in words as letters, given where such words could be."""
    text = base.text
    places: list[int] = []
    after = 0
    for end in ends:
        if end <= after:
            continue
        start = end - 1
        while start > after and end - start <= _LONGEST and _is_word(text[start - 1]):
            start -= 1
        word = _WORD.match(text, start)
        after = max(end, word.end() if word else end)
        if word:
            said = word[0].rstrip("!|+")  # what ends a word is a sign after all
            if sum(map(str.isalpha, said)) * 3 >= len(said):
                places += [start + place for place, char in enumerate(said) if char in _LEET]
    if not places:
        return
    tables = [_LEET]
    if any(text[place] in _ELLS for place in places):
        tables.append(_LEET | _ELLS)
    for table in tables:
        chars = list(text)
        for place in places:
            chars[place] = table[text[place]]
        yield edited(base, "leet", "".join(chars), (), places)


def _is_word(char: str) -> bool:
    return char.isalnum() or char in _PART_OF_WORD


def _spaced(base: View) -> Iterator[View]:
    edits = []
    for run in _SPACED.finditer(base.text):
        gaps = [gap.span() for gap in _GAP.finditer(base.text, run.start(), run.end())]
        # Where letters are one apart, what is wider stands between words.
        narrow = min(end - start for start, end in gaps)
        edits += [(start, end, "" if end - start == narrow else " ") for start, end in gaps]
    if edits:
        yield edited(base, "spaced", base.text, edits, ())


def _markup(base: View, *, marked: bool) -> Iterator[View]:
    text = base.text
    edits = markup.unmarked(text) if marked else []
    if edits:
        yield edited(base, "unmarked", text, edits, ())
    if not markup.may_hide(text):
        return
    hidden = markup.concealed(text)
    if hidden:
        at = 0
        cuts = []
        for one in hidden:
            cuts += [(at, one.start, "\n" if at else "")]
            at = one.end
        cuts.append((at, len(text), ""))
        yield edited(base, "concealed", text, cuts)
