"""What HTML and Markdown hide from a reader, and a text without the marks within its words.

A scanner of tags, not a parser of documents: texts are pieces of pages, and broken on purpose. Time is
linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import msgspec


class Hiding(str, Enum):
    """How a text is hidden."""

    COMMENT = "comment"  # of HTML, or of Markdown: `[//]: # (...)`
    STYLE = "style"  # an element that is not shown, of no size, or in the colour of what is behind it
    ATTRIBUTE = "attribute"  # titles and alternative texts, which are seen by few


class Concealed(msgspec.Struct, frozen=True):
    """A hidden text, without white space around it."""

    how: Hiding
    start: int
    end: int


Edit = tuple[int, int, str]

_ATTRIBUTES = r"(?:[^<>\"']|\"[^\"<]{0,4000}\"|'[^'<]{0,4000}')"
_TAG = re.compile(
    rf"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9-]{{0,20}})(?P<rest>(?:[\s/]{_ATTRIBUTES}{{0,400}}+)?)>"
)
_STYLE = re.compile(r"\bstyle\s{0,4}=\s{0,4}(?:\"([^\"]{0,4000})\"|'([^']{0,4000})')", re.IGNORECASE)
_NOT_SHOWN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0?(?:\.0+)?(?![.\d])"
    r"|(?:font-size|max-height|max-width|(?<![\w-])height|(?<![\w-])width)\s*:\s*0(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)"
    r"|font-size\s*:\s*(?:0?\.\d+|1)px|text-indent\s*:\s*-\s*\d{3,}|(?:left|top|right|bottom)\s*:\s*-\s*\d{3,}"
    r"|clip\s*:\s*rect\(\s*0",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?<![\w-])(background(?:-color)?|color)\s*:\s*([^;!]{1,60})", re.IGNORECASE)
_WHITE = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)", "transparent", "rgba(0,0,0,0)"})
_HIDDEN = re.compile(r"(?:^|\s)hidden(?=$|[\s/=])(?!\s*=\s*[\"']?until-found)", re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?:^|\s)(?:alt|title|aria-label|placeholder|summary)\s{0,4}=\s{0,4}(?:\"(?P<one>[^\"]{1,4000})\"|'(?P<two>[^']{1,4000})')",
    re.IGNORECASE,
)
_VOID = frozenset(
    {"img", "br", "hr", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr"}
)
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
    }
    | {"s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"}
)
_IMAGE = re.compile(r"!\[(?P<alt>[^\]\n]{1,1000})\]\(")
_TITLE = re.compile(
    r"\]\([^\s()<>]{1,2000}\s{1,4}(?:\"(?P<one>[^\"\n]{1,1000})\"|'(?P<two>[^'\n]{1,1000})')\)"
)
_NOTE = re.compile(
    r"^[ ]{0,3}\[(?://|comment|_|#)[^\]\n]{0,40}\]:[ \t]{0,4}(?:#|<>)[ \t]{0,4}"
    r"(?:\((?P<one>[^\n]{1,2000})\)|\"(?P<two>[^\n]{1,2000})\")[ \t]{0,8}$",
    re.MULTILINE | re.IGNORECASE,
)
_WORDS = 4
"""A title or alternative text of fewer words is one."""

_MARKS = re.compile(r"\*{1,3}|__|~~|`")


def may_hide(text: str) -> bool:
    """Whether there is anything to look at: a fast look that saves the slow one."""
    return "<" in text or "](" in text or "]:" in text


def concealed(text: str) -> list[Concealed]:
    """The hidden texts, by their places; one in another hidden one is left out."""
    found = sorted(
        (one for one in (*_comments(text), *_elements(text), *_notes(text)) if one.start < one.end),
        key=lambda one: (one.start, -one.end),
    )
    kept: list[Concealed] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def unmarked(text: str) -> list[Edit]:
    """The edits that take out tags, comments and marks of emphasis within words."""
    edits: list[Edit] = [(start, end, "") for start, end in _commented(text)]
    if "<" in text:
        edits += [(*tag.span(), "" if tag["name"].lower() in _INLINE else " ") for tag in _TAG.finditer(text)]
    for mark in _MARKS.finditer(text):
        start, end = mark.span()
        if text[start - 1 : start].isalnum() and text[end : end + 1].isalnum():
            edits.append((start, end, ""))
    edits.sort()
    return edits


def _commented(text: str) -> Iterator[tuple[int, int]]:
    """Comments of HTML, their delimiters included."""
    start = text.find("<!--")
    while start >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            return  # what is never closed is shown
        yield start, end + 3
        start = text.find("<!--", end + 3)


def _comments(text: str) -> Iterator[Concealed]:
    for start, end in _commented(text):
        yield _trimmed(text, Hiding.COMMENT, start + 4, end - 3)


def _elements(text: str) -> Iterator[Concealed]:
    """Hidden elements with what is in them, and what is said in attributes."""
    name = ""
    depth = begin = 0
    for tag in _TAG.finditer(text):
        own = tag["name"].lower()
        if depth:
            if own == name and own not in _VOID and not tag["rest"].endswith("/"):
                depth += -1 if tag["close"] else 1
                if depth == 0:
                    yield _bare(text, begin, tag.start())
            continue
        if tag["close"]:
            continue
        rest = tag["rest"]
        for said in _SPOKEN.finditer(rest):
            first, last = said.span("one" if said["one"] is not None else "two")
            if len(rest[first:last].split()) >= _WORDS:
                yield _trimmed(text, Hiding.ATTRIBUTE, tag.start("rest") + first, tag.start("rest") + last)
        if rest and own not in _VOID and not rest.endswith("/") and _is_hidden(rest):
            name, depth, begin = own, 1, tag.end()
    if depth:
        yield _bare(text, begin, len(text))


def _is_hidden(rest: str) -> bool:
    style = _STYLE.search(rest)
    if style is None:
        return _HIDDEN.search(rest) is not None
    rules = style[1] or style[2] or ""
    if _NOT_SHOWN.search(rules) or _HIDDEN.search(rest[: style.start()] + rest[style.end() :]):
        return True
    colours = {match[1].lower()[:5]: "".join(match[2].lower().split()) for match in _COLOUR.finditer(rules)}
    ink, paper = colours.get("color"), colours.get("backg")
    return ink is not None and (ink == paper or (paper is None and ink in _WHITE))


def _bare(text: str, start: int, end: int) -> Concealed:
    """What an element holds, from its first word to its last: tags at its ends left out."""
    inside = _TAG.sub(lambda tag: " " * len(tag[0]), text[start:end])
    first = len(inside) - len(inside.lstrip())
    return Concealed(Hiding.STYLE, start + first, start + max(first, len(inside.rstrip())))


def _notes(text: str) -> Iterator[Concealed]:
    """What Markdown hides."""
    for note in _NOTE.finditer(text):
        yield _trimmed(text, Hiding.COMMENT, *note.span("one" if note["one"] is not None else "two"))
    for image in _IMAGE.finditer(text):
        if len(image["alt"].split()) >= _WORDS:
            yield _trimmed(text, Hiding.ATTRIBUTE, *image.span("alt"))
    for title in _TITLE.finditer(text):
        span = title.span("one" if title["one"] is not None else "two")
        if len(text[slice(*span)].split()) >= _WORDS:
            yield _trimmed(text, Hiding.ATTRIBUTE, *span)


def _trimmed(text: str, how: Hiding, start: int, end: int) -> Concealed:
    inside = text[start:end]
    first = start + len(inside) - len(inside.lstrip())
    return Concealed(how, first, max(first, start + len(inside.rstrip())))
