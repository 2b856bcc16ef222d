"""Surrogates: realistic, stable per tenant, never the value, and never masked again."""

import base64
import datetime as dt
import random

import pytest

from guardrails.catalogue import proofs, samples
from guardrails.catalogue.identifier_kinds import identifiers
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, SurrogateMask, apply_plan, own_placeholders, replacement
from guardrails.masking.plan import Replacement
from guardrails.model import Address, Context, Hook, Kind, Role, Segment, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file

KEYS = Keys(b"0" * 32)
OTHER = Keys(b"1" * 32)
MASK = SurrogateMask()

VALUES = [
    ("EMAIL_ADDRESS", "write to ", "ada.lovelace@acme-mail.com"),
    ("PHONE_NUMBER", "call ", "(415) 736-0132"),
    ("PHONE_NUMBER", "call ", "+1 212-736-5000"),
    ("PHONE_NUMBER", "phone ", "+49 30 23125 123"),
    ("PHONE_NUMBER", "phone ", "079 0442 1744"),
    ("PHONE_NUMBER", "tel ", "668 5702"),
    ("CREDIT_CARD", "card ", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "card ", "378282246310005"),
    ("IBAN_CODE", "IBAN ", "DE89 3704 0044 0532 0130 00"),
    ("US_SSN", "SSN ", "536-90-4399"),
    ("IP_ADDRESS", "client IP ", "81.2.69.142"),
    ("IP_ADDRESS", "client IP ", "2a00:1450:4001:82a::200e"),
    ("MAC_ADDRESS", "ether ", "3c:22:fb:00:a1:9e"),
    ("CRYPTO", "wallet ", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("CRYPTO", "wallet ", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
    ("CRYPTO", "ethereum wallet ", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("DATE_OF_BIRTH", "born on ", "3 March 1984"),
    ("DATE_OF_BIRTH", "DOB: ", "1984-03-04"),
    ("URL", "see ", "https://acme-mail.com/ada"),
    ("URL_CREDENTIALS", "postgres://", "bob:Tr0ub4dorX"),
    ("PERSONAL_PATH", "/home/", "lovelace"),
    ("PASSPORT_MRZ", "", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
]
AFTER = {"URL_CREDENTIALS": "@db.acme.com/x", "PERSONAL_PATH": "/src"}


def engine(*options):
    text = (
        "version: 1\npolicy: surrogates\nrules:\n"
        "  - id: pii\n    title: Personal data\n    severity: high\n"
        "    detect: {type: pii, entities: [identifiers, URL, PERSONAL_PATH]}\n"
        f"    action: mask\n    mask: {{with: surrogate{''.join(options)}}}\n"
    )
    compiled = compile_files([load_file(text, "surrogates.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


@pytest.fixture(scope="module")
def invalid():
    return engine()


@pytest.fixture(scope="module")
def valid():
    return engine(", checksum: valid, locale: de_DE")


def mask(engine, text, tenant="acme"):
    segment = Segment(Address("/0"), Role.USER, Kind.TEXT, text)
    deadline, today = Deadline.after(20), dt.date(2026, 11, 24)
    decision = engine.judge([segment], Hook.REQUEST, Context(tenant=tenant), deadline=deadline, today=today)
    edits = sorted(Replacement(one.start, one.end, one.text) for one in decision.edits)
    return decision, apply_plan(text, edits)


@pytest.mark.parametrize("which", ["invalid", "valid"])
@pytest.mark.parametrize(("label", "before", "value"), VALUES)
def test_masking_twice_changes_nothing(which, label, before, value, request):
    """A text is masked once: the surrogate in it is left alone, by whichever rule."""
    judged = request.getfixturevalue(which)
    text = f"{before}{value}{AFTER.get(label, '')} today"
    first, masked = mask(judged, text)
    assert first.verdict is Verdict.MASK
    assert value not in masked

    again, unchanged = mask(judged, masked)
    assert again.verdict is Verdict.ALLOW, [(one.label, one.why) for one in again.findings]
    assert unchanged == masked


@pytest.mark.parametrize("entity", sorted(identifiers()))
def test_identifiers_become_others_that_nothing_finds(entity, invalid):
    """For every identifier of the catalogue, masking beside its context word is stable at once."""
    record = identifiers()[entity]
    value = samples.sample(record, random.Random(f"surrogate {entity}"))
    first, masked = mask(invalid, f"My {record.words[0]} is {value}, thanks.")
    assert first.verdict is Verdict.MASK
    assert value not in masked

    again, _ = mask(invalid, masked)
    assert again.verdict is Verdict.ALLOW, (masked, [(one.label, one.why) for one in again.findings])


@pytest.mark.parametrize("label", ["PERSON", "LOCATION", "ORGANIZATION"])
@pytest.mark.parametrize("value", ["John Smith", "JOHN", "smith"])
@pytest.mark.parametrize("locale", ["en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "nl_NL", "pl_PL"])
def test_names_are_marked_and_known_again(label, value, locale):
    """A made-up name is of the locale, in the value's case, and known again by the same key alone."""
    made = replacement(SurrogateMask(locale=locale), KEYS, "acme", label, value)
    text = f"Yesterday {made} wrote."

    assert value not in made
    assert made.isupper() == value.isupper()
    assert [text[one.start : one.end] for one in own_placeholders(KEYS, "acme", text)] == [made]
    assert value.islower() == made.islower()


def test_a_surrogate_is_stable_and_of_one_tenant():
    """The same value is the same surrogate, anywhere; another tenant, label or secret has another."""
    made = replacement(MASK, KEYS, "acme", "EMAIL_ADDRESS", "ada@acme.com")

    assert made == replacement(MASK, Keys(b"0" * 32), "acme", "EMAIL_ADDRESS", "ada@acme.com")
    assert made != replacement(MASK, KEYS, "other", "EMAIL_ADDRESS", "ada@acme.com")
    assert made != replacement(MASK, OTHER, "acme", "EMAIL_ADDRESS", "ada@acme.com")
    assert own_placeholders(KEYS, "acme", made)
    assert not own_placeholders(KEYS, "other", made)
    assert not own_placeholders(OTHER, "acme", made)


def test_a_surrogate_of_another_tenant_is_masked(invalid):
    """What another tenant's key made is like any value."""
    _, masked = mask(invalid, "write to ada@acme-mail.com", tenant="acme")
    decision, _ = mask(invalid, masked, tenant="other")

    assert decision.verdict is Verdict.MASK


@pytest.mark.parametrize("number", range(200))
def test_real_values_are_not_taken_for_surrogates(number):
    """Numbers, addresses and names that nobody made up here carry no proof."""
    source = random.Random(number)
    digits = "".join(source.choices("0123456789", k=10))
    texts = [
        f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
        f"+49 {digits[:3]} {digits[3:]}",
        f"person{digits}@example.com",
        f"5555 55{digits[:2]} {digits[2:6]} {digits[6:]}",
        "Ada Lovelace",
    ]
    assert [one for text in texts for one in own_placeholders(KEYS, "acme", text)] == []


@pytest.mark.parametrize("value", ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"])
def test_card_numbers_pass_or_fail_luhn_by_choice(value):
    """`invalid` keeps the shape and fails Luhn; `valid` passes it, from the range for tests."""

    def digits(text):
        return "".join(char for char in text if char.isdigit())

    wrong = replacement(MASK, KEYS, "acme", "CREDIT_CARD", value)
    right = replacement(SurrogateMask(checksum="valid"), KEYS, "acme", "CREDIT_CARD", value)

    assert [char if not char.isdigit() else "9" for char in wrong] == [
        char if not char.isdigit() else "9" for char in value
    ]
    assert not proofs.luhn(digits(wrong))
    assert proofs.luhn(digits(right))
    assert digits(right).startswith("424242")


def test_what_cannot_be_told_from_a_real_value_gets_a_placeholder():
    """A passport number has no check digit that could be wrong; a custom entity has no shape we know."""
    for label in ("US_PASSPORT", "BADGE", "NRP"):
        assert replacement(MASK, KEYS, "acme", label, "123456789").startswith(f"MASKED_{label}_")


@pytest.mark.parametrize(("label", "value"), sorted({(label, value) for label, _, value in VALUES}))
def test_an_encoded_value_leaves_nothing_of_its_writing(label, value):
    """What stands in Base64 or with escapes is replaced whole, with no letter of the writing kept."""
    for writing in (
        base64.b64encode(value.encode()).decode(),
        "".join(f"%{ord(char):02X}" for char in value),
    ):
        made = replacement(MASK, KEYS, "acme", label, writing)
        pairs = {writing[place : place + 4] for place in range(len(writing) - 3)}
        assert not any(pair in made for pair in pairs if not pair.isdigit())


def test_nothing_of_the_value_is_in_the_surrogate():
    """Names within a value do not survive: neither in an address nor in a fiscal code."""
    assert "ada" not in replacement(MASK, KEYS, "acme", "EMAIL_ADDRESS", "ada@acme.com")
    assert "RSSMRA" not in replacement(MASK, KEYS, "acme", "IT_FISCAL_CODE", "RSSMRA85T10A562S")
