"""`type: url`: links that deceive, run code, or carry data out, and links to places that a policy names."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Annotated
from urllib.parse import unquote

import msgspec

from guardrails.detectors.base import Deadline, Match, SpecError
from guardrails.model import Hit
from guardrails.text import View


class UrlClass(str, Enum):
    """What makes a link dangerous whatever its domain is."""

    USERINFO = "userinfo"  # `https://bank.example@elsewhere.example`: the host is not what it seems
    IP = "ip"  # the host is an address, in any notation; loopback in the usual one is left alone
    LOOK_ALIKE = "look-alike"  # letters of another alphabet that look like Latin ones, punycode included
    SCRIPT = "script"  # javascript: and vbscript:
    DATA = "data"  # a document or script inside the link (data:text/html, SVG, JavaScript)
    CARRIES_DATA = "carries-data"  # an image that is fetched by showing it, with data in its address


_MOST = 2_048
"""Characters of a link that are looked at."""

_LINK = re.compile(
    r"(?<![a-z0-9+.-])(?:(?P<scheme>https?|wss?|ftps?|file)://(?P<rest>[^\s<>\"'`\\^|]{1,2048})"
    r"|(?P<script>(?:java|vb)script:(?=[^\s]))"
    r"|(?P<data>data:(?:text/(?:html|javascript|xml)|image/svg\+xml|application/(?:x-)?(?:javascript|xhtml\+xml))[;,]))",
    re.IGNORECASE,
)
_IMAGE = re.compile(
    r"(?:!\[[^\]\n]{0,200}\]\(\s{0,4}<?|<img\b[^>\n]{0,200}?\bsrc\s?=\s?[\"']?|url\(\s?[\"']?)$",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}*_'\""
_OPENING = {")": "(", "]": "[", "}": "{"}
_PLACEHOLDER = re.compile(r"\{\w{1,40}\}|\[[A-Z_]{2,40}\]|\$\{?\w{1,40}|%7B\w{1,40}%7D|<[A-Z_]{2,40}>")
_CARRIED = 24
"""Characters in one value of an image's query from which on it counts as carrying data."""

_OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TWINS = frozenset("асеорхуіјѕһԁԛԝѵӏοαρνικυχ")
"""Letters of other alphabets that readers take for Latin ones: a name of these alone is no word."""

_NUMBER = re.compile(r"0x[0-9a-f]{1,16}|[0-9]{1,20}")

Domains = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=253)], ...], msgspec.Meta()]


class UrlSpec(msgspec.Struct, frozen=True, tag_field="type", tag="url", forbid_unknown_fields=True):
    """Finds dangerous links, and links to or outside of listed domains."""

    classes: Annotated[
        tuple[UrlClass, ...],
        msgspec.Meta(
            description="`userinfo`: a name before the host; `ip`: an address as host; `look-alike`: letters "
            "of other alphabets in the host; `script`: javascript: and vbscript:; `data`: active content in "
            "a data: link; `carries-data`: an image whose address carries data out."
        ),
    ] = tuple(UrlClass)
    allow: Annotated[
        Domains, msgspec.Meta(description="Domains, with all below them. A link to any other is a hit.")
    ] = ()
    deny: Annotated[
        Domains, msgspec.Meta(description="Domains, with all below them, whose links are hits.")
    ] = ()

    def detector(self) -> UrlDetector:
        for key, domains in (("allow", self.allow), ("deny", self.deny)):
            for number, domain in enumerate(domains):
                if not _DOMAIN.fullmatch(_ascii(domain.lower().rstrip("."))):
                    help = "write a domain alone: `example.com`, without scheme, path or `*`"
                    raise SpecError((key, number), "this is no domain", help)
        if not (self.classes or self.allow or self.deny):
            raise SpecError(("classes",), "nothing is looked for", "name a class, or domains")
        return UrlDetector(self)


class UrlDetector:
    """Finds links by their scheme and takes them apart; every view is read."""

    inspects = True
    patterns = ()

    def __init__(self, spec: UrlSpec) -> None:
        self.name = "url"
        self._classes = frozenset(spec.classes)
        self._allow = _domains(spec.allow)
        self._deny = _domains(spec.deny)

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        for view in views:
            fresh = view.fresh(_MOST)
            for start, end in [(0, len(view.text))] if fresh is None else fresh:
                text = view.text if fresh is None else view.text[start:end]
                if ":" not in text:
                    continue
                for match in _LINK.finditer(text):
                    deadline.check()
                    last = _end(match)
                    for label, why in self._judge(view, match, match[0][: last - match.start()]):
                        yield view.hit(match.start() + start, last + start, label, why=why)

    def _judge(self, view: View, match: re.Match[str], link: str) -> Iterator[tuple[str, str]]:
        """Labels of a link, with what led to each."""
        if match["script"]:
            if UrlClass.SCRIPT in self._classes:
                yield "URL_SCRIPT", "runs a script"
            return
        if match["data"]:
            if UrlClass.DATA in self._classes:
                yield "URL_DATA", "active content in the link"
            return
        authority, host = _host(link)
        if UrlClass.USERINFO in self._classes and "@" in authority:
            yield "URL_USERINFO", "a name before the host"
        if UrlClass.IP in self._classes and _is_address(host):
            yield "URL_IP", "an address as host"
        # A folded view has some letters of every alphabet replaced: it mixes what its source does not.
        folded = view.name.endswith("folded")
        if (
            UrlClass.LOOK_ALIKE in self._classes
            and not folded
            and any(_looks_alike(part) for part in host.split("."))
        ):
            yield "URL_LOOK_ALIKE", "letters that look like others"
        if (
            UrlClass.CARRIES_DATA in self._classes
            and _IMAGE.search(match.string, max(0, match.start() - 420), match.start())
            and _carries(link)
        ):
            yield "URL_CARRIES_DATA", "an image with data in its address"
        ascii_host = _ascii(host)
        if self._deny and _within(ascii_host, self._deny):
            yield "URL_DENIED", "a denied domain"
        if self._allow and host and not _within(ascii_host, self._allow):
            yield "URL_NOT_ALLOWED", "no allowed domain"


def _end(match: re.Match[str]) -> int:
    """Where the link ends: signs of the sentence around it are not its own."""
    if match["rest"] is None:
        return match.end()
    link = match[0]
    depth = 0
    for place, char in enumerate(link):
        depth += (char == "(") - (char == ")")
        if depth < 0:  # the parenthesis was opened before the link, as in Markdown
            link = link[:place]
            break
    kept = len(link)
    while kept and link[kept - 1] in _TRAILING:
        opening = _OPENING.get(link[kept - 1])
        if opening and link.count(opening, 0, kept) >= link.count(link[kept - 1], 0, kept):
            break
        kept -= 1
    return match.start() + kept


def _host(link: str) -> tuple[str, str]:
    """The authority and the host as browsers read them, lowered."""
    authority = re.split(r"[/?#]", link.partition("://")[2], maxsplit=1)[0]
    host = unquote(authority.rpartition("@")[2])
    if host.startswith("["):
        return authority, host[1:].partition("]")[0].lower()
    # Browsers take these for a full stop.
    return authority, re.sub("[。．｡]", ".", host.partition(":")[0]).lower().rstrip(".")


def _is_address(host: str) -> bool:
    parts = host.split(".")
    if ":" not in host and not (1 <= len(parts) <= 4 and all(_NUMBER.fullmatch(part) for part in parts)):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ":" not in host  # a number, or hexadecimal or octal parts
    return not address.is_loopback and not address.is_unspecified


def _looks_alike(label: str) -> bool:
    """Whether a label in other letters reads as an ASCII one, or mixes alphabets."""
    if label.startswith("xn--"):
        try:
            label = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            return True
    if label.isascii():
        return False
    foreign = [char for char in label if char.isalpha() and not char.isascii()]
    if foreign and all(char in _TWINS for char in foreign):
        return True
    scripts = {unicodedata.name(char, "?").split()[0] for char in foreign}
    return any(char.isascii() and char.isalpha() for char in label) and not scripts.isdisjoint(
        {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
    )


def _carries(link: str) -> bool:
    path, _, query = link.partition("?")
    return (
        any(len(part.partition("=")[2] or part) >= _CARRIED for part in query.split("&"))
        or bool(query and _PLACEHOLDER.search(query))
        or any(_OPAQUE.fullmatch(part) for part in path.split("/")[3:])
    )


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return host


def _domains(names: Sequence[str]) -> frozenset[str]:
    return frozenset(_ascii(name.lower().rstrip(".")) for name in names)


def _within(host: str, domains: frozenset[str]) -> bool:
    parts = host.split(".")
    return any(".".join(parts[number:]) in domains for number in range(len(parts)))
