"""Reads `name = value` pairs where the name tells that the value is a secret.

The shared pass looks for a telling stem (`passw`, `secret`, `token`, `key`, ...), what may stand between
it and a value in the languages people paste (an operator, a comma of a call, an XML bracket, a flag's
space, the `is` of a sentence), and the beginning of a value. Everything else is done here, by hand and
only there: the whole name to the left, the whole value to the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

import msgspec

from guardrails.detectors.base import Match, Pattern

MAX_VALUE = 400
"""The longest value that is read, in characters; credentials without a format are shorter."""

MAX_NAME = 80
CONTEXT = 60
"""How much of the text before a name may name the vendor, in characters."""


class Join(Enum):
    """What joins a name to its value."""

    OPERATOR = "operator"  # `=`, `:`, `=>`, `:=`
    CALL = "call"  # `setPassword("x")`, `put("password", "x")`
    ENTRY = "entry"  # `name: X`, `value: Y`
    ELEMENT = "element"  # `<password>x</password>`
    FLAG = "flag"  # `--password x`
    SENTENCE = "sentence"  # `the password is x`
    SPACE = "space"  # `PASSWORD 'x'`, `ENV TOKEN x`
    CELL = "cell"  # `| password | x |`


class Assignment(msgspec.Struct, frozen=True):
    """A pair. Offsets are of the value, in the text that was read.

    `words` are the name's words in lower case, between single spaces and with one at either end;
    `context` those of the text before it.
    """

    start: int
    end: int
    value: str
    words: str
    context: str
    join: Join
    quoted: bool


_PLAIN_STEMS = (
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "psw",
    "secret",
    "token",
    "cred",
    "key",
    "auth",
    "cookie",
    "sess",
    "bearer",
    "pass",
    "salt",
    "kennwort",
    "contrase",
    "senha",
    "webhook",
)
_SHORT_STEMS = ("pw", "pat", "sig", "sid", "dsn", "jwt", "psk", "otp")
_STRONG = "(?:passw|passphrase|pass|pwd|psw|secret|token|cred|api[_ -]?key|access[_ -]?key)"
_TAIL = r"[\w.$-]{0,40}"
_CLOSE = r"[\\\"'`\])]{0,6}"
_TYPE = r"(?:\[\d{0,4}\]|:?\s{0,2}[&*]?(?:string|str|text|char)[\]?!*&]?)?"
_OPERATOR = r"\s{0,8}(?:[:=?.|+!]{0,3}[=:]>?|->|→)\s{0,20}"
_OPEN = r"[a-z@$]{0,2}\\{0,3}[\"'`]"
_DIGIT = r"(?P<secret>[^\s\"'`\\]{0,40}[0-9])"
_CLOSED = r"(?P<secret>[^\s\"'`\\<>{}()]{6,120})[\"'`\\]"
_BARE = r"[^\s\"'`(){}\[\],;<>\\]"
_BARE_DIGIT = rf"(?P<secret>{_BARE}{{0,40}}[0-9])"


def patterns(names: Iterable[str] = ()) -> tuple[Pattern, ...]:
    """The patterns of the extractor; `names` are further stems (vendors that need no telling word)."""
    more = sorted({re.escape(name.replace(" ", "_")).replace("_", "[_ .-]?") for name in names})
    bare = "|".join([*_PLAIN_STEMS, *more])
    stem = rf"(?:{bare}){_TAIL}"
    short = rf"(?:{'|'.join(_SHORT_STEMS)})(?:[_.-][\w.-]{{0,20}})?"
    strong = rf"{_STRONG}{_TAIL}"
    shapes = {
        "quoted": rf"{stem}{_CLOSE}{_TYPE}{_OPERATOR}{_OPEN}{_DIGIT}",
        "quoted-letters": rf"{strong}{_CLOSE}{_TYPE}{_OPERATOR}{_OPEN}{_CLOSED}",
        "bare": rf"{stem}{_CLOSE}{_OPERATOR}{_BARE_DIGIT}",
        "bare-letters": rf"{strong}{_CLOSE}[ \t]{{0,3}}[=:]>?[ \t]{{0,3}}(?P<secret>{_BARE}{{8,60}})(?:\s|&|\\|$)",
        "call": rf"{stem}{_CLOSE}\s{{0,4}}[,(]\s{{0,20}}{_OPEN}{_DIGIT}",
        "call-letters": rf"{strong}{_CLOSE}\s{{0,4}}[,(]\s{{0,20}}{_OPEN}{_CLOSED}",
        "short": rf"{short}{_CLOSE}{_OPERATOR}{_OPEN}{_DIGIT}",
        "short-bare": rf"{short}{_CLOSE}{_OPERATOR}{_BARE_DIGIT}",
        "entry": (
            rf"{stem}\\{{0,3}}[\"']?,?\s{{0,40}}\\{{0,3}}[\"']?(?:value|val|default|content|text|string)"
            rf"\\{{0,3}}[\"']?\s{{0,5}}[=:]\s{{0,5}}\\{{0,3}}[\"']?(?P<secret>[^\s\"'\\<>]{{6,120}})"
        ),
        "element": rf"{stem}[\"']?(?:\s[^<>]{{0,60}})?>\s{{0,20}}(?P<secret>[^<>\s]{{6,200}})\s{{0,20}}<",
        "flag": rf"--?[\w-]{{0,30}}{stem}[ \t]{{1,3}}[\"']?(?P<secret>[^\s\"'\\-][^\s\"'\\]{{5,120}})",
        "sentence": (
            rf"{stem}[ a-z0-9@._-]{{0,40}}[\"'`*]{{0,3}} (?:is|was|to|be|as|equals|lautet|ist|est|es)(?: now)?:?\s{{1,3}}"
            r"[\"'`*(<]{0,3}(?P<secret>[^\s\"'`*]{0,40}[0-9])"
        ),
        "space": rf"{stem}\s{{1,3}}[\"'`]?{_BARE_DIGIT}",
        "cell": rf"(?:{bare})[^|\r\n]{{0,40}}\|[ \t]{{0,40}}[`\"'*]{{0,3}}(?P<secret>[^\s|`\"'*]{{0,40}}[0-9])",
    }
    return tuple(
        Pattern(id=f"assignment {name}", expression=one, ignorecase=True, ascii=True)
        for name, one in shapes.items()
    )


_JOINS = (
    Join.OPERATOR,
    Join.OPERATOR,
    Join.OPERATOR,
    Join.OPERATOR,
    Join.CALL,
    Join.CALL,
    Join.OPERATOR,
    Join.OPERATOR,
    Join.ENTRY,
    Join.ELEMENT,
    Join.FLAG,
    Join.SENTENCE,
    Join.SPACE,
    Join.CELL,
)


def assignments(text: str, matches: Sequence[Match]) -> Iterator[Assignment]:
    """The pairs at the matches of `patterns()` (in their numbers), each value once, in order."""
    seen: set[int] = set()
    for match in sorted(matches, key=lambda one: (one.start, one.pattern)):
        if match.start in seen:
            continue
        read = _read(text, match)
        if read is not None:
            seen.add(match.start)
            yield read


def _read(text: str, match: Match) -> Assignment | None:
    join = _JOINS[match.pattern]
    begin = _name_start(text, match.outer_start)
    quote = text[match.start - 1]
    quoted = quote in "\"'`" and join is not Join.SENTENCE and join is not Join.CELL
    end = _quoted_end(text, match.start, quote) if quoted else _bare_end(text, begin, match.start, join)
    if end is None:
        return None
    value = text[match.start : end]
    return Assignment(
        match.start,
        end,
        value,
        _words(_name(text, begin, match.start)),
        _words(text[max(0, begin - CONTEXT) : begin]),
        join,
        quoted,
    )


_LEFT = re.compile(r"[\w.$-]+\Z", re.ASCII)
_NAME = re.compile(r"[\w.$-]*", re.ASCII)


def _name_start(text: str, at: int) -> int:
    """Where the identifier begins that has a letter at `at`."""
    low = max(0, at - MAX_NAME)
    found = _LEFT.search(text[low:at])
    return low + found.start() if found else at


def _name(text: str, begin: int, end: int) -> str:
    found = _NAME.match(text, begin, end)
    return found[0] if found else ""


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")


def _words(name: str) -> str:
    return f" {' '.join(_WORD.findall(name)).lower()} "


_QUOTED = {quote: re.compile(rf"(\\*)[{quote}\n\r]") for quote in "\"'`"}


def _quoted_end(text: str, start: int, quote: str) -> int | None:
    """Where the string ends that began with `quote` before `start`; None when it goes on too long."""
    found = _QUOTED[quote].search(text, start, start + MAX_VALUE)
    while found is not None:
        # An escaped quote closes a string that an escaped quote opened.
        opened = start - 1
        while opened > 0 and text[opened - 1] == "\\":
            opened -= 1
        if len(found[1]) <= start - 1 - opened or text[found.end() - 1] in "\r\n":
            return found.start()
        found = _QUOTED[quote].search(text, found.end(), start + MAX_VALUE)
    return None


_TOKEN = re.compile(r"[^\s]+")
_CUT = re.compile(r"[\s\"'`<>(){}\[\],;|\\]|&(?=[\w.%-]+=)|&amp;|$")
_LINE_CUT = re.compile(r"[\s\"'`]|\\[nrtu\"']|&(?=[\w.%-]+=)|</|$")
_QUERY_CUT = re.compile(r"[\s\"'`<>(){}\[\],;|\\&#]|$")
_ELEMENT_CUT = re.compile(r"[\s<]|$")
_SPACE_CUT = re.compile(r"[\s\"'`]|\\[nrtu\"']|$")
_TRAILING = ".,;:!?)"
_LINE_START = re.compile(
    r"(?:^|\n|\\n)(?:[ \t]*\d{1,6}(?:\t|[:|-]|→)|[+-])?[ \t]*(?:- |\* |export |set |setx |ENV |ARG |-e |--env |\$env:|\$)*[\w.$\"'/:\[-]*\Z"
)


def _bare_end(text: str, begin: int, start: int, join: Join) -> int:
    """Where an unquoted value ends: as far as its surroundings let a value go."""
    limit = min(len(text), start + MAX_VALUE)
    if join is Join.ELEMENT:
        return _cut(_ELEMENT_CUT, text, start, limit)
    if join is Join.FLAG:
        return _cut(_SPACE_CUT, text, start, limit)
    if begin > 0 and text[begin - 1] in "?&":
        return _cut(_QUERY_CUT, text, start, limit)
    if join is Join.OPERATOR and _LINE_START.search(text[max(0, begin - 40) : begin] if begin else ""):
        end = _cut(_LINE_CUT, text, start, limit)
        rest = text[end : end + 3].lstrip(" \t")
        if not rest or rest[0] in "\r\n#" or end >= limit:
            while end > start and text[end - 1] in ",;":
                end -= 1
            return end
    end = _cut(_CUT, text, start, limit)
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    return end


def _cut(where: re.Pattern[str], text: str, start: int, limit: int) -> int:
    found = where.search(text, start, limit)
    return found.start() if found else limit
