"""Surrogates: made-up values of the same shape, the same one for the same value of a tenant.

A surrogate must never be taken for somebody's value, or masking twice would change it. So each is either
something that no detector finds, because its check digits are wrong on purpose, or it carries a mark and a
proof by the tenant's key, by which `own_surrogates` knows it again: an address at a domain set aside for
examples, a number of a range that is never dialled, the middle initial Q. The mark alone excuses nobody's
value by accident: what has it is either fictional by its range or must have the proof as well.
"""

from __future__ import annotations

import importlib
import random
import re
import string
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from guardrails.catalogue import proofs
from guardrails.catalogue.identifier_kinds import Identifier, identifiers
from guardrails.catalogue.samples import draw
from guardrails.masking.keys import Keys
from guardrails.masking.placeholders import placeholder
from guardrails.masking.subjects import Sharing
from guardrails.model import Span

MAX_DRAWS = 5_000

_BASE32 = "abcdefghijkmnpqrstuvwxyz23456789"
_NAME_DRAWS = 64  # of so many drawn names one carries the proof


Locale = Literal[
    "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "pt_PT", "nl_NL", "pl_PL"
]  # fmt: skip


class SurrogateMask(
    msgspec.Struct, frozen=True, tag_field="with", tag="surrogate", forbid_unknown_fields=True
):
    """A made-up value of the same shape; a placeholder where none can be told from a real one."""

    locale: Annotated[Locale, msgspec.Meta(description="Whose names the made-up people have.")] = "en_US"
    checksum: Annotated[
        Literal["invalid", "valid"],
        msgspec.Meta(
            description="`invalid`: check digits are wrong, so that no system takes the number. `valid`: a "
            "payment card gets a number of the test range 4242 42 that passes; what has no such range stays "
            "invalid."
        ),
    ] = "invalid"
    subjects: Sharing = "apart"


def surrogate(mask: SurrogateMask, keys: Keys, tenant: str, label: str, value: str) -> str:
    """What stands for `value`: never the value itself, and the same for the same tenant, label and value."""
    make = _MAKERS.get(label, _identifier if label in identifiers() else None)
    form = _FORMS.get(label)
    # A value in another writing (Base64, say) keeps nothing of it: its letters are the value's too.
    if make is not None and (form is None or form.fullmatch(value)):
        work = _Work(mask, keys, tenant, label, value)
        for _ in range(MAX_DRAWS):
            made = make(work)
            if made is None:
                break
            if made and made != value:
                return made
    return placeholder(keys, tenant, label, value)


class _Work:
    """One value to be replaced, and randomness that only the tenant's key can repeat."""

    def __init__(self, mask: SurrogateMask, keys: Keys, tenant: str, label: str, value: str) -> None:
        self.mask = mask
        self.keys = keys
        self.tenant = tenant
        self.label = label
        self.value = value
        seed = int.from_bytes(keys.mac("surrogate", tenant, label, value), "big")
        self.random = random.Random(seed)  # noqa: S311 - the seed is a keyed hash

    def digits(self, count: int) -> str:
        return "".join(self.random.choices(string.digits, k=count))

    def letters(self, count: int) -> str:
        return "".join(self.random.choices(_BASE32, k=count))

    def fill(self, digits: str) -> str:
        """The value with its digits replaced one by one; what is between them stays."""
        left = iter(digits)
        return "".join(next(left) if char.isdigit() else char for char in self.value)


def _proof(keys: Keys, tenant: str, body: str, size: int) -> int:
    """A number below `size` that only the key gives for `body`."""
    return int.from_bytes(keys.mac("surrogate-proof", tenant, body.casefold())[:8], "big") % size


def _proof_letters(keys: Keys, tenant: str, body: str) -> str:
    number = _proof(keys, tenant, body, 32**5)
    return "".join(_BASE32[number >> (5 * place) & 31] for place in range(5))


def _token(work: _Work) -> str:
    body = work.letters(5)
    return body + _proof_letters(work.keys, work.tenant, body)


def _email(work: _Work) -> str:
    first = _ascii(_names(work.mask.locale)[0](work.random))
    return f"{first}.{_token(work)}@example.com"


def _url(work: _Work) -> str:
    scheme = re.match(r"(https?|ftp)://", work.value)
    return f"{scheme[1] if scheme else 'https'}://{_token(work)}.example.com/"


def _address(work: _Work) -> str:
    if ":" in work.value:
        return "2001:db8:" + ":".join(f"{work.random.getrandbits(16):x}" for _ in range(6))
    network = work.random.choice(("192.0.2.", "198.51.100.", "203.0.113."))
    return network + str(work.random.randint(1, 254))


def _mac(work: _Work) -> str:
    digits = f"00005e0053{work.random.randint(0, 255):02x}"
    if any(char.isupper() for char in work.value):
        digits = digits.upper()
    left = iter(digits)
    return "".join(next(left) if char.isalnum() else char for char in work.value)


def _card(work: _Work) -> str:
    count = sum(char.isdigit() for char in work.value)
    if work.mask.checksum == "valid":
        body = "424242" + work.digits(6)
        body += f"{_proof(work.keys, work.tenant, body, 1000):03d}"
        digits = body + str(next(last for last in range(10) if proofs.luhn(body + str(last))))
        return work.fill(digits) if count == 16 else digits
    brand = work.value.lstrip()[:1]
    digits = brand + work.digits(count - 1)
    return "" if proofs.luhn(digits) else work.fill(digits)


def _iban(work: _Work) -> str:
    """The same country and length, with check digits that fail, however much of it is read."""
    kept = 0
    made = ""
    for char in work.value:
        if not char.isalnum():
            made += char
            continue
        kept += 1
        if kept <= 2:
            made += char
        elif kept <= 4:
            made += "0"
        elif char.isdigit():
            made += work.digits(1)
        else:
            letter = work.random.choice(string.ascii_uppercase)
            made += letter if char.isupper() else letter.lower()
    compact = "".join(char for char in made.upper() if char.isalnum())
    return "" if any(proofs.iban(compact[:size]) for size in range(15, len(compact) + 1)) else made


def _ssn(work: _Work) -> str:
    """A number of area 000, which is never issued."""
    return work.fill(f"000{work.random.randint(10, 99)}{work.random.randint(1, 9999):04d}")


def _identifier(work: _Work) -> str | None:
    """A new value of the same shape that every proof refuses; None where there is nothing to refuse it by."""
    record = identifiers()[work.label]
    compact = "".join(char for char in work.value.upper() if char.isalnum())
    if not record.proof or not re.fullmatch(record.compact, compact):
        return None
    drawn = draw(record.compact, work.random)
    if _shape(drawn) != _shape(compact):
        return ""
    left = iter(drawn)
    made = "".join(next(left) if char.isalnum() else char for char in work.value)
    written = made.upper()
    # What the same words announce, or what needs none, must refuse it as well.
    for one in _confusable(work.label):
        strong = any(re.fullmatch(form, written) for form in one.strong)
        if (strong or re.fullmatch(one.compact, drawn)) and one.proven(written, drawn):
            return "" if one.proof else None
    return made if work.value.upper() == work.value else made.lower()


def _shape(compact: str) -> str:
    return "".join("9" if char.isdigit() else "A" for char in compact)


@lru_cache(maxsize=512)
def _confusable(entity: str) -> tuple[Identifier, ...]:
    """The identifier, and those that have a strong form or one of its context words."""
    record = identifiers()[entity]
    return tuple(
        one
        for one in identifiers().values()
        if one is record or one.strong or not {*one.words}.isdisjoint(record.words)
    )


def _phone(work: _Work) -> str:
    """North American numbers from the fictional 555-01xx; others begin with 000, which nobody can dial."""
    value = work.value
    digits = "".join(char for char in value if char.isdigit())
    national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    american = len(national) == 10 and national[0] not in "01" and not re.match(r"\+(?!1)", value)
    if american:
        area, last = f"{work.random.randint(2, 9)}{work.digits(2)}", work.digits(2)
        if _proof(work.keys, work.tenant, f"{area}55501{last}", 16):
            return ""
        return work.fill(digits[: len(digits) - 10] + f"{area}55501{last}")
    country = _country_code(value)
    size = max(7, min(len(digits) - len(country), 11))
    body = "000" + work.digits(size - 6)
    body += f"{_proof(work.keys, work.tenant, body, 1000):03d}"
    return f"+{country} {body[:3]} {body[3:]}" if country else f"{body[:3]} {body[3:]}"


def _country_code(value: str) -> str:
    match = re.match(r"(?:\+|00) ?\(?(\d{1,3})", value)
    if match is None:
        return ""
    import phonenumbers

    known: Any = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((match[1][:size] for size in (1, 2, 3) if int(match[1][:size]) in known), match[1])


def _crypto(work: _Work) -> str:
    head = (
        2 if work.value.lower().startswith("0x") else 4 if work.value[:4].lower() in ("bc1q", "ltc1") else 1
    )
    alphabet = {2: "0123456789abcdefABCDEF", 4: "qpzry9x8gf2tvdw0s3jn54khce6mua7l"}.get(
        head, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    )
    made = work.value[:head] + "".join(work.random.choices(alphabet, k=len(work.value) - head))
    mixed = made[head:] not in (made[head:].lower(), made[head:].upper())
    return made if not proofs.wallet(made) and (head != 2 or mixed) else ""


def _birth(work: _Work) -> str:
    """A day of the nineteenth century, which nobody alive was born in, in the same order of numbers."""
    day, month = work.random.randint(1, 28), work.random.randint(1, 12)
    year = work.random.randint(1850, 1899)
    separators: list[str] = re.findall(r"[./\-] ?", work.value)
    if len(separators) != 2:  # a month in words: its name would tell it
        return f"{year}-{month:02d}-{day:02d}"
    written = [f"{year}", f"{month:02d}", f"{day:02d}"]
    if not re.match(r"\d{4}", work.value):
        written.reverse()
    return separators[0].join(written)


_PLAIN = re.compile(r"[^\W\d_]{2,16}")


@lru_cache(maxsize=16)
def _names(locale: str) -> tuple[Callable[[random.Random], str], Callable[[random.Random], str]]:
    """Draws a first and a last name of the locale."""
    # The lists alone: a Faker object takes a tenth of a second to build and draws less evenly.
    person: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
    firsts, lasts = (
        sorted(name for name in {*names} if _PLAIN.fullmatch(name))
        for names in (person.first_names, getattr(person, "unisex_last_names", person.last_names))
    )
    return (lambda source: source.choice(firsts)), (lambda source: source.choice(lasts))


def _cased(made: str, value: str) -> str:
    if value.isupper():
        return made.upper()
    return made.lower() if value.islower() else made


def _drawn(work: _Work, form: str) -> str:
    first, last = _names(work.mask.locale)
    made = form.format(first=first(work.random), last=last(work.random))
    return "" if _proof(work.keys, work.tenant, made, _NAME_DRAWS) else _cased(made, work.value)


def _person(work: _Work) -> str:
    return _drawn(work, "{first} Q. {last}")


def _place(work: _Work) -> str:
    return _drawn(work, "{last}-{first}-Example")


def _organisation(work: _Work) -> str:
    return _drawn(work, "{last} {first} Example Group")


def _ascii(name: str) -> str:
    import unicodedata

    plain = unicodedata.normalize("NFD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain) or "someone"


_FORMS = {
    "CREDIT_CARD": re.compile(r"\d(?:[ .\-]?\d){11,18}"),
    "US_SSN": re.compile(r"\d{3}[ .\-]?\d\d[ .\-]?\d{4}"),
    "IBAN_CODE": re.compile(r"[A-Za-z]{2}\d\d(?:[ \-]?[A-Za-z0-9]){11,30}"),
    "MAC_ADDRESS": re.compile(r"[0-9A-Fa-f]{2}(?:[:.\-]?[0-9A-Fa-f]{2}){5}"),
    "IP_ADDRESS": re.compile(r"[0-9.]{7,15}|[0-9A-Fa-f:.]{3,45}"),
    "CRYPTO": re.compile(r"[A-Za-z0-9]{20,120}"),
    "PHONE_NUMBER": re.compile(r"[+(]{0,2}\d[\d .()\-/]{4,30}(?: ?(?:x|ext\.?|#) ?\d{1,6})?"),
}
"""How a value must be written for its surrogate to keep the form; any other gets a placeholder."""

_MAKERS: dict[str, Callable[[_Work], str | None]] = {
    "EMAIL_ADDRESS": _email,
    "URL": _url,
    "IP_ADDRESS": _address,
    "MAC_ADDRESS": _mac,
    "PHONE_NUMBER": _phone,
    "CREDIT_CARD": _card,
    "IBAN_CODE": _iban,
    "US_SSN": _ssn,
    "CRYPTO": _crypto,
    "DATE_OF_BIRTH": _birth,
    "URL_CREDENTIALS": lambda _work: "user:password",
    "PERSONAL_PATH": lambda _work: "user",
    "PERSON": _person,
    "LOCATION": _place,
    "ORGANIZATION": _organisation,
}


_NAME = r"[^\W\d_]{2,16}"
_TOKEN = rf"(?P<body>[{_BASE32}]{{5}})(?P<proof>[{_BASE32}]{{5}})"


class _Mark(msgspec.Struct, frozen=True):
    """How a sort of surrogate is known: a literal of it, how far it reaches around that, and its form."""

    literals: tuple[str, ...]
    before: int
    after: int
    form: re.Pattern[str]
    proven: Callable[[Keys, str, re.Match[str]], bool]


def _digits(match: re.Match[str]) -> str:
    return "".join(char for char in match["number"] if char.isdigit())


def _right_token(keys: Keys, tenant: str, match: re.Match[str]) -> bool:
    return _proof_letters(keys, tenant, match["body"]) == match["proof"]


def _right_name(keys: Keys, tenant: str, match: re.Match[str]) -> bool:
    return _proof(keys, tenant, match[0], _NAME_DRAWS) == 0


def _right_fictional(keys: Keys, tenant: str, match: re.Match[str]) -> bool:
    return _proof(keys, tenant, _digits(match), 16) == 0


def _right_nowhere(keys: Keys, tenant: str, match: re.Match[str]) -> bool:
    digits = _digits(match)
    return _proof(keys, tenant, digits[:-3], 1000) == int(digits[-3:])


def _right_card(keys: Keys, tenant: str, match: re.Match[str]) -> bool:
    digits = _digits(match)
    return _proof(keys, tenant, digits[:12], 1000) == int(digits[12:15])


_GAP = r"[ ().\-/]{0,3}"
_MARKS = (
    _Mark(("@example.com",), 32, 12, re.compile(rf"[a-z]{{1,20}}\.{_TOKEN}@example\.com"), _right_token),
    _Mark((".example.com/",), 24, 13, re.compile(rf"[a-z]{{2,10}}://{_TOKEN}\.example\.com/"), _right_token),
    _Mark((" Q. ", " q. "), 16, 20, re.compile(rf"{_NAME} [Qq]\. {_NAME}"), _right_name),
    _Mark(
        ("-Example", "-example", "-EXAMPLE"),
        33,
        8,
        re.compile(rf"{_NAME}-{_NAME}-example\b", re.IGNORECASE),
        _right_name,
    ),
    _Mark(
        (" Example Group", " example group", " EXAMPLE GROUP"),
        33,
        14,
        re.compile(rf"{_NAME} {_NAME} example group\b", re.IGNORECASE),
        _right_name,
    ),
    _Mark(
        ("555",),
        12,
        11,
        re.compile(rf"(?:\+?1{_GAP})?\(?(?P<number>[2-9]\d\d{_GAP}555{_GAP}01{_GAP}\d{_GAP}\d)(?!\d)"),
        _right_fictional,
    ),
    _Mark(
        ("000 ",),
        6,
        14,
        re.compile(r"(?:\+\d{1,3} )?(?<!\d)(?P<number>000 \d{4,8})(?!\d)"),
        _right_nowhere,
    ),
    _Mark(
        ("4242",),
        0,
        20,
        re.compile(r"(?P<number>4242[ \-]?42\d\d[ \-]?\d{4}[ \-]?\d{4})(?!\d)"),
        _right_card,
    ),
)


def own_surrogates(keys: Keys, tenant: str, text: str) -> Iterator[Span]:
    """Where surrogates stand that the service made for this tenant and that a detector would find again."""
    for mark in _MARKS:
        for literal in mark.literals:
            at = text.find(literal)
            while at >= 0:
                first = max(0, at - mark.before)
                match = mark.form.search(text, first, at + mark.after)
                if (
                    match is not None
                    and match.start() <= at < match.end()
                    and mark.proven(keys, tenant, match)
                ):
                    yield Span(match.start(), match.end())
                at = text.find(literal, at + 1)
