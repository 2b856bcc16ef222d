"""How each identifier is found: one recipe per expression, ours where Presidio's are loose or unbounded.

A recipe finds candidates by a bounded pattern, then judges each one in its surroundings. Scores follow
Presidio: the recipe's own before proof, 1.0 for a proven check digit, more with a context word near.
This module imports neither Presidio nor anything else that is slow to import.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from guardrails.catalogue.proofs import iban, luhn, us_ssn
from guardrails.detectors.base import Foresight, Pattern
from guardrails.detectors.pii_context import Near, Words

CONTEXT_BOOST, CONTEXT_LEAST = 0.35, 0.4  # as Presidio's context enhancer has them
_WEAK = 0.15  # what only a context word makes anything of
RESERVED = 0.9
"""The score of an e-mail address at a domain kept for examples: the lowest that needs no context word."""
LOW = 0.3  # below any sensible threshold, for the policy author who asks for it


class Candidate:
    """A match of a recipe's pattern, with the text around it and the context words near it."""

    __slots__ = ("_near", "_words", "end", "start", "text")

    def __init__(self, text: str, start: int, end: int, words: Words | None = None) -> None:
        self.text = text
        self.start = start
        self.end = end
        self._words = words
        self._near: Mapping[object, Near] | None = None

    @property
    def value(self) -> str:
        return self.text[self.start : self.end]

    @property
    def near(self) -> Mapping[object, Near]:
        """The nearest context word of every topic; looked for when first asked for."""
        if self._near is None:
            self._near = {} if self._words is None else self._words.near(self.text, self.start, self.end)
        return self._near

    @property
    def word(self) -> str:
        """The nearest context word, or ""."""
        return min(self.near.values(), key=lambda one: one.distance).word if self.near else ""

    def before(self, length: int) -> str:
        return self.text[max(0, self.start - length) : self.start]


class Judged(msgspec.Struct, frozen=True):
    """A candidate that stands: its score, how it was proven, and its true ends where the pattern overshot.

    `final`: a context word makes nothing more of it.
    """

    score: float
    how: str = "pattern"
    start: int | None = None
    end: int | None = None
    final: bool = False


Judge = Callable[[Candidate], Judged | None]


class Recipe(msgspec.Struct, frozen=True):
    """One way to find one entity. `words` announce it, where any do.

    `foresight` is what its judgement hangs on behind a match, where context words make no difference.
    """

    entity: str
    pattern: Pattern
    judge: Judge
    words: Words | None = None
    foresight: Foresight | None = None


def recipe(
    entity: str,
    expression: str,
    judge: Judge,
    context: tuple[str, ...] = (),
    *,
    ignorecase: bool = False,
    ascii: bool = True,
    triggers: tuple[str, ...] = (),
    foresight: Foresight | None = None,
) -> Recipe:
    """A recipe of ours; `triggers` and the flags are those of its `Pattern`."""
    pattern = Pattern(
        f"pii {entity}", expression, ignorecase=ignorecase, ascii=ascii, triggers=triggers, plain=True
    )
    return Recipe(entity, pattern, judge, announced_by(context), foresight)


def announced_by(context: Iterable[str]) -> Words | None:
    """An index of these context words, all of one topic; None for none."""
    words = Words((word, None) for word in context)
    return words if context else None


# Boundaries shared by identifiers made of digits: not inside words, decimals, UUIDs or hex runs. `\b`, where
# look-around would do as well, spares the shared pass candidates.
_OPEN = r"\b(?<![0-9][.,\-/:+])(?<![a-fA-F]-)"
_SHUT = r"\b(?![.\-/:+][A-Za-z0-9])"


# E-mail

_LETTER = "A-Za-z0-9À-ԯԱ-ת\u0620-\u06d3\u0900-\u0dff"
_LETTER_ONLY = _LETTER.replace("0-9", "")
_WIDE = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"  # scripts that put no spaces between words
_EMAIL = (
    rf"(?<![{_LETTER}_.+@\-])[{_LETTER}_](?:[{_LETTER}_.+'\-]{{0,62}}[{_LETTER}_+\-])?"
    rf"@(?:[{_LETTER}{_WIDE}](?:[{_LETTER}{_WIDE}\-]{{0,61}}[{_LETTER}{_WIDE}])?\.){{1,8}}"
    rf"(?:xn--[A-Za-z0-9\-]{{2,59}}|[{_LETTER_ONLY}{_WIDE}]{{2,24}})"
    rf"(?![{_LETTER}_@]|\.[{_LETTER}])"
)
_BYTES_PREFIX = re.compile(r"(?:[bfru]|rb|br)'", re.IGNORECASE)
_URL_USER = re.compile(r"://[^\s/@]*$")
_REMOTE = re.compile(r":(?:[/~]|[\w./-]{1,200}\.git\b)")
_REMOTE_REACH = 260
_RESERVED = frozenset(
    (
        "example",
        "test",
        "invalid",
        "localhost",
        "local",
        "internal",
        "lan",
        "corp",
        "home",
        "intranet",
        "onion",
    )
)
# Endings of files that are top-level domains as well: `run@2x.py` is far more often the former.
_FILES = frozenset({"py", "sh", "so", "zip", "mov", "app"})


def _email(candidate: Candidate) -> Judged | None:
    value, start = candidate.value, candidate.start
    quoted = _BYTES_PREFIX.match(value)
    if quoted:
        start += quoted.end()
        value = value[quoted.end() :]
    name, _, domain = value.rpartition("@")
    top = domain.rpartition(".")[2].lower()
    end = candidate.end
    if top[0].isascii() and not top.isascii():  # text of a script without spaces follows at once
        kept = len(re.match(r"[a-z]*", top).group())  # type: ignore[union-attr]
        end -= len(top) - kept
        top = top[:kept]
    if not name or ".." in name or name.lower() in {"git", "hg", "svn"}:
        return None
    after = candidate.text[end : end + _REMOTE_REACH]
    if _REMOTE.match(after) or _URL_USER.search(candidate.before(200)):
        return None
    labels = domain.split(".")[:-1]
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        return None
    known = _is_top_level_domain(top)
    if top in _RESERVED:
        score = RESERVED
    elif not known:
        return None
    elif top in _FILES or all(label.isdigit() for label in labels):
        score = LOW
    else:
        score = 1.0
    return Judged(score, "pattern, domain", start, end, final=score == LOW)


def _is_top_level_domain(value: str) -> bool:
    if value.startswith("xn--") or not value.isascii():
        return True
    return value in _top_level_domains()


@lru_cache(maxsize=1)
def _top_level_domains() -> frozenset[str]:
    # The list as `tldextract` brings it, without the HTTP client that the package imports to fetch another.
    package = importlib.util.find_spec("tldextract")
    assert package is not None
    assert package.origin is not None
    text = Path(package.origin).with_name(".tld_set_snapshot").read_text("utf-8")
    public = text.partition("// ===BEGIN PRIVATE DOMAINS===")[0].split("\n")
    return frozenset(line.rpartition(".")[2] for line in public if line and not line.startswith("//"))


# Payment cards

_CARD = (
    _OPEN + r"(?:[2-6]\d{3}(?:[ .\-]?\d{4}){2}[ .\-]?\d{1,4}(?:[ \-]?\d{3})?|3\d{3}[ .\-]?\d{6}[ .\-]?\d{4,5}"
    r"|[56]\d{11,18}|(?:1800|2131)\d{11})" + _SHUT + r"(?! \d{4}(?!\d))"
)
_CARD_GROUPS = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 4), (4, 4, 4, 3), (4, 4, 4, 2)}
)


def _brand(digits: str) -> bool:
    """Whether an issuer range and its length agree (ISO/IEC 7812)."""
    size, four, two = len(digits), int(digits[:4]), int(digits[:2])
    if digits[0] == "4":
        return size in {13, 16, 19}
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in {34, 37}:
        return size == 15
    if 300 <= four // 10 <= 305 or two in {36, 38, 39}:
        return size in {14, 16}
    if two == 35:
        return size in {16, 19}
    if four in {1800, 2131}:
        return size == 15
    return (two == 50 or 56 <= two <= 69) and 12 <= size <= 19


def _card(candidate: Candidate) -> Judged | None:
    value = candidate.value
    groups = re.findall(r"\d+", value)
    digits = "".join(groups)
    if len(set(re.sub(r"\d", "", value))) > 1 or len(set(digits)) < 2 or not _brand(digits):
        return None
    if len(groups) > 1 and tuple(map(len, groups)) not in _CARD_GROUPS:
        return None
    if not luhn(digits):
        return None
    # One number in ten has a right check digit: short or odd runs need grouping or a context word.
    usual = digits[0] in "45" or 2221 <= int(digits[:4]) <= 2720 or digits[:2] in {"34", "37", "60"}
    usual = usual or 3528 <= int(digits[:4]) <= 3589
    sure = (len(digits) in {15, 16} and usual) or len(groups) > 2 or bool(candidate.word)
    return Judged(1.0 if sure else LOW, "check digit")


# Bank accounts

_IBAN = r"(?<![A-Za-z0-9])(?<![+/]\b)[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]){11,30}\b(?![A-Za-z0-9])"


def _iban(candidate: Candidate) -> Judged | None:
    """The longest run of whole groups that is a valid IBAN: the pattern takes following words along."""
    value = candidate.value
    for end in [len(value), *(gap.start() for gap in reversed(list(re.finditer(r"[ \-]", value))))]:
        if end < 15:
            break
        written = value[:end]
        one_case = written == written.upper() or written == written.lower()
        if one_case and iban(re.sub(r"[ \-]", "", written).upper()):
            return Judged(1.0, "check digits", end=candidate.start + end)
    return None


# Social security numbers


def _ssn(candidate: Candidate) -> Judged | None:
    digits = re.sub(r"\D", "", candidate.value)
    if us_ssn(digits):
        # With dots it may be a version.
        return Judged(_WEAK if "." in candidate.value else 0.5, "structure")
    # An area from 900 on is a taxpayer's number, which people call by the other's name.
    return Judged(_WEAK, "structure") if us_ssn("1" + digits[1:]) and digits[0] == "9" else None


def _bare_ssn(candidate: Candidate) -> Judged | None:
    return Judged(_WEAK, "structure") if us_ssn(candidate.value) and candidate.word else None


_SSN_WORDS = (
    "ssn",
    "social security",
    "soc sec",
    "social num",
    "socialnum",
    "social security number",
)


# Postcodes

_POSTCODE = (
    r"\b(?:(?:zip|post|postal)[ _-]?code|plz|postleitzahl|code postal|c(?:o|\xf3)digo postal|codice postale"
    r"|kod pocztowy)s?[\"']?(?: (?:is|ist|est|es))?[ \t]{0,2}[:=]?[ \t]{0,2}[\"']?"
    r"(?P<secret>\d{5}(?:-\d{4})?|\d{2}-\d{3})" + _SHUT
)
"""A postcode that is called one; others belong to an address, which the model of names finds."""


# IP addresses

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = rf"(?<![A-Za-z0-9_])(?<![0-9A-Za-z][.\-+])(?<![A-Za-z]/)(?:{_OCTET}\.){{3}}{_OCTET}(?![\w]|[.\-+]\w)"
_IPV6 = (
    r"(?<![A-Za-z0-9_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})"
    r"(?![A-Za-z0-9_:])(?!\.\w)"
)
_VERSION = re.compile(
    r"(?:\b(?:v|rv|ver|version|release|rev|revision|build|sdk|api|section|chapter|oid)\b[\s:.=\"'(]{0,4}"
    r"|[=~<>!^]=\s?[\"']?|[~^]\s?)$",
    re.IGNORECASE,
)


_ADDRESS_WORDS = (
    "IP",
    "ip address",
    "ip addr",
    "ipv4",
    "ipv6",
    "address",
    "isp",
    "adresse ip",
    "direccion ip",
)


def _ipv4(candidate: Candidate) -> Judged | None:
    value = candidate.value
    if any(len(part) > 1 and part[0] == "0" for part in value.split(".")):
        return None
    version = _VERSION.search(candidate.before(24)) is not None
    small = all(len(part) == 1 for part in value.split("."))  # 1.2.3.4: a version or a section
    if version or small:
        return Judged(0.1 if version else LOW, final=True)
    if re.match(r"/(?:[12]?\d|3[01])\b", candidate.text[candidate.end : candidate.end + 4]):
        return Judged(LOW, "network", final=True)
    return _address(candidate)


def _ipv6(candidate: Candidate) -> Judged | None:
    value = candidate.value
    # `ab::cd` is a path in C++ and Rust; an address of a host has more of it.
    if len([part for part in value.split(":") if part]) < 3:
        return None
    return _address(candidate)


def _address(candidate: Candidate) -> Judged | None:
    try:
        address = ipaddress.ip_address(candidate.value)
    except ValueError:
        return None
    if address.is_global and not address.is_multicast:
        return Judged(0.65, "public address")
    # A private address is somebody's only where the text says that it is an address: not in a configuration.
    if _documents(address):
        return None
    inside = address.is_private and not (address.is_loopback or address.is_unspecified)
    near = min((one.distance for one in candidate.near.values()), default=_FAR)
    return Judged(0.5 if inside and near < _FAR else LOW, "reserved address", final=True)


_FAR = 4
_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


def _documents(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is set aside for examples (RFC 5737, RFC 3849)."""
    return any(address in network for network in _DOCUMENTATION if network.version == address.version)


# Web addresses

_URL = r"(?<![A-Za-z0-9_])(?:(?:https?|ftp)://|www\.)[^\s<>\"'`{}|\\^\[\]]{3,2000}"


def _url(candidate: Candidate) -> Judged | None:
    value = candidate.value.rstrip(".,;:!?*_")
    while value.endswith(")") and value.count(")") > value.count("("):
        value = value[:-1].rstrip(".,;:!?")
    host = re.split(r"[/?#]", value.partition("://")[2] or value, maxsplit=1)[0].rpartition("@")[2]
    name, _, _ = host.partition(":")
    if "." not in name.strip("."):
        return None
    return Judged(0.6, end=candidate.start + len(value))


def _mac(candidate: Candidate) -> Judged | None:
    digits = re.sub(r"[^0-9A-Fa-f]", "", candidate.value).lower()
    # All zeros, all ones and the rest that repeat one digit are nobody's, nor is what RFC 7042 sets aside.
    return Judged(0.6, "structure") if len(set(digits)) > 1 and not digits.startswith("00005e0053") else None


OWN: tuple[Recipe, ...] = (
    # The classes of letters alone take the shared pass a second to compile; what is around the sign does not.
    recipe(
        "EMAIL_ADDRESS",
        _EMAIL,
        _email,
        ("email", "mail", "contact"),
        ascii=False,
        triggers=(r"[^\s@]@[^\s@]",),
        foresight=Foresight(_REMOTE_REACH, undecided=r"(?::[\w./~-]*)?"),
    ),
    recipe(
        "CREDIT_CARD",
        _CARD,
        _card,
        (
            "credit",
            "card",
            "visa",
            "mastercard",
            "amex",
            "american express",
            "discover",
            "jcb",
            "diners",
            "maestro",
            "debit",
            "cc",
            "pan",
            "unionpay",
            "karte",
            "kreditkarte",
            "kartennummer",
            "carte",
            "carte bancaire",
            "tarjeta",
            "tarjeta de credito",
            "carta",
            "carta di credito",
            "cartao",
            "cartao de credito",
            "kaart",
            "creditcard",
            "karta",
        ),
    ),
    recipe(
        "IBAN_CODE",
        _IBAN,
        _iban,
        ("iban", "bank", "account"),
        ignorecase=True,
        triggers=(r"(?:\b|_)[A-Z]{2}\d{2}[ \-]?[A-Z0-9]{2}",),
    ),
    recipe(
        "US_SSN",
        _OPEN + r"(?!000|666)\d{3}(?:-(?!00)\d{2}-| (?!00)\d{2} |\.(?!00)\d{2}\.)(?!0000)\d{4}" + _SHUT,
        _ssn,
        _SSN_WORDS,
        triggers=(r"\b\d{3}[\- .]\d\d[\- .]\d{4}\b",),
    ),
    recipe(
        "US_SSN",
        _OPEN + r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}" + _SHUT,
        _bare_ssn,
        _SSN_WORDS,
    ),
    recipe("LOCATION", _POSTCODE, lambda _: Judged(0.6, "announced"), ignorecase=True, ascii=False),
    recipe("IP_ADDRESS", _IPV4, _ipv4, _ADDRESS_WORDS),
    recipe("IP_ADDRESS", _IPV6, _ipv6, _ADDRESS_WORDS),
    recipe(
        "MAC_ADDRESS",
        r"(?<![A-Za-z0-9_])(?<![:\-.])(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}"
        r"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})(?![A-Za-z0-9_]|[:\-.][0-9A-Fa-f])",
        _mac,
        ("mac", "hardware", "ethernet", "physical address", "ether"),
    ),
    recipe("URL", _URL, _url, ("url", "website", "link"), ignorecase=True, ascii=False),
)
