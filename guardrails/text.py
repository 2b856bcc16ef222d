"""Views of a text: as sent, normalised, folded, decoded; each with the way back to the source.

Detectors read every view, so that a value is found however it is written. Offsets always go back to
the text as it was sent: what is masked is the source, never a view.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

import msgspec

from guardrails.model import Hit, Span


class ViewLimits(msgspec.Struct, frozen=True):
    """Bounds of decoding one text: nesting, number of pieces, decoded characters in all."""

    depth: int = 3
    pieces: int = 256
    decoded_chars: int = 2_000_000


class View(msgspec.Struct, frozen=True):
    """One reading of a text. `name` is nested by `/`: `base64/percent` was percent-decoded after base64."""

    name: str
    text: str
    starts: array[int] | None = None  # by character: where its source begins; None for the source itself
    ends: array[int] | None = None
    whole: Span | None = None  # the one source span of a piece that can only be replaced as a whole

    def source_span(self, start: int, end: int) -> Span:
        """The smallest source span whose replacement leaves nothing of `text[start:end]`."""
        if self.whole is not None:
            return self.whole
        if self.starts is None or self.ends is None:
            return Span(start, end)
        if start >= end:
            at = self.starts[start] if start < len(self.starts) else (self.ends[-1] if self.ends else 0)
            return Span(at, at)
        return Span(self.starts[start], self.ends[end - 1])

    def hit(self, start: int, end: int, label: str, score: float = 1.0, why: str = "") -> Hit:
        """A hit at `[start, end)` of this view, put at its place in the source."""
        span = self.source_span(start, end)
        return Hit(span.start, span.end, label, score, self.name, why)


class Views(msgspec.Struct, frozen=True):
    """All views of one text, the source first. `truncated`: a bound stopped the decoding."""

    all: tuple[View, ...]
    truncated: bool = False


class _Budget:
    def __init__(self, limits: ViewLimits) -> None:
        self.pieces = limits.pieces
        self.chars = limits.decoded_chars
        self.exceeded = False

    def take(self, chars: int) -> bool:
        if self.pieces < 1 or self.chars < chars:
            self.exceeded = True
            return False
        self.pieces -= 1
        self.chars -= chars
        return True


def views(text: str, limits: ViewLimits | None = None) -> Views:
    """Every view of `text`. Never raises; time is linear in the text's length."""
    limits = limits or ViewLimits()
    budget = _Budget(limits)
    source = View("source", text)
    found = [source]
    seen = {text}
    level = [source]
    for depth in range(limits.depth + 1):
        following: list[View] = []
        for view in level:
            for decoder in _DECODERS:
                if depth == limits.depth and decoder is not _normalised:
                    if not budget.exceeded and next(decoder(view, _Budget(limits)), None) is not None:
                        budget.exceeded = True
                    continue
                for piece in decoder(view, budget):
                    if piece.text not in seen:
                        seen.add(piece.text)
                        following.append(piece)
        found += following
        level = following
        if not level:
            break
    return Views(tuple(found), budget.exceeded)


def _name(view: View, kind: str) -> str:
    return kind if view.name == "source" else f"{view.name}/{kind}"


_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)

# Letters of other scripts that look like ASCII ones (Unicode TS 39, confusables; Unicode licence).
_FOLD: dict[int, int | str] = dict(
    str.maketrans(
        "абвгеёіјкмнорсԁѕтухһԛԝѡАВЕЅІЈКМНОРСТУХҮԌԚԜαβγεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲոսօցհɑɡıƖꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓠꓡꓢꓣꓪꓫꓬꓮꓰꓲꓳꓴ",
        "a6brееijkmhopcdstyxhqwwABESIJKMHOPCTYXYGQWaByeiкvopruxABEZHIKMNOPTYXcnuoghagilBPDTGKJCZFNLSRWXYAEIOU",
    )
)
_FOLD.update({ord("е"): "e", ord("ё"): "e", ord("к"): "k", ord("κ"): "k", ord("τ"): "t", ord("σ"): "o"})
_FOLD.update(
    {ord("․"): ".", ord("‐"): "-", ord("‑"): "-", ord("–"): "-", ord("−"): "-", ord("⁄"): "/", ord("∕"): "/"}
)


def _normalised(view: View, budget: _Budget) -> Iterator[View]:
    """NFKC without invisible characters, then the same with look-alike letters as ASCII."""
    if view.text.isascii() or view.name.endswith(("normalised", "folded")):
        return
    parts: list[str] = []
    edges: list[tuple[int, int]] = []
    text = view.text
    at, length = 0, len(text)
    while at < length:
        end = at + 1
        char = text[at]
        if char < "\x80" and (end == length or text[end] < "\u0300"):
            parts.append(char)
            edges.append((at, end))
            at = end
            continue
        while (
            end < length
            and (unicodedata.combining(text[end]) or _INVISIBLE.match(text[end]))
            and end - at < 32
        ):
            end += 1
        plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[at:end]))
        plain = "".join(" " if one.isspace() and one not in "\n\r\t" else one for one in plain)
        parts.append(plain)
        edges += [(at, end)] * len(plain)
        at = end
    normal = "".join(parts)
    if normal != text:
        yield _mapped(view, "normalised", normal, edges)
    folded = normal.translate(_FOLD)
    if folded != normal:
        yield _mapped(view, "folded", folded, edges)
    hidden = _tags(view)
    if hidden is not None and budget.take(len(hidden.text)):
        yield hidden


_TAG_RUN = re.compile("[\U000e0020-\U000e007e]{3,}")


def _tags(view: View) -> View | None:
    """ASCII that is hidden in tag characters."""
    places = [at for run in _TAG_RUN.finditer(view.text) for at in range(*run.span())]
    if not places:
        return None
    plain = "".join(chr(ord(view.text[at]) - 0xE0000) for at in places)
    return _mapped(view, "tags", plain, [(at, at + 1) for at in places])


def _mapped(view: View, kind: str, text: str, edges: list[tuple[int, int]]) -> View:
    """A view whose character `i` comes from `edges[i]` of `view`."""
    if view.whole is not None:
        return View(_name(view, kind), text, whole=view.whole)
    starts, ends = array("I"), array("I")
    for start, end in edges:
        span = view.source_span(start, end)
        starts.append(span.start)
        ends.append(span.end)
    return View(_name(view, kind), text, starts, ends)


def _in_place(
    kind: str, expression: re.Pattern[str], decode: Callable[[str], str | None]
) -> Callable[..., Iterator[View]]:
    """A decoder that rewrites every escape where it stands, so that its neighbours stay connected."""

    def decoder(view: View, budget: _Budget) -> Iterator[View]:
        parts: list[str] = []
        edges: list[tuple[int, int]] = []
        at = 0
        changed = False
        for match in expression.finditer(view.text):
            plain = decode(match.group())
            if plain is None:
                continue
            if not changed and not budget.take(len(view.text)):
                return
            changed = True
            parts += (view.text[at : match.start()], plain)
            edges += [(one, one + 1) for one in range(at, match.start())]
            edges += [match.span()] * len(plain)
            at = match.end()
        if changed:
            parts.append(view.text[at:])
            edges += [(one, one + 1) for one in range(at, len(view.text))]
            yield _mapped(view, kind, "".join(parts), edges)

    return decoder


def _percent(run: str) -> str | None:
    return unquote_to_bytes(run).decode("utf-8", "replace")


_DIGITS = re.compile(r"\\[uUx]\{?([0-9A-Fa-f]+)")


def _escape(run: str) -> str | None:
    simple = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "/": "/", '"': '"', "'": "'", "\\": "\\"}
    if run[1] in "uUx":
        try:
            # Surrogate pairs come as two escapes in one run.
            data = b"".join(
                chr(int(one, 16)).encode("utf-16-le", "surrogatepass") for one in _DIGITS.findall(run)
            )
            return data.decode("utf-16-le", "replace")
        except (ValueError, OverflowError):
            return None
    return simple.get(run[1])


def _entity(run: str) -> str | None:
    plain = html.unescape(run)
    return None if plain == run else plain


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,76})*={0,2}")
_HEX = re.compile(r"(?<![A-Za-z0-9])(?:0x)?(?:[0-9A-Fa-f]{2}){8,}(?![A-Za-z0-9])")


def _base64(view: View, budget: _Budget) -> Iterator[View]:
    for match in _BASE64.finditer(view.text):
        run = match.group()
        data = re.sub(r"[\r\n=]", "", run).translate(str.maketrans("-_", "+/"))
        if data.isalpha() and (data.islower() or data.isupper()):
            continue  # a long word
        try:
            # A short sample first: most such runs in code are identifiers, paths and hashes.
            if _printable(base64.b64decode(data[:16])) is None:
                continue
            plain = _printable(
                base64.b64decode(data[: len(data) - (len(data) % 4 == 1)] + "=" * (-len(data) % 4))
            )
        except binascii.Error:
            continue
        if plain is not None:
            yield from _piece(view, "base64", match.span(), plain, budget)


def _hex(view: View, budget: _Budget) -> Iterator[View]:
    for match in _HEX.finditer(view.text):
        digits = match.group().removeprefix("0x")
        plain = _printable(bytes.fromhex(digits))
        if plain is not None:
            yield from _piece(view, "hex", match.span(), plain, budget)


def _piece(view: View, kind: str, at: tuple[int, int], plain: str, budget: _Budget) -> Iterator[View]:
    if budget.take(len(plain)):
        # Replacing a part of the run would garble the rest: it goes as a whole.
        yield View(_name(view, kind), plain, whole=view.source_span(*at))


def _printable(data: bytes) -> str | None:
    """The text that bytes spell, None when they spell none."""
    cut = data
    for _ in range(4):  # a sample may end within a character
        try:
            text = cut.decode("utf-8")
            break
        except UnicodeDecodeError as error:
            if error.start < len(cut) - 3:
                return None
            cut = cut[: error.start]
    else:
        return None
    odd = sum(not (char.isprintable() or char in "\n\r\t") for char in text[:4096])
    return text if text and odd * 20 <= min(len(text), 4096) else None


_DECODERS: tuple[Callable[[View, _Budget], Iterator[View]], ...] = (
    _normalised,
    _in_place("percent", re.compile(r"(?:%[0-9A-Fa-f]{2})+"), _percent),
    _in_place(
        "unicode_escape",
        re.compile(
            r"(?:\\u[0-9A-Fa-f]{4})+|\\u\{[0-9A-Fa-f]{1,6}\}|\\U000[0-9A-Fa-f]{5}|(?:\\x[0-9A-Fa-f]{2})+|\\[nrtbf/\"'\\]"
        ),
        _escape,
    ),
    _in_place(
        "html_entity",
        re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"),
        _entity,
    ),
    _base64,
    _hex,
)
