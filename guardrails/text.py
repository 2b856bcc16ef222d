"""Views of a text: as sent, normalised, folded, decoded; each with the way back to the source.

Detectors read every view, so that a value is found however it is written. Offsets always go back to
the text as it was sent: what is masked is the source, never a view.

There are three sorts of views. A *reading* is the whole text without disguise (`normalised`,
`folded`) or what it hides in invisible characters (`tags`, `variation`). An *unescaped* view is the
whole text with its escapes decoded where they stand, so that neighbours stay connected (`percent`,
`unicode_escape`, `html_entity`, `joined` for strings written in pieces, `escapes` for several kinds at
once). A *piece* is one encoded run,
decoded (`base64`, `hex`); it can only be replaced as a whole, because changing a part of a run
garbles the rest. Each sort is a tuple of small functions below: a new encoding is one more entry.
"""

from __future__ import annotations

import binascii
import heapq
import html
import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from operator import itemgetter

import msgspec

from guardrails import evidence
from guardrails.evidence import Evidence
from guardrails.model import Hit, Span


class ViewLimits(msgspec.Struct, frozen=True):
    """Bounds of decoding one text: encodings within one another, pieces, and decoded characters in all."""

    depth: int = 3
    pieces: int = 256
    decoded_chars: int = 2_000_000


class _Edits(msgspec.Struct, frozen=True):
    """Where a view differs from its parent: stretch `i` of the one stands for stretch `i` of the other.

    Between the stretches both run in step, one character for one.
    """

    view_starts: array[int]
    view_ends: array[int]
    starts: array[int]
    ends: array[int]

    def start(self, at: int) -> int:
        """Where the parent's text for the view's character `at` begins."""
        edit = bisect_right(self.view_starts, at) - 1
        if edit < 0:
            return at
        if at < self.view_ends[edit]:
            return self.starts[edit]
        return self.ends[edit] + at - self.view_ends[edit]

    def end(self, at: int) -> int:
        """Where the parent's text for the view's character `at` ends."""
        edit = bisect_right(self.view_starts, at) - 1
        if edit < 0:
            return at + 1
        if at < self.view_ends[edit]:
            return self.ends[edit]
        return self.ends[edit] + at - self.view_ends[edit] + 1


class View(msgspec.Struct, frozen=True):
    """One reading of a text. `name` is nested by `/`: `base64/percent` was percent-decoded after base64.

    `parent`, `edits` and `whole` are the way back: all None for the source itself; `whole` alone for
    what can only be replaced as a whole; `parent`, with `edits` where their offsets differ, for the rest.
    `swaps` are the places where one character stands for one other of the parent; None: not known.
    `cut` says that the first and the last edit leave out what stands before and after in the parent.
    """

    name: str
    text: str
    parent: View | None = None
    edits: _Edits | None = None
    whole: Span | None = None
    swaps: tuple[tuple[int, int], ...] | None = None
    cut: tuple[bool, bool] = (False, False)

    def source_span(self, start: int, end: int) -> Span:
        """The smallest source span whose replacement leaves nothing of `text[start:end]`.

        Offsets beyond the text are taken as its nearest edge.
        """
        if self.whole is not None:
            return self.whole
        view = self
        start = min(max(start, 0), len(view.text))
        end = min(max(end, start), len(view.text))
        while view.parent is not None:
            if view.edits is not None:
                if start < end:
                    start, end = view.edits.start(start), view.edits.end(end - 1)
                else:
                    start = end = view.edits.start(start)
            view = view.parent
            if view.whole is not None:
                return view.whole
        return Span(start, end)

    def place_of(self, at: int) -> int:
        """The first of the view's characters that stands for the parent's character `at` or a later one."""
        if self.edits is None:
            return min(at, len(self.text))
        low, high = 0, len(self.text)
        while low < high:
            middle = (low + high) // 2
            if self.edits.start(middle) >= at:
                high = middle
            else:
                low = middle + 1
        return low

    def fresh(self, reach: int) -> list[tuple[int, int]] | None:
        """The stretches of the text that are within `reach` characters of what the parent does not show.

        Ascending, apart from one another. None: all of it is new.
        """
        if self.edits is None or self.swaps is None:
            return None
        edits = zip(self.edits.view_starts, self.edits.view_ends, strict=True)
        kept = islice(edits, self.cut[0], len(self.edits.starts) - self.cut[1])
        places = heapq.merge(kept, self.swaps)
        length = len(self.text)
        found: list[tuple[int, int]] = []
        for start, end in places:
            first, last = max(0, start - reach), min(length, end + reach)
            if found and first <= found[-1][1]:
                found[-1] = (found[-1][0], last)
            else:
                found.append((first, last))
        return found

    def changed(self) -> int:
        """How many characters of the parent the view shows otherwise, as far as edits tell."""
        if self.edits is None:
            return 0
        kept = slice(self.cut[0], len(self.edits.starts) - self.cut[1])
        return sum(self.edits.ends[kept]) - sum(self.edits.starts[kept])

    def hit(self, start: int, end: int, label: str, score: float = 1.0, why: str = "") -> Hit:
        """A hit at `[start, end)` of this view, put at its place in the source."""
        span = self.source_span(start, end)
        return Hit(span.start, span.end, label, score, self.name, why)


class Views(msgspec.Struct, frozen=True):
    """All views of one text, the source first. `truncated`: a bound stopped the decoding."""

    all: tuple[View, ...]
    truncated: bool = False


_DEFAULT_LIMITS = ViewLimits()


def views(text: str, limits: ViewLimits = _DEFAULT_LIMITS) -> Views:
    """Every view of `text`. Takes any string, lone surrogates included; time is linear in its length."""
    search = _Search(text, limits)
    level = search.read([search.found[0]])
    for _ in range(limits.depth):
        level = search.read(search.decode(level))
        if not level:
            break
    return Views(tuple(search.found), search.exceeded or search.has_more(level))


_REACH = 1_024
"""How near to something new an encoding must be to be new itself."""


class _Search:
    """The views found so far and what may still be decoded."""

    def __init__(self, text: str, limits: ViewLimits) -> None:
        self.found = [View("source", text)]
        self.exceeded = False
        self._seen: set[tuple[Span | None, str]] = {(None, text)}
        self._evidence: dict[int, tuple[bytes, Evidence]] = {}  # by id of a view in `found`
        self._pieces = limits.pieces
        self._chars = limits.decoded_chars

    def read(self, level: list[View]) -> list[View]:
        """The views of a level together with their readings; texts seen before are left out."""
        known = list(level)
        for view in level:
            for reading in _readings(view, self._look(view)[1]):
                if self._is_new(reading):
                    self.found.append(reading)
                    known.append(reading)
        return known

    def decode(self, level: list[View]) -> list[View]:
        """What one more decoding of each view gives, as far as the limits allow."""
        fresh: list[View] = []
        plain = {id(view.parent) for view in level if _last(view.name) == "normalised"}
        for view in level:
            # The folded view is for reading only, and what is normalised is unescaped in that form.
            if _last(view.name) == "folded":
                continue
            data, evidence = self._look(view)
            if id(view) not in plain:
                fresh += self._take(_unescaped(view, self._escapes(view)), as_one=True)
            fresh += self._take(_pieces(view, data, evidence))
        self.found += fresh
        return fresh

    def has_more(self, level: list[View]) -> bool:
        """Whether something encoded is left in the deepest level."""
        for view in level:
            if _last(view.name) == "folded":
                continue
            data, evidence = self._look(view)
            if _has_escapes(view.text, self._escapes(view)) or any(
                (piece.whole, piece.text) not in self._seen for piece in _pieces(view, data, evidence)
            ):
                return True
        return False

    def _look(self, view: View) -> tuple[bytes, Evidence]:
        """The view's text, one byte for one character, and what it could hide."""
        looked = self._evidence.get(id(view))
        if looked is None:
            # Bytes are searched and translated far faster than characters, whatever the text.
            data = view.text.encode("latin-1", "replace")
            fresh = view.fresh(_REACH)
            near = data if fresh is None else b"\n".join(data[start:end] for start, end in fresh)
            looked = self._evidence[id(view)] = (data, evidence.look(near))
        return looked

    def _escapes(self, view: View) -> Evidence:
        """What speaks for escapes: of a normalised view, which stands in for its parent, the parent's too."""
        own = self._look(view)[1]
        if view.parent is None or _last(view.name) != "normalised":
            return own
        before = self._look(view.parent)[1]
        return msgspec.structs.replace(
            own,
            percent=own.percent or before.percent,
            backslash=own.backslash or before.backslash,
            entity=own.entity or before.entity,
            in_pieces=own.in_pieces or before.in_pieces,
        )

    def _take(self, found: Iterator[View], *, as_one: bool = False) -> Iterator[View]:
        """Those that are new, as far as the limits allow; `as_one`: together they are one piece."""
        for number, view in enumerate(found):
            if not self._is_new(view):
                continue
            # An unescaped view of the source is as long as the source; only what it decodes is news.
            cost = len(view.text) if view.edits is None else len(view.edits.starts)
            if self._pieces < 1 or self._chars < 1:
                self.exceeded = True
                return
            self._pieces -= not as_one or number == 0
            if cost > self._chars:
                self.exceeded = True
                if view.edits is None:
                    view = msgspec.structs.replace(view, text=view.text[: self._chars])
            self._chars -= cost
            yield view

    def _is_new(self, view: View) -> bool:
        key = (view.whole, view.text)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


_Edit = tuple[int, int, str]  # replace [start, end) by the text


WINDOW = 8_500
"""More characters than any pattern's match with the context of its proof."""


def _excerpts(
    view: View, kind: str, base: str, edits: Sequence[_Edit], swaps: Sequence[int] | None
) -> Iterator[View]:
    """The edited view; where little of a long text is new, a view for each of the parts around what is."""
    length = len(base)
    if length < 4 * WINDOW or swaps is None or view.whole is not None:
        yield edited(view, kind, base, edits, swaps)
        return
    parts: list[tuple[int, int]] = []
    for start, end in heapq.merge(((one[0], one[1]) for one in edits), ((one, one + 1) for one in swaps)):
        first, last = max(0, start - WINDOW), min(length, end + WINDOW)
        if parts and first <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(last, parts[-1][1]))
        else:
            parts.append((first, last))
    if sum(last - first for first, last in parts) * 2 > length:
        yield edited(view, kind, base, edits, swaps)
        return
    for first, last in parts:
        inside = edits[
            bisect_left(edits, first, key=itemgetter(0)) : bisect_left(edits, last, key=itemgetter(0))
        ]
        before = [(0, first, "")] if first else []
        after = [(last, length, "")] if last < length else []
        own = swaps[bisect_left(swaps, first) : bisect_left(swaps, last)]
        cut = (bool(before), bool(after))
        yield edited(view, kind, base, [*before, *inside, *after], own, cut)


def edited(
    view: View,
    kind: str,
    base: str,
    edits: Iterable[_Edit],
    swaps: Sequence[int] | None = None,
    cut: tuple[bool, bool] = (False, False),
) -> View:
    """A view of `base`, which is as long as `view.text`, with sorted edits; overlapping ones are dropped.

    `swaps` are the ascending places where `base` differs from `view.text`; None: not known.
    """
    parts: list[str] = []
    view_starts, view_ends, starts, ends = array("I"), array("I"), array("I"), array("I")
    at = length = 0
    for start, end, plain in edits:
        if start < at:
            continue
        parts.append(base[at:start])
        parts.append(plain)
        length += start - at
        if view.whole is None:
            view_starts.append(length)
            view_ends.append(length + len(plain))
            starts.append(start)
            ends.append(end)
        length += len(plain)
        at = end
    parts.append(base[at:])
    text = "".join(parts)
    if view.whole is not None:
        return View(_name(view, kind), text, whole=view.whole)
    stretches = _Edits(view_starts, view_ends, starts, ends)
    moved = None if swaps is None else tuple(_moved(swaps, stretches))
    return View(_name(view, kind), text, view, stretches, swaps=moved, cut=cut)


def _moved(places: Iterable[int], edits: _Edits) -> Iterator[tuple[int, int]]:
    """The view's spans of single characters of its parent, but for those within edits."""
    edit, by = 0, 0
    for place in places:
        while edit < len(edits.ends) and edits.ends[edit] <= place:
            by = edits.view_ends[edit] - edits.ends[edit]
            edit += 1
        if edit == len(edits.starts) or place < edits.starts[edit]:
            yield place + by, place + by + 1


def _name(view: View, kind: str) -> str:
    """`source` is not spelt in a nested name, and neither is what a reading was made from."""
    outer, _, last = view.name.rpartition("/")
    if (kind in {"normalised", "folded"} and last == "normalised") or view.name == "source":
        return f"{outer}/{kind}" if outer else kind
    return f"{view.name}/{kind}"


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _readings(view: View, seen: Evidence) -> Iterator[View]:
    """The readings of a view that differ from it. Costs next to nothing for plain ASCII."""
    if view.text.isascii() and not seen.control:
        return
    normal = _normalised(view, seen)
    if normal.text != view.text:
        yield normal
        yield from _hidden(view)  # what is hidden is removed from the normalised text
    if not normal.text.isascii():
        yield from _folded(normal)


_ASCII = bytes(range(0x80))


def beyond_ascii(text: str) -> str:
    """The characters beyond ASCII alone: one fast pass that most often saves several slow ones."""
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def _strange(text: str) -> set[int]:
    return set(map(ord, set(beyond_ascii(text))))


def _places(text: str, points: Iterable[int]) -> list[int]:
    """Where the characters stand: for a few characters far faster than an expression is."""
    places: list[int] = []
    for point in points:
        char = chr(point)
        at = text.find(char)
        while at >= 0:
            places.append(at)
            at = text.find(char, at + 1)
    places.sort()
    return places


_FEW = 24


_SPARSE = 256


def _swapped(
    text: str, strange: set[int], table: dict[int, str], runs: re.Pattern[str]
) -> tuple[str, list[int] | None]:
    """The text with characters of the table replaced, one for one, and where: None for nearly everywhere.

    `strange` are the characters beyond ASCII in the text, `runs` matches those in the table. No
    replacement is in the table.
    """
    found = strange & table.keys()
    if len(found) > _FEW or sum(text.count(chr(point)) for point in found) * _SPARSE > len(text) + _SPARSE:
        return runs.sub(lambda run: run[0].translate(table), text), None
    places = _places(text, found)
    for point in found:
        text = text.replace(chr(point), table[point])
    return text, places


def _classes(ranges: Iterable[tuple[int, int]]) -> str:
    """The inside of a character class."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


# Terminal output highlights what was searched for: the codes stand in the midst of a value.
_CONTROL = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_NO_CONTROLS = bytes((9, 10, 13, *range(32, 127), *range(128, 256)))

_INVISIBLE_RANGES = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),  # zero-width characters and direction marks
    (0x202A, 0x202E),  # bidi embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, bidi isolates
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags, more variation selectors
)
_INVISIBLE = re.compile(f"[{_classes(_INVISIBLE_RANGES)}]+")
_LINE_BREAKS = {0x0085: "\n", 0x2028: "\n", 0x2029: "\n"}
_SPACES = {0x1680: " ", 0x2800: " "}
# Ranges where no character changes under NFKC or joins the one before it: CJK, Hangul syllables,
# surrogates, private use, and planes with nothing assigned. Reading them at import would take long.
_STEADY = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xD800, 0xF8FF), (0x1F900, 0x1FBEF), (0x20000, 0x2F7FF))
_MOST = 8  # a character that stands for more (one ligature for eighteen) stays as it is


def _surveyed() -> Iterator[int]:
    first = 0x80
    for start, end in (*_STEADY, (0x2FA20, 0x10FFFF)):
        yield from range(first, start)
        first = end + 1


def _joins(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff" or char in "\uff9e\uff9f"


def _survey() -> tuple[dict[int, str], set[int]]:
    """Characters that NFKC turns into one other, and those that need their neighbours or grow."""
    single: dict[int, str] = {**_LINE_BREAKS, **_SPACES}
    cluster: set[int] = set()
    for first, last in _INVISIBLE_RANGES:
        cluster.update(range(first, last + 1))
    for point in _surveyed():
        char = chr(point)
        plain = unicodedata.normalize("NFKC", char)
        if point in cluster or point in single or len(plain) > _MOST:
            continue
        if len(plain) > 1 or _joins(char) or _joins(plain):
            cluster.add(point)
        elif plain != char:
            single[point] = plain
    return single, cluster


def _ranges(points: Iterable[int], gap: int = 0) -> list[tuple[int, int]]:
    """Code points as ranges; holes of up to `gap` are taken in."""
    ranges: list[tuple[int, int]] = []
    for point in sorted(points):
        if ranges and point - ranges[-1][1] <= gap + 1:
            ranges[-1] = (ranges[-1][0], point)
        else:
            ranges.append((point, point))
    return ranges


def _run_of(points: Iterable[int]) -> re.Pattern[str]:
    """Runs of the characters. Beyond the BMP it is coarse: many ranges there would slow every search."""
    points = list(points)
    ranges = _ranges(point for point in points if point < 0x10000)
    ranges += _ranges((point for point in points if point >= 0x10000), gap=0x800)
    return re.compile(f"[{_classes(ranges)}]+")


_SINGLE, _CLUSTERED = _survey()
_SINGLE_RUN = _run_of(_SINGLE)
_CLUSTER_RUN = _run_of(_CLUSTERED)


def _normalised(view: View, seen: Evidence) -> View:
    """NFKC by character and its marks; without invisible characters and terminal codes."""
    stripped = seen.control
    if stripped:
        view = edited(view, "normalised", view.text, _control_edits(view.text))
    # One for one first: it leaves the offsets alone.
    strange = _strange(view.text)
    base, swaps = _swapped(view.text, strange, _SINGLE, _SINGLE_RUN)
    edits = _cluster_edits(base, strange & _CLUSTERED)
    # Where it was stripped first its parent is no view that anybody reads: all of it is new.
    normal = edited(view, "normalised", base, edits, None if stripped else swaps)
    return view if normal.text == view.text else normal


def _control_edits(text: str) -> Iterator[_Edit]:
    """Removes control characters, and terminal codes as a whole."""
    found = text.encode("latin-1", "replace").translate(None, _NO_CONTROLS)
    for place in _places(text, set(found)):
        match = _CONTROL.match(text, place)
        if match:
            yield *match.span(), ""


def _cluster_runs(text: str, found: set[int]) -> Iterator[tuple[int, int]]:
    """The runs of characters that vanish or compose, of which the text has those `found`."""
    if len(found) > _FEW:
        yield from (run.span() for run in _CLUSTER_RUN.finditer(text))
        return
    start = end = -1
    for place in _places(text, found):
        if place != end:
            if end >= 0:
                yield start, end
            start = place
        end = place + 1
    if end >= 0:
        yield start, end


def _cluster_edits(text: str, found: set[int]) -> Iterator[_Edit]:
    """Removes invisible characters and composes clusters (a character and the marks on it)."""
    done = 0
    for start, end in _cluster_runs(text, found):
        if _INVISIBLE.fullmatch(text, start, end):
            yield start, end, ""
        else:
            # The character before carries the first marks.
            yield from _clusters(text, start - 1 if start > done else start, end)
        done = end


def _clusters(text: str, start: int, end: int) -> Iterator[_Edit]:
    first = last = start  # the cluster is what can be seen of text[first:last]
    seen: list[str] = []
    for at in range(start, end):
        char = text[at]
        if _hides(char):
            continue
        # Longer clusters are no text, and composing takes quadratic time in some.
        if seen and (len(seen) >= 32 or not _adheres(char)):
            yield from _composed(text, first, last, seen)
            seen = []
        if not seen:
            if last < at:
                yield last, at, ""
            first = at
        seen.append(char)
        last = at + 1
    if seen:
        yield from _composed(text, first, last, seen)
    if last < end:
        yield last, end, ""


def _composed(text: str, first: int, last: int, seen: list[str]) -> Iterator[_Edit]:
    plain = _compose("".join(seen))
    if plain != text[first:last]:
        yield first, last, plain


@lru_cache(maxsize=4096)
def _compose(cluster: str) -> str:
    plain = unicodedata.normalize("NFKC", cluster)
    return plain if len(plain) <= max(_MOST, 2 * len(cluster)) else cluster


@lru_cache(maxsize=4096)
def _hides(char: str) -> bool:
    return _INVISIBLE.match(char) is not None


@lru_cache(maxsize=4096)
def _adheres(char: str) -> bool:
    return _joins(char)


def joins_or_hides(char: str) -> bool:
    """Whether a character belongs to the one before it or cannot be seen."""
    return _hides(char) or _adheres(char)


def _confusables() -> dict[int, str]:
    """Characters that look like ASCII, with what they look like."""
    table: dict[int, str] = {}
    lines = files("guardrails.catalogue").joinpath("confusables.tsv").read_text("utf-8").splitlines()
    for line in lines:
        if not line.startswith("#"):
            point, plain, _ = line.split("\t")
            table[int(point, 16)] = plain
    return table


_CONFUSABLES = _confusables()
_LOOK_ALIKE = {point: plain for point, plain in _CONFUSABLES.items() if len(plain) == 1}
_LOOK_ALIKE_RUN = _run_of(_LOOK_ALIKE)
# Marks struck through or over letters, where NFKC found no letter to make of them.
_MARKS = {
    point
    for first, last in (
        (0x0300, 0x036F),
        (0x0483, 0x0489),
        (0x1AB0, 0x1AFF),
        (0x1DC0, 0x1DFF),
        (0x20D0, 0x20FF),
        (0xFE20, 0xFE2F),
    )
    for point in range(first, last + 1)
}
_FOLDED = _CONFUSABLES.keys() | _MARKS
_RESIZING = _FOLDED - _LOOK_ALIKE.keys()
_RESIZED = re.compile(
    f"[{''.join(chr(point) for point in sorted(_CONFUSABLES) if point not in _LOOK_ALIKE)}]"
    f"|[{_classes(_ranges(_MARKS))}]+"
)


def _folded(normal: View) -> Iterator[View]:
    """A normalised view with look-alikes as ASCII, where it has any."""
    strange = _strange(normal.text)
    if strange.isdisjoint(_FOLDED):
        return
    base, swaps = _swapped(normal.text, strange, _LOOK_ALIKE, _LOOK_ALIKE_RUN)
    resized: list[_Edit] = []
    if not strange.isdisjoint(_RESIZING):
        resized = [
            (match.start(), match.end(), _CONFUSABLES.get(ord(match[0][0]), ""))
            for match in _RESIZED.finditer(normal.text)
        ]
    for folded in _excerpts(normal, "folded", base, resized, swaps):
        if folded.text != normal.text:
            yield folded


_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_HIDING = {*range(0xE0020, 0xE007F), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}


def _hidden(view: View) -> Iterator[View]:
    """What is spelt in characters that a reader does not see."""
    strange = _strange(view.text)
    if strange.isdisjoint(_HIDING):
        return
    runs = [match.span() for match in _TAGS.finditer(view.text)]
    if runs:
        base = _TAGS.sub(lambda run: "".join(chr(ord(char) - 0xE0000) for char in run[0]), view.text)
        # Letters may be strewn among visible text, or each run be a text of its own.
        for gap in ("", "\n")[: len(runs)]:
            yield edited(view, "tags", base, _gaps(runs, len(view.text), gap))
    for run in _SELECTORS.finditer(view.text):
        points = map(ord, run[0])
        data = bytes(one - 0xFE00 if one < 0xFE10 else one - 0xE0100 + 16 for one in points)
        plain = _readable(data)
        if plain is not None:
            yield View(_name(view, "variation"), plain, whole=view.source_span(*run.span()))


def _gaps(runs: list[tuple[int, int]], length: int, between: str) -> Iterator[_Edit]:
    """Removes everything but the runs."""
    at = 0
    for start, end in runs:
        yield at, start, between if at else ""
        at = end
    yield at, length, ""


def _unescaped(view: View, seen: Evidence) -> Iterator[View]:
    """The view with its escapes decoded in place, all kinds at once.

    One view for all kinds, so that what is nested is what is written within one another: escapes of
    several kinds in different places of a long text are no nesting.
    """
    found = [(kind, edits) for kind, shows, find in _ESCAPES if shows(seen) and (edits := find(view.text))]
    if len(found) == 1:
        yield from _excerpts(view, found[0][0], view.text, found[0][1], ())
    elif found:
        edits = sorted(edit for _, edits in found for edit in edits)
        yield from _excerpts(view, "escapes", view.text, edits, ())


def _has_escapes(text: str, seen: Evidence) -> bool:
    """Whether escapes are left that hide what they spell."""
    # Backslashes of JSON in JSON in JSON are no disguise: the words between them are readable.
    return bool(
        (seen.percent and _percent(text))
        or (seen.entity and _entities(text))
        or (seen.backslash and _CODED_ESCAPE.search(text))
    )


_HIGH_PERCENT = r"%[89A-Fa-f][0-9A-Fa-f]"
_PERCENT = re.compile(rf"%(?:[0-7][0-9A-Fa-f]|u[0-9A-Fa-f]{{4}}|[89A-Fa-f][0-9A-Fa-f](?:{_HIGH_PERCENT})*)")


def _percent(text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    for match in _PERCENT.finditer(text):
        run = match[0]
        if run[1] == "u":
            edits.append((*match.span(), _character(run[2:])))
        elif len(run) == 3 and run[1] < "8":
            char = chr(int(run[1:], 16))
            # `%02d` and its like are formats.
            if char.isprintable() or char in "\t\n\r":
                edits.append((*match.span(), char))
        else:
            edits += _utf8_edits(match.start(), run.replace("%", ""), 3)
    return edits


def _utf8_edits(start: int, digits: str, width: int) -> Iterator[_Edit]:
    """One edit for each character of a run of bytes, each spelt in `width` characters."""
    data = bytes.fromhex(digits)
    try:
        plain = data.decode("utf-8")
    except UnicodeDecodeError:
        plain = data.decode("latin-1")
        sizes = [1] * len(plain)
    else:
        sizes = [len(char.encode()) for char in plain]
    for char, size in zip(plain, sizes, strict=True):
        yield start, start + size * width, char
        start += size * width


def _character(digits: str) -> str:
    """The character with this number; the replacement character when there is none."""
    point = int(digits, 16)
    return "\ufffd" if point > 0x10FFFF or 0xD800 <= point < 0xE000 else chr(point)


_BACKSLASH = re.compile(
    r"\\(?:"
    r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,8}\}|U[0-9A-Fa-f]{8}"
    r"|x[0-7][0-9A-Fa-f]|x[89A-Fa-f][0-9A-Fa-f](?:\\x[89A-Fa-f][0-9A-Fa-f])*"
    r"|[0-3][0-7]{2}"
    r"|[nrtbf/\"'\\]"
    r")"
)
_CODED = r"\\(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2})"
_CODED_ESCAPE = re.compile(_CODED)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def _backslash(text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    for match in _BACKSLASH.finditer(text):
        run = match[0]
        if len(run) == 2:
            edits.append((*match.span(), _SHORT.get(run[1], run[1])))
        elif run[1] == "x":
            edits += _utf8_edits(match.start(), run.replace("\\x", ""), 4)
        elif run[1] not in "uU":
            edits.append((*match.span(), chr(int(run[1:], 8))))
        elif len(run) == 12:
            pair = bytes.fromhex(run[2:6] + run[8:])
            edits.append((*match.span(), pair.decode("utf-16-be")))
        else:
            edits.append((*match.span(), _character(run[2:].strip("{}"))))
    return edits


# HTML closes numbers, and a few names that every page has, without a semicolon too.
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,64};?|#[xX][0-9A-Fa-f]{1,64};?|[A-Za-z][A-Za-z0-9]{1,31};|(?:amp|lt|gt|quot)(?![A-Za-z0-9=]))"
)


def _entities(text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    for match in _ENTITY.finditer(text):
        plain = _entity(match[0])
        if plain != match[0]:
            edits.append((*match.span(), plain))
    return edits


@lru_cache(maxsize=1024)
def _entity(run: str) -> str:
    return html.unescape(run)


_AND_ON = r"[ \t]{0,4}(?:\\?\r?\n[ \t]{0,80})?"  # to the next piece, perhaps in the next line
_OPERATOR = rf"{_AND_ON}(?:\+\+?|\.\.?|&|\|\||<>|~){_AND_ON}"
_PIECED = re.compile(
    r"(?<=[A-Za-z0-9_/+=.@-])"
    rf"(?:[\"'`](?:{_OPERATOR}|[ \t]{{0,4}}\\?\r?\n[ \t]{{0,80}})[\"'`]|\\\r?\n)"
    r"(?=[A-Za-z0-9_/+=.@-])"
)


def _pieced(text: str) -> list[_Edit]:
    """Takes away what parts a string in pieces, `"ab" + "cd"`, and the breaks of words that go on."""
    edits: list[_Edit] = []
    at = 0
    for end in evidence.joints(text.encode("latin-1", "replace")):
        for match in _PIECED.finditer(text, max(at, end - evidence.JOINT), end):
            edits.append((*match.span(), ""))
            at = match.end()
    return edits


# Name, whether the evidence speaks for it, and the decoder.
_ESCAPES: tuple[tuple[str, Callable[[Evidence], bool], Callable[[str], list[_Edit]]], ...] = (
    ("percent", lambda seen: seen.percent, _percent),
    ("unicode_escape", lambda seen: seen.backslash, _backslash),
    ("html_entity", lambda seen: seen.entity, _entities),
    ("joined", lambda seen: seen.in_pieces, _pieced),
)


def _pieces(view: View, data: bytes, seen: Evidence) -> Iterator[View]:
    """The encoded runs of a view that decode to readable text."""
    for kind, shows, find in _CODINGS:
        if shows(seen):
            for start, end, plain in find(view.text, data):
                yield View(_name(view, kind), plain, whole=view.source_span(start, end))


def _kinds(kinds: dict[bytes, bytes]) -> bytes:
    """A table that translates the characters of each value to its key, others to a dot."""
    table = bytearray(b"." * 256)
    for kind, members in kinds.items():
        for member in members:
            table[member] = kind[0]
    return bytes(table)


_HEX_DIGITS = b"0123456789abcdefABCDEF"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64_KINDS = _kinds({b"k": b"0123456789+/-_" + _LETTERS})
_HEX_KINDS = _kinds({b"w": _LETTERS, b"x": b"xX", b"k": _HEX_DIGITS, b" ": b" \t\r\n,;:-"})
_LEAST = b"k" * 16
_MORE = re.compile(b"k+")


def _runs(kinds: bytes) -> Iterator[tuple[int, int]]:
    """The runs of sixteen and more."""
    at = kinds.find(_LEAST)
    while at >= 0:
        match = _MORE.match(kinds, at)
        end = match.end() if match else at + len(_LEAST)
        yield at, end
        at = kinds.find(_LEAST, end)


_PADDING = re.compile("={0,2}")
_NEXT_LINE = re.compile(r"\r?\n[ \t]*([A-Za-z0-9+/_-]+={0,2})(?![A-Za-z0-9+/_=-])")
_SEPARATOR = re.compile(r"[/_+-]")
_DIGIT = re.compile(r"[0-9]")


def _telling_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """The runs of sixteen and more base64 digits that could be encoded text."""
    kinds = data.translate(_BASE64_KINDS)
    end = 0
    for place in evidence.base64_places(data):
        if place >= end:
            start, end = kinds.rfind(b".", end, place) + 1 or end, kinds.find(b".", place)
            end = len(kinds) if end < 0 else end
            if end - start >= len(_LEAST):
                yield start, end


def _base64(text: str, data: bytes) -> Iterator[_Edit]:
    done = 0
    for start, last in _telling_runs(data):
        # No text encodes to one case only: it is a word or a path.
        if start < done or (run := text[start:last]).islower() or run.isupper():
            continue
        padding = _PADDING.match(text, last)
        end = padding.end() if padding else last
        lines = _wrapped(text, start, end) if text[end : end + 1] in {"\n", "\r"} else [(start, end)]
        done = lines[-1][1]
        joined = _unwrapped(text, lines) if len(lines) > 1 else None
        if joined:
            yield joined
        # Two codes of one length, one below the other, look like one that is wrapped.
        if not joined or len(lines) <= 4:
            for line in lines:
                if line[1] - line[0] >= len(_LEAST):
                    yield from _line(text, *line)


def _wrapped(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The lines of one width that follow, the last of which may be shorter."""
    lines = [(start, end)]
    width = end - start
    while match := _NEXT_LINE.match(text, lines[-1][1]):
        if match.end(1) - match.start(1) > width:
            break
        lines.append(match.span(1))
        if match.end(1) - match.start(1) < width or match[1].endswith("="):
            break
    return lines


def _unwrapped(text: str, lines: list[tuple[int, int]]) -> _Edit | None:
    for count in (len(lines), len(lines) - 1):
        if count > 1:
            plain = _from_base64("".join(text[start:end] for start, end in lines[:count]))
            if plain is not None:
                return lines[0][0], lines[count - 1][1], plain
    return None


def _line(text: str, start: int, end: int) -> Iterator[_Edit]:
    """A run that is base64 from its start, or else after a separator or a few stray characters."""
    run = text[start:end]
    garbled = None  # a code that begins a little later may still decode to mostly text
    for at in _beginnings(run):
        plain = _from_base64(run[at:])
        if plain is not None and "\ufffd" not in plain:
            yield start + at, end, plain
            break
        garbled = garbled or (plain and (start + at, end, plain))
    if garbled:
        yield garbled


def _beginnings(run: str) -> Iterator[int]:
    """Where the code in a run may begin."""
    yield 0
    # Words and paths are everywhere in code; what encodes text has a digit within a few characters.
    if _DIGIT.search(run):
        later = (match.end() for match in islice(_SEPARATOR.finditer(run), 8))
        yield from (at for at in (1, 2, 3, *later) if len(run) - at >= len(_LEAST))


def _from_base64(run: str) -> str | None:
    digits = run.rstrip("=").translate(_STANDARD)
    spare = len(digits) % 4
    if spare == 1:
        digits = digits[:-1]
    try:
        return _readable(binascii.a2b_base64(digits + "=" * (-len(digits) % 4)))
    except binascii.Error:
        return None


_STANDARD = str.maketrans("-_", "+/")

# Of the kinds in `_HEX_KINDS`. It begins with what every match has, which makes the search fast.
_HEX_GROUPS = re.compile(b"kk(?<![kw]kk)(?:kk)?(?: {1,3}(?:kx)?kk(?:kk)?){3,}(?![kwx])")
_NOT_HEX = re.compile(r"0[xX]|[^0-9A-Fa-f]")


def _hex_runs(text: str, data: bytes) -> Iterator[_Edit]:
    kinds = data.translate(_HEX_KINDS)
    for start, end in _runs(kinds):
        # With an odd number of digits, one at either end is not a part of the code.
        for first in (start, start + 1)[: 1 + (end - start) % 2]:
            last = end - (end - first) % 2
            plain = _from_hex(text[first:last])
            if plain is not None:
                yield first, last, plain
                break


def _hex_groups(text: str, data: bytes) -> Iterator[_Edit]:
    kinds = data.translate(_HEX_KINDS)
    for match in _HEX_GROUPS.finditer(kinds):
        start, end = match.span()
        start -= 2 * (text[max(0, start - 2) : start].lower() == "0x")
        plain = _from_hex(_NOT_HEX.sub("", text[start:end]))
        if plain is not None:
            yield start, end, plain


def _from_hex(digits: str) -> str | None:
    if len(digits) < len(_LEAST) or len(digits) % 2:
        return None
    return _readable(bytes.fromhex(digits))


_PLAIN_BYTES = bytes((*range(0x20, 0x7F), 9, 10, 13))
_HIGH_BYTES = bytes(range(0x80, 0x100))


def _readable(data: bytes) -> str | None:
    """The text that bytes spell, None when most of it is no text."""
    size = len(data)
    odd = data.translate(None, _PLAIN_BYTES)
    if not odd:
        return data.decode("ascii") if data else None
    controls = len(odd.translate(None, _HIGH_BYTES))
    if controls * 10 > size:
        # Windows tools encode in UTF-16: every second byte of plain text is zero.
        if size % 2 == 0 and data[1::2].count(0) * 20 >= size * 9 and data[0::2].isascii() and data[0]:
            return data.decode("utf-16-le", "replace")
        return None
    text = data.decode("utf-8", "replace")
    return text if (text.count("\ufffd") + controls) * 10 <= len(text) else None


# Name, whether the evidence speaks for it, and the decoder.
_CODINGS: tuple[tuple[str, Callable[[Evidence], bool], Callable[[str, bytes], Iterable[_Edit]]], ...] = (
    ("base64", lambda seen: seen.base64, _base64),
    ("hex", lambda seen: seen.hex, _hex_runs),
    ("hex", lambda seen: seen.hex_groups, _hex_groups),
)
