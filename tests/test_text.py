"""Views: what each shows, and the way back to the source."""

from __future__ import annotations

import base64
import html.entities
import json
import random
import re
import string
import sys
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.model import Span
from guardrails.text import View, ViewLimits, views

WORD = "alice@example.com"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


def _selectors(text: str) -> str:
    return "".join(chr(0xE0100 + one - 16) if one > 15 else chr(0xFE00 + one) for one in text.encode())


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": _base64,
    "base64 unpadded": lambda text: _base64(text).rstrip("="),
    "base64 url-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 wrapped": lambda text: base64.encodebytes((text + " " * 90).encode()).decode(),
    "base64 utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex upper": lambda text: text.encode().hex().upper(),
    "hex colons": lambda text: text.encode().hex(":"),
    "hex 0x": lambda text: ", ".join(f"0x{one:02x}" for one in text.encode()),
    "hex dump": lambda text: (text + " " * (len(text) % 2)).encode().hex(" ", 2),
    "percent": lambda text: "".join(f"%{one:02X}" for one in text.encode()),
    "percent some": lambda text: quote(text, safe=string.ascii_letters).replace("a", "%61"),
    "percent u": lambda text: "".join(f"%u{ord(char):04x}" for char in text),
    "u": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "u braces": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "U": lambda text: "".join(f"\\U{ord(char):08x}" for char in text),
    "x": lambda text: "".join(f"\\x{one:02x}" for one in text.encode()),
    "octal": lambda text: "".join(f"\\{ord(char):03o}" for char in text),
    "decimal entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "hex entities": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "bare entities": lambda text: "".join(f"&#{ord(char)}" for char in text),
    "tags": _tags,
    "variation": _selectors,
    "zero width": "\u200b".join,
    "fullwidth": _fullwidth,
    "colour": lambda text: f"{text[:3]}\x1b[01;31m{text[3:6]}\x1b[m{text[6:]}",
}
DECODING = [
    name for name in ENCODINGS if name not in {"tags", "variation", "zero width", "fullwidth", "colour"}
]


def find(text: str, word: str) -> list[tuple[View, int]]:
    """The first place of a word in each view that has it."""
    return [(view, view.text.index(word)) for view in views(text).all if word in view.text]


# text, view, text of the view, word in it, source it stands for
TABLE = [
    ('k = "ab" + "cd"', "joined", 'k = "abcd"', "abcd", 'ab" + "cd'),
    ("k = 'ab'\n    'cd'", "joined", "k = 'abcd'", "abcd", "ab'\n    'cd"),
    ('$k = "ab" .\n  "cd"', "joined", '$k = "abcd"', "abcd", 'ab" .\n  "cd'),
    ("K=ab\\\ncd", "joined", "K=abcd", "abcd", "ab\\\ncd"),
    ('"a\\x62" + "cd"', "escapes", '"abcd"', "abcd", 'a\\x62" + "cd'),
    ("a\u200bb\u00adc", "normalised", "abc", "abc", "a\u200bb\u00adc"),
    ("x\u200babc\u200by", "normalised", "xabcy", "abc", "abc"),
    ("\u202ecode\u202c!", "normalised", "code!", "code", "code"),
    ("ａ\u3000ｂ", "normalised", "a b", "a b", "ａ\u3000ｂ"),
    ("oﬃce", "normalised", "office", "f", "ﬃ"),
    ("cafe\u0301s", "normalised", "cafés", "é", "e\u0301"),
    ("e\u200b\u0301x", "normalised", "éx", "é", "e\u200b\u0301"),
    ("\u1112\u1161\u11ab", "normalised", "한", "한", "\u1112\u1161\u11ab"),
    ("4\ufe0f\u20e3 ok", "folded", "4 ok", "4", "4\ufe0f\u20e3"),
    ("a\x1b[31mb\x1b[0mc", "normalised", "abc", "abc", "a\x1b[31mb\x1b[0mc"),
    ("k\x00ey", "normalised", "key", "key", "k\x00ey"),
    ("раураl", "folded", "paypal", "paypal", "раураl"),
    ("ALІCE \u0406", "folded", "ALICE I", "I", "І"),
    ("٤١١١", "folded", "4111", "41", "٤١"),
    ("s\u0336e\u0336c", "folded", "sec", "sec", "s\u0336e\u0336c"),
    ("hi" + _tags("evil word"), "tags", "evil word", "word", _tags("word")),
    ("hi" + _selectors("evil words"), "variation", "evil words", "evil", _selectors("evil words")),
    ("to alice%40example.com!", "percent", f"to {WORD}!", WORD, "alice%40example.com"),
    ("%61%6c", "percent", "al", "l", "%6c"),
    ("%C3%A9%E2%82%AC", "percent", "é€", "€", "%E2%82%AC"),
    ("%E9t", "percent", "ét", "é", "%E9"),
    ("\\u0061lice", "unicode_escape", "alice", "ali", "\\u0061li"),
    ("\\ud83d\\ude00!", "unicode_escape", "\U0001f600!", "\U0001f600", "\\ud83d\\ude00"),
    ("\\ud83d!", "unicode_escape", "\ufffd!", "\ufffd", "\\ud83d"),
    ("\\xc3\\xa9t\\101", "unicode_escape", "étA", "é", "\\xc3\\xa9"),
    ('{\\"a\\": \\"b\\nc\\"}', "unicode_escape", '{"a": "b\nc"}', '"b\nc"', '\\"b\\nc\\"'),
    (
        "x\\n4111111111111111",
        "unicode_escape",
        "x\n4111111111111111",
        "4111111111111111",
        "4111111111111111",
    ),
    ("a &amp; b &lt c", "html_entity", "a & b < c", "&", "&amp;"),
    ("al&#105;ce&#x40;x", "html_entity", "alice@x", "ice@", "&#105;ce&#x40;"),
    ("%41 &amp; \\u0042", "escapes", "A & B", "B", "\\u0042"),
    (f"see {_base64(WORD)}.", "base64", WORD, "alice", _base64(WORD)),
    (f"id/x-{_base64(WORD)}.", "base64", WORD, "alice", _base64(WORD)),
    (f"a x{_base64(WORD)}", "base64", WORD, "alice", _base64(WORD)),
    (f"see {WORD.encode().hex()}.", "hex", WORD, "alice", WORD.encode().hex()),
    (_base64(quote(WORD)), "base64/percent", WORD, "example", _base64(quote(WORD))),
    (
        quote(_base64(WORD + "?~~"), safe=""),
        "percent/base64",
        WORD + "?~~",
        "alice",
        quote(_base64(WORD + "?~~"), safe=""),
    ),
    ("%2561b", "percent/percent", "ab", "a", "%2561"),
]


@pytest.mark.parametrize(
    ("text", "name", "shown", "word", "source"),
    TABLE,
    ids=[f"{row[1]}-{row[0][:12]!a}" for row in TABLE],
)
def test_a_view_shows_what_is_written_and_where(
    text: str, name: str, shown: str, word: str, source: str
) -> None:
    """Each disguise has a view with the plain text, whose words map back to just what spells them."""
    view = next(view for view in views(text).all if view.name == name)
    at = view.text.index(word)
    span = view.source_span(at, at + len(word))

    assert view.text == shown
    assert text[span.start : span.end] == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words, 12:30, a_b-c/d\n\ttab",
        'print("%d %5.2f %02x\\n", a & b)  # C:\\temp',
        "Straße, naïve café, 日本語, привет"[:22],
        "0123456789abcdef0123456789abcdef",
        "someQuiteLongIdentifierName another_long_identifier_name /usr/share/some/long/path",
        "550e8400-e29b-41d4-a716-446655440000 4111 1111 1111 1111",
    ],
)
def test_a_plain_text_has_one_view(text: str) -> None:
    """What needs no decoding is read once."""
    seen = views(text)

    assert [view.name for view in seen.all] == ["source"]
    assert seen.all[0].text is text
    assert not seen.truncated


def test_the_source_maps_to_itself() -> None:
    """Offsets of the source view are offsets of the text; a hit carries the view's name."""
    view = View("source", "hello")

    assert view.source_span(1, 3) == Span(1, 3)
    assert view.source_span(4, 99) == Span(4, 5)
    assert view.hit(1, 3, "L", 0.5, "w").span == Span(1, 3)
    assert view.hit(1, 3, "L").view == "source"


def test_copies_of_one_code_are_pieces_of_their_own() -> None:
    """A value that is encoded twice is found, and can be masked, twice."""
    code = _base64(WORD)
    spans = {view.source_span(0, 5) for view in views(f"{code} {code}").all if view.name == "base64"}

    assert spans == {Span(0, len(code)), Span(len(code) + 1, 2 * len(code) + 1)}


@pytest.mark.parametrize("width", [24, 64, 76])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n    "])
def test_wrapped_base64_is_one_piece(width: int, newline: str) -> None:
    """Lines of one width, the last of which may be shorter, are decoded and masked together."""
    code = _base64("a long text, " * 20 + WORD)
    wrapped = newline.join(code[at : at + width] for at in range(0, len(code), width))
    view = next(view for view in views(f"start\n{wrapped}\nend of it").all if WORD in view.text)
    span = view.source_span(0, 1)

    assert span.start == 6
    assert 6 + len(wrapped) <= span.end


def test_lines_that_are_codes_of_their_own_are_read_one_by_one() -> None:
    """A list of codes of the same length is not only read as if it were one wrapped code."""
    codes = [_base64(name + "@example.com") for name in ("alice1", "bobby2")]
    shown = {view.text for view in views("\n".join(codes)).all}

    assert {"alice1@example.com", "bobby2@example.com"} <= shown


@pytest.mark.parametrize("kind", ENCODINGS)
def test_a_needle_is_found_in_every_encoding_and_gone_once_replaced(kind: str) -> None:
    """Replacing the source span of a hit leaves the value in no view."""
    _assert_removable(ENCODINGS[kind])


# As they are written here, these spell ASCII only; wrapping and colour are for the outermost text.
ASCII_ONLY = {"octal", "percent u", "u", "base64 utf-16"}
NESTED = [
    (outer, inner)
    for outer in DECODING
    for inner in ENCODINGS
    if outer != "base64 wrapped"
    and inner not in {"base64 wrapped", "colour"}
    and (outer not in ASCII_ONLY or ENCODINGS[inner]("x" * 8).isascii())
]


@pytest.mark.parametrize(("outer", "inner"), NESTED)
def test_a_needle_is_found_in_nested_encodings_and_gone_once_replaced(outer: str, inner: str) -> None:
    """Encodings within encodings are undone, and their maps compose."""
    _assert_removable(lambda text: ENCODINGS[outer](ENCODINGS[inner](text)))


def _assert_removable(encode: Callable[[str], str]) -> None:
    needle = "Nee9dle-7Zq4.x@w"
    text = f"before it {encode(needle + ' ')} after it"
    hits = find(text, needle)
    assert hits
    for view, at in hits:
        span = view.source_span(at, at + len(needle))
        masked = f"{text[: span.start]}X{text[span.end :]}"
        assert not find(masked, needle), view.name
        assert masked.startswith("before it ")
        assert masked.endswith(" after it")


def test_three_encodings_deep_is_read_and_a_fourth_is_reported() -> None:
    """What lies deeper than the limit is never taken for nothing."""
    code = WORD + " is the word"
    for _ in range(3):
        code = _base64(code)

    assert find(code, WORD)
    assert not views(code).truncated
    assert views(_base64(code)).truncated
    assert views("%41", ViewLimits(depth=0)).truncated
    assert not views("A", ViewLimits(depth=0)).truncated


def test_json_in_json_in_json_is_not_too_deep() -> None:
    """Backslashes that only quote do not count as hidden text."""
    text = 'say "secret" word'
    for _ in range(5):
        text = json.dumps(text)

    assert not views(text).truncated


def test_too_many_pieces_are_reported_and_the_first_are_read() -> None:
    """The limits of pieces and characters stop the decoding, keep what there is, and say so."""
    codes = " ".join(_base64(f"user{number:05}@example.com") for number in range(300))
    some = views(codes, ViewLimits(pieces=10))
    short = views(_base64("word " * 1000), ViewLimits(decoded_chars=100))

    assert some.truncated
    assert [view.text for view in some.all[1:]] == [f"user{number:05}@example.com" for number in range(10)]
    assert short.truncated
    assert short.all[1].text == "word " * 20


def test_escapes_of_several_kinds_in_different_places_are_no_nesting() -> None:
    """A long text with a few escapes of each kind is read completely."""
    text = '%41 &amp; \\u0042 \\\\\\" &amp;lt; %2541 ' * 3

    assert not views(text).truncated


def test_normalising_is_nfkc() -> None:
    """Every character on its own, and with a mark on it, reads as Unicode says."""
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        expected = unicodedata.normalize("NFKC", char)
        if expected == char or len(expected) > 8 or unicodedata.category(char) in {"Cf", "Zs", "Mn"}:
            continue
        if point in {0x3164, 0xFFA0, 0x2800, 0x1680}:
            continue
        assert any(view.text == f"x {expected}" for view in views(f"x {char}").all), hex(point)


@given(st.text(st.characters(categories=["L", "N", "M"], max_codepoint=0xFFFF), max_size=20))
def test_clusters_compose_as_nfkc_does(text: str) -> None:
    """Composition reaches over all marks of a character."""
    invisible = re.compile(
        "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufdfa\ufdfb]"
    )
    text = "x" + invisible.sub("", text)
    expected = unicodedata.normalize("NFKC", text)
    shown = {view.name: view.text for view in views(text).all}

    assert shown.get("normalised", text) == expected


HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cf", "Mn", "Cc"]),
        st.sampled_from("\\%&#;ux0123456789abcdefABCDEF+/=-_\n\r \"'{}"),
    ),
    max_size=200,
)
CODED = st.recursive(
    HOSTILE,
    lambda inner: st.builds(
        lambda name, text, tail: ENCODINGS[name](text.encode("utf-8", "replace").decode()) + tail,
        st.sampled_from([name for name in ENCODINGS if name not in {"octal", "tags", "fullwidth"}]),
        inner,
        HOSTILE,
    ),
    max_leaves=4,
)


@given(CODED, st.randoms(use_true_random=False))
def test_spans_lie_in_the_source_and_grow_with_the_hit(text: str, choose: random.Random) -> None:
    """Any string has views; their spans are in bounds, and a wider hit never has a narrower span."""
    seen = views(text)
    assert seen.all[0].text == text
    for view in seen.all:
        size = len(view.text)
        a, b, c, d = sorted(choose.randint(0, size) for _ in range(4))
        outer, inner = view.source_span(a, d), view.source_span(b, c)
        assert 0 <= outer.start <= outer.end <= len(text)
        assert b == c or outer.covers(inner)
        assert a == d or outer.start < outer.end
        assert view.source_span(a, b).start <= view.source_span(c, d).start or b in {a, c} or c == d


@given(st.text(max_size=60), st.sampled_from(list(ENCODINGS)), st.text(max_size=60))
def test_a_needle_among_any_text_is_gone_once_replaced(before: str, kind: str, after: str) -> None:
    """Whatever stands around an encoded value, its span covers it."""
    needle = "Nee9dle-7Zq4.x@w"
    text = f"{before} {ENCODINGS[kind](needle + ' ')} {after}"
    for view, at in find(text, needle):
        span = view.source_span(at, at + len(needle))
        assert not find(f"{text[: span.start]}X{text[span.end :]}", needle)


@pytest.mark.parametrize(
    "text",
    [
        "\ud800" * 100,
        "\\ud800" * 10,
        "\0" * 100,
        "&#99999999999;&#0;&#xD800;&nosuch;",
        "%FF%FE%u" + "%" * 50,
        "\\uZZZZ\\U99999999\\u{fffffff}\\x",
        "A" * 17 + "=",
        "=" * 40,
        "\u0301" * 100,
        "e" + "\u0301\u0316" * 5000,
        "\ufdfa" * 100,
        "\U000e0041\ud800" * 9,
        "\x1b[" + "0" * 100,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_no_text_is_too_odd(text: str) -> None:
    """Broken codes are read as far as they go."""
    for view in views(text).all:
        assert view.source_span(0, len(view.text)).end <= len(text)


def test_named_entities_are_those_of_html() -> None:
    """Every closed entity of HTML is decoded."""
    for name, plain in html.entities.html5.items():
        if name.endswith(";") and plain.isascii() and plain.isprintable():
            assert views(f"a &{name} b").all[-1].text == f"a {plain} b"


@pytest.mark.parametrize(
    "text", ["Перевод на карту завтра", "合言葉は開けゴマです、忘れないで", "mot de passe: é1à2"]
)
@pytest.mark.parametrize("encode", [_base64, lambda text: text.encode().hex()])
@pytest.mark.parametrize("before", ["", "see ", "x/", "合"])
def test_what_is_not_ascii_is_decoded_too(text: str, encode: Callable[[str], str], before: str) -> None:
    """Any run of forty base64 digits or sixteen hexadecimal ones is read, whatever its language."""
    assert find(f"{before}{encode(text)} after", text)


def test_an_invisible_character_far_away_hides_no_escapes():
    """What is escaped is read wherever the text needs normalising."""
    text = "".join(f"\\u{ord(char):04x}" for char in "zelda@example.com") + " and so on" * 300 + "a\u200bb"

    assert any("zelda@example.com" in view.text for view in views(text).all)
