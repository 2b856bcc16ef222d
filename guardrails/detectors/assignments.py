"""Reads `name = value` pairs where the name tells that the value is a secret.

The shared pass only locates: a telling stem (`passw`, `secret`, `token`, `key`, ...), a few characters
that are no part of a word, and the beginning of a value. Everything else is done here, by hand and only
there: the whole name to the left, what joins it to a value in the languages people paste, and the whole
value to the right.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import lru_cache

import msgspec
import regex

from guardrails.catalogue.names import Telling, telling
from guardrails.catalogue.randomness import bits
from guardrails.detectors.base import Match, Pattern

MAX_VALUE = 4_096
"""The longest value that is read, in characters."""

MAX_NAME = 80
JOIN = 500
"""More characters than the longest block between a name and its value."""

MAX_REACH = JOIN + MAX_VALUE + MAX_NAME
"""How far from a name on a pair is read, at most."""

CONTEXT = 60
"""How much of the text before a name may name the vendor, in characters."""


_LEAST = 6  # shorter values are not worth a placeholder
_RANDOM = 6.0  # bits under which letters alone are taken for a name


_WIDTH = 140  # from a stem to the digit that shows the beginning of a value
_WIDTH_OF_BLOCK = 640  # from `variable` to its value


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
    `context` those of the text before it, `before` the last of them where only a space is between.
    """

    start: int
    end: int
    value: str
    words: str
    before: str
    context: str
    join: Join
    quoted: bool


_STEMS = (
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
STRONG = "(?:passw|passphrase|pass|pwd|psw|secret|token|cred|api[_ -]?key|access[_ -]?key)"
# The classes are of ASCII and the repetitions are left open by the shared pass, which makes it four times
# as fast. `_PLAIN` is what an unquoted value begins with, `_INSIDE` what is inside quotes.
_NAME = r"[\w.$-]{0,100}"
_GAP = r"[\t\n\r -/:-@\[-^`{-~]"
_PLAIN = r"[!#-&+*\--:?-Z^_a-z|~]"
# The same up to the first digit, so that each value is located once and not at each of its digits.
_BEFORE_DIGIT = r"[!#-&+*\-./:?-Z^_a-z|~]"
_INSIDE_BEFORE_DIGIT = r"[!#-&(-/:-\[\]-_a-~]"
_INSIDE = r"[!#-&(-\[\]-_a-~]"
_CLOSED = r"[!#-&(-;=?-\[\]-_a-~]"


def _expressions(stems: str, short: str) -> dict[str, str]:
    """What locates a pair. Each is cheap in the shared pass; `digit` and `letters` locate nearly all."""
    name, gap, plain = _NAME, _GAP, rf"{_BEFORE_DIGIT}{{0,100}}[0-9]"
    wrapped = (
        r"[=:] ?(?:new )?(?:some|just|string|secret(?:str|string)?|sensitive)\("
        r"|\"\]=>\s?string\(\d{1,4}\) "
    )
    close = rf"(?:[ \"'\\=:,()>\[\]{{|?]{{1,12}}|[\"')\]]{{0,2}} or |{wrapped})[a-z]{{0,2}}[\"'`>]"
    equals = r"[ \t]{0,3}[=:]>?[ \t]{0,3}"
    types = r"(?:optional\[)?(?:string|str|text|char|\[\d{0,4}\])"
    members = r"(?:value|val|default|content|text)"
    verbs = r"(?:is|was|to|be|as|ist|est|es)"
    return {
        "digit": rf"(?:{stems}){name}{gap}{{1,24}}{plain}",
        "quoted": rf"(?:{stems}){name}{gap}{{1,24}}[a-z]{{0,2}}[\"'`]{_INSIDE_BEFORE_DIGIT}{{0,100}}[0-9]",
        "letters": rf"{STRONG}{name}{close}{_CLOSED}{{6,100}}[\"'`\\<]",
        "key": rf"key{close}{_CLOSED}{{16,100}}[\"'`\\<]",
        "bare": rf"{STRONG}{name}[\"'\])]{{0,2}}{equals}{_PLAIN}{{8,100}}(?:[\s&\\}}\"';,<]|$)",
        "short": rf"(?:{short})(?:[_.-]{name})?{gap}{{1,24}}{plain}",
        "typed": rf"(?:{stems}){name}:? ?[&*]?(?:as )?{types}{gap}{{1,10}}[\"`]",
        "entry": (
            rf"(?:{stems}){name}(?:[\"'\\,\s>/:{{]{{0,100}}|[\"'] [ -;=?-~]{{0,80}}>\s{{0,40}})"
            rf"(?:[-+] |</[\w-]{{1,20}}>)?[\"'\\<]{{0,8}}{members}[\"'\\]{{0,8}}\s?[=:>]"
        ),
        "field": rf"{STRONG}{name}\" ?, ?\"\w{{1,20}}\" ?: ?[^\r\n]{{1,60}}\"{members}\" ?:",
        "described": rf"{STRONG}{name} ?:?</[a-z]{{1,6}}>\s{{0,20}}<[a-z]{{1,6}}",
        "element": rf"(?:{stems}){name}[\"']? [ -;=?-~]{{0,100}}>\s{{0,40}}(?P<secret>{_CLOSED}{{6}})",
        "sentence": rf"(?:{stems}|{short})[ \w.@-]{{0,100}} {verbs}(?: |: )[\"'`*(<]{{0,3}}{plain}",
        "told": rf"(?:{stems}|{short})[ \w.@'-]{{1,100}}: [\"'`*(<]{{0,3}}{plain}",
        "marked": rf"{STRONG}{name} {verbs}(?: |: )[\"'`*(<]{{0,3}}[\w.-]{{1,30}}[!#-&*+?@^~][!-~]{{3,60}}",
        "block": (
            rf"variable\s{{1,9}}[\"']?[\w-]{{0,100}}(?:{stems})[\w-]{{0,60}}[\"']?\s{{0,9}}"
            r"\{[^}]{0,400}\sdefault\s{0,20}="
        ),
        "flag": rf"--?[\w-]{{0,100}}{STRONG}[\w-]{{0,100}}[ \t][\"']?[!#-&(-,./-\[\]-~]{_INSIDE}{{5}}",
    }


class Reader:
    """The extractor. `names` are further stems: names of vendors that need no telling word."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        stems, short = "|".join(_STEMS), "|".join(_SHORT_STEMS)
        more = [re.escape(name).replace(r"\ ", "[_ .-]{0,2}") for name in sorted(set(names))]
        self._stem = re.compile("|".join([stems, short, *more]), re.IGNORECASE | re.ASCII)
        named = (
            {
                "named": rf"(?:{'|'.join(more)}){_NAME}{_GAP}{{1,24}}[a-z]{{0,2}}[\"'`]?"
                rf"{_BEFORE_DIGIT}{{0,100}}[0-9]"
            }
            if more
            else {}
        )
        expressions = {**named, **_expressions(stems, short)}
        self.patterns = tuple(
            Pattern(
                id=f"assignment {name}",
                expression=expression,
                ignorecase=True,
                ascii=True,
                plain=True,
                width=_WIDTH_OF_BLOCK if name == "block" else _WIDTH,
            )
            for name, expression in expressions.items()
        )

    def read(self, text: str, matches: Sequence[Match]) -> Iterator[Assignment]:
        """The pairs at the matches of `patterns`, each name once, in order."""
        reached = 0
        for match in sorted(matches, key=lambda one: (one.outer_start, -one.outer_end)):
            for stem in self._stem.finditer(text, max(match.outer_start, reached), match.outer_end):
                if stem.start() < reached:
                    continue
                begin = name_start(text, stem.start())
                reached = name_end(text, stem.start())
                pair = _pair(text, begin, reached)
                if pair is not None:
                    yield pair

    def has_all(self, text: str, start: int, end: int, until: int) -> bool:
        """Whether nothing behind `until` makes other pairs of a match at `[start, end)`."""
        low = max(0, start - MAX_NAME - CONTEXT)
        near = text[low:until]
        return all(
            _is_complete(near, name_start(near, stem.start()), name_end(near, stem.start()))
            for stem in self._stem.finditer(near, start - low, end - low)
        )


_ANY_STEM = re.compile(rf"{'|'.join(_STEMS)}|\b(?:{'|'.join(_SHORT_STEMS)})\b")


def has_stem(name: str) -> bool:
    """Whether the extractor finds the name without being told of it."""
    return _ANY_STEM.search(name.lower()) is not None


_IDENTIFIER = string.ascii_letters + string.digits + "_.$-"
_RIGHT = re.compile(r"[\w.$-]*(?<![.-])", re.ASCII)


def name_start(text: str, at: int) -> int:
    """Where the identifier begins that has a letter at `at`."""
    low = max(0, at - MAX_NAME)
    return low + len(text[low:at].rstrip(_IDENTIFIER))


def name_end(text: str, at: int) -> int:
    found = _RIGHT.match(text, at, at + MAX_NAME)
    return found.end() if found else at


OPEN = r"(?:[bfrBRFuLN@$]{0,2}(?P<escapes>\\{0,7})(?P<quote>\"\"\"|'''|[\"'`]))"
# What a block may say of a variable before it gives the value: `type = string`.
_FIELDS = (
    r"(?:\s{0,20}(?:type|description|sensitive|nullable|ephemeral)\s{0,20}=[^\r\n{}]{0,160}(?=[\r\n])){0,4}"
)
_WRAPPED = (  # `Some("x")`, and what PHP says of a string
    r"(?:(?:new )?(?:Some|Just|String|Secret|SecretStr|SecretString|Sensitive|Password)\((?=[bfrBRF]?[\"'])"
    r"|string\(\d{1,4}\) (?=\"))?"
)
# Members between the name and the one that gives the value.
_OTHER_FIELDS = r"(?:\s{0,5},\s{0,20}\"\w{1,20}\"\s?:\s?(?:\"[^\"\r\n]{0,40}\"|\{)){0,2}"
_MEMBER = (
    r"<?\\{0,7}[\"']?(?:value|val|default|content|text|Value|VALUE)(?:>|\\{0,7}[\"']?\s{0,5}[=:])\s{0,20}"
)
_JOINS: tuple[tuple[Join, re.Pattern[str]], ...] = (
    # `"name": "password", "type": "text", "value": "x"`, and `"password": {"value": "x"}`: both before the
    # operator, to which the member's name would be the value.
    (Join.ENTRY, re.compile(rf"\"{_OTHER_FIELDS}\s{{0,5}},?\s{{0,20}}{_MEMBER}{OPEN}?")),
    (Join.ENTRY, re.compile(rf"\\{{0,7}}[\"']?\s{{0,3}}[:=]\s{{0,3}}\{{\s{{0,20}}{_MEMBER}{OPEN}?")),
    (
        Join.OPERATOR,
        re.compile(
            r"[\\\"'`\])]{0,6}(?:\[\d{0,4}\]|\??:?[ \t]{0,2}[&*]?(?:'static )?(?:[Oo]ptional\[)?"
            r"(?:std::| ?As )?(?:[Ss]tring|str|text|char|any|STRING|TEXT)[\]?!*&]{0,2}"
            r"(?: ?\| ?(?:None|null|undefined))?)?"
            rf"\s{{0,20}}(?::-|[?|+.!:*-]{{0,3}}[=:]{{1,2}}>?(?:\*\*)?|->|<-|→)=?\s{{0,20}}(?:- )?{_WRAPPED}"
            rf"(?:[|>][+-]?[ \t]{{0,3}}\r?\n[ \t]{{1,40}})?(?:[\[({{]\s{{0,20}})?{OPEN}?"
        ),
    ),
    # What is taken where a variable is not set: `env.PASSWORD || "x"`, `fetch("PASSWORD") { "x" }`.
    (
        Join.OPERATOR,
        re.compile(rf"[\\\"'`\])]{{0,6}}\s{{0,5}}(?:\|\|=?|\?\?=?|\?:|or\b|\{{)\s{{0,20}}{OPEN}"),
    ),
    (
        Join.ENTRY,
        re.compile(
            rf"\\{{0,7}}[\"']?(?:\s{{0,3}}(?:,|(?: [^<>]{{0,80}})?/?>|\{{)|</[\w-]{{1,20}}>)?"
            rf"{_FIELDS}[\s+-]{{0,40}}{_MEMBER}{OPEN}?"
        ),
    ),
    (
        Join.CALL,
        re.compile(rf"\\{{0,7}}[\"'`]?\)?\s{{0,4}}(?:,|\()\s{{0,20}}{OPEN}"),
    ),
    (
        Join.ELEMENT,
        re.compile(
            r" ?:?</(?:td|th|dt|b|strong|label|span|code|p|div)>\s{0,20}"
            r"<(?:td|dd|span|code|p|div)\b[^<>]{0,80}>\s{0,20}(?:<code>)?(?P<quote>(?!))?(?P<escapes>(?!))?"
        ),
    ),
    (
        Join.ELEMENT,
        re.compile(r"[\"']?(?:\s[^<>]{0,60})?>(?:<!\[CDATA\[)?\s{0,40}(?P<quote>(?!))?(?P<escapes>(?!))?"),
    ),
    (Join.CELL, re.compile(r"[^|\r\n\w]{0,24}\|[ \t]{0,40}(?P<quote>[`\"'])?[*]{0,2}(?P<escapes>(?!))?")),
    (
        Join.SENTENCE,
        re.compile(
            r"(?:(?: [\w.@'-]{1,20}){1,6}?:"
            r"|(?: [\w.@-]{1,20}){0,4}?[\"'`*]{0,3} (?:is|was|to|be|as|ist|est|es)(?: now| still)?:?)\s{1,3}"
            r"[*(<]{0,3}(?P<quote>[\"'`])?(?P<escapes>(?!))?",
            re.IGNORECASE,
        ),
    ),
    (Join.SPACE, re.compile(rf"[ \t]{{1,20}}{OPEN}?|[ \t]{{1,3}}")),
)


def _pair(text: str, begin: int, behind_name: int) -> Assignment | None:
    for join, gap in _JOINS:
        found = gap.match(text, behind_name, behind_name + JOIN)
        if found is None:
            continue
        if join is Join.SPACE:
            join = _spaced(text, begin)
        start = found.end()
        quote, escapes = found["quote"], found["escapes"] or ""
        end = quoted_end(text, start, quote, len(escapes)) if quote else _bare_end(text, begin, start, join)
        if end is None or end <= start or _is_name(value := text[start:end], text[begin:behind_name]):
            return None
        context = text[max(0, begin - CONTEXT) : begin]
        before = _BEFORE.search(context)
        return Assignment(
            start,
            end,
            value,
            words(text[begin:behind_name]),
            f" {before[1].lower()} " if before else " ",
            words(context),
            join,
            bool(quote),
        )
    return None


_NOTHING = r"[^\x00-\U0010ffff]"
_GROUPED_SO_FAR = re.compile(r"[A-Za-z0-9]{4}(?: [A-Za-z0-9]{4}){0,7} ?[A-Za-z0-9]{0,4}", re.ASCII)
_BEHIND = 4  # a character that ends a value, and what is looked at behind it


@lru_cache(maxsize=1)
def _partial_joins() -> tuple[regex.Pattern[str], ...]:
    """What joins names to values, made to match only in part: where more text could let it go on."""
    return tuple(
        regex.compile(f"(?:{gap.pattern}){_NOTHING}", gap.flags & re.IGNORECASE) for _, gap in _JOINS
    )


def _is_complete(text: str, begin: int, behind_name: int) -> bool:
    """Whether no text behind this one makes a pair of the name at `[begin, behind_name)`, or another one."""
    if behind_name >= len(text):
        return False
    near = text[behind_name : behind_name + JOIN]
    at_end = behind_name + JOIN > len(text)
    for (join, gap), partial in zip(_JOINS, _partial_joins(), strict=True):
        if at_end and partial.match(near, partial=True) is not None:
            return False
        found = gap.match(text, behind_name, behind_name + JOIN)
        if found is None:
            continue
        start = found.end()
        if found["quote"]:
            end = quoted_end(text, start, found["quote"], len(found["escapes"] or ""))
            return end is None or end < len(text)
        if join is Join.SPACE:
            join = _spaced(text, begin)
        if _GROUPED_SO_FAR.fullmatch(text, start):
            return False
        end = _bare_end(text, begin, start, join)
        behind = text[end if end is not None else start :]
        return len(text) - start > MAX_VALUE or len(behind.lstrip(_TRAILING)) >= _BEHIND
    return True


_BEFORE = re.compile(r"([A-Za-z]+|[0-9]+)[ -]\Z")
_LETTERS = re.compile(r"[A-Za-z._-]+")
_LONGEST_NAME = 32
_GROUPED = re.compile(r"[A-Za-z0-9]{4}(?: [A-Za-z0-9]{4}){3,7}(?![\w ])", re.ASCII)


@lru_cache(maxsize=4_096)
def _tells(name: str) -> bool:
    return telling(words(name)) is not Telling.NOTHING


def _is_name(value: str, name: str) -> bool:
    """Whether a value is a name or words: most are, and need no further look. Names of shapes such as
    `nextToken` are told from letters that a generator drew by the model."""
    if len(value) < _LEAST:
        return True
    if len(value) > _LONGEST_NAME or not _LETTERS.fullmatch(value):
        return " " in value and not _GROUPED.fullmatch(value)
    return not _tells(name) or bits(value) < _RANDOM


_SETTING = re.compile(r"(?:\b(?:ENV|ARG|setenv|set(?: -\w{1,3})*|setx|config set)[ \t]{1,4})\Z")


def _spaced(text: str, begin: int) -> Join:
    """What a mere space between name and value is: a flag's, an assignment's of some shells, or prose."""
    if text[begin : begin + 1] == "-":
        return Join.FLAG
    return Join.OPERATOR if _SETTING.search(text[max(0, begin - 16) : begin]) else Join.SPACE


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")


def words(name: str) -> str:
    """The words of an identifier or a text, in lower case, with a space before, between and after them."""
    return f" {' '.join(_WORD.findall(name)).lower()} "


_CLOSINGS = {
    quote: re.compile(rf"(\\*)(?:{quote}|[\r\n])" if len(quote) == 1 else rf"(\\*){quote}")
    for quote in ('"', "'", "`", '"""', "'''")
}


def quoted_end(text: str, start: int, quote: str, escapes: int) -> int | None:
    """Where the string ends that `quote` began after so many backslashes; None for one without an end."""
    closing = _CLOSINGS[quote]
    at = start
    while found := closing.search(text, at, start + MAX_VALUE):
        # An escaped quote closes a string that an escaped quote opened.
        if len(found[1]) <= escapes or text[found.end() - 1] in "\r\n":
            return found.start() if len(found[1]) == escapes else found.end(1) - min(escapes, len(found[1]))
        at = found.end()
    return None if len(text) > start + MAX_VALUE else len(text)


_CUT = re.compile(r"[\s\"'`<>(){}\[\],;|\\]|&(?=[\w.%-]+=)|&amp;")
_LINE_CUT = re.compile(r"[\s\"'`]|\\[nrtu\"']|&(?=[\w.%-]+=)|</")
_QUERY_CUT = re.compile(r"[\s\"'`<>(){}\[\],;|\\&#]")
_ELEMENT_CUT = re.compile(r"[\s<]|\]\]>")
_FLAG_CUT = re.compile(r"[\s\"'`]|\\[nrtu\"']")
_TRAILING = ".,;:?)*"  # what ends a sentence, but for the mark that ends many a password
_LINE_START = re.compile(
    r"(?:^|\n|\\n)(?:[ \t]*\d{1,6}(?:\t|[:|-]|→)|[+-])?[ \t]*"
    r"(?:- |\* |export |set |setx |ENV |ARG |-e |--env |\$env:|\$|-D)*[\w.$\"'/:\[-]*\Z"
)


def _bare_end(text: str, begin: int, start: int, join: Join) -> int | None:
    """Where an unquoted value ends: as far as its surroundings let a value go; None for a call."""
    limit = min(len(text), start + MAX_VALUE)
    if grouped := _GROUPED.match(text, start, limit):
        return grouped.end()
    if join is Join.ELEMENT:
        return _cut(_ELEMENT_CUT, text, start, limit)
    if join is Join.FLAG:
        return _cut(_FLAG_CUT, text, start, limit)
    if begin > 0 and text[begin - 1] in "?&":
        return _cut(_QUERY_CUT, text, start, limit)
    if join in {Join.OPERATOR, Join.ENTRY} and _LINE_START.search(text[max(0, begin - 40) : begin]):
        end = _cut(_LINE_CUT, text, start, limit)
        rest = text[end : end + 3].lstrip(" \t")
        if not rest or rest[0] in "\r\n#\\" or end >= limit:
            while end > start and text[end - 1] in ",;":
                end -= 1
            return end
    end = _cut(_CUT, text, start, limit)
    if text[end : end + 1] in {"(", "["}:
        return None
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    return end


def _cut(where: re.Pattern[str], text: str, start: int, limit: int) -> int:
    found = where.search(text, start, limit)
    return found.start() if found else limit
