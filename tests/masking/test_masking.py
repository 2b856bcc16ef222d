"""Masking: operators, placeholders, plans."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.masking import (
    EncryptMask,
    HashMask,
    Keys,
    PartialMask,
    PlaceholderMask,
    RedactMask,
    ReplaceMask,
    Replacement,
    apply_plan,
    decrypt,
    inserted,
    own_placeholders,
    placeholder,
    plan,
    replacement,
    to_source,
)
from guardrails.model import Span

KEYS = Keys(b"0" * 32)
OTHER = Keys(b"1" * 32)
VALUE = "ada@example.com"


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (ReplaceMask(text="[mail]"), "[mail]"),
        (RedactMask(), ""),
        (PartialMask(keep_first=2), "ad*************"),
        (PartialMask(keep_last=4), "***********.com"),
        (PartialMask(keep_first=12, keep_last=12, char="#"), "ada########.com"),
    ],
)
def test_an_operator_writes_what_its_block_says(mask, expected):
    """Replace, redact and partial give the text that their settings describe."""
    assert replacement(mask, KEYS, "acme", "EMAIL_ADDRESS", VALUE) == expected


@given(st.text(min_size=1, max_size=40), st.integers(0, 12), st.integers(0, 12))
def test_partial_never_keeps_more_than_half(value, first, last):
    """Whatever is asked for, at least half of a value is hidden."""
    mask = PartialMask(keep_first=first, keep_last=last, char="\0")
    masked = replacement(mask, KEYS, "acme", "X", value)

    assert len(masked) == len(value)
    assert masked.count("\0") >= len(value) / 2


def test_a_placeholder_is_stable_per_tenant_label_and_value():
    """The same value gives the same placeholder; another tenant, label, value or secret another one."""
    first = placeholder(KEYS, "acme", "EMAIL_ADDRESS", VALUE)

    assert first == placeholder(Keys(b"0" * 32), "acme", "EMAIL_ADDRESS", VALUE)
    others = {
        placeholder(KEYS, "other", "EMAIL_ADDRESS", VALUE),
        placeholder(KEYS, "acme", "PERSON", VALUE),
        placeholder(KEYS, "acme", "EMAIL_ADDRESS", VALUE + "x"),
        placeholder(OTHER, "acme", "EMAIL_ADDRESS", VALUE),
    }
    assert first not in others
    assert len(others) == 4


def test_only_the_tenants_own_placeholders_are_known():
    """A text that looks like a placeholder, or another tenant's, is not taken for one."""
    own = placeholder(KEYS, "acme", "EMAIL_ADDRESS", VALUE)
    foreign = placeholder(KEYS, "other", "EMAIL_ADDRESS", VALUE)
    forged = own[:-3] + ("000" if own[-3:] != "000" else "111")
    text = f"{own} {foreign} {forged}"

    assert own_placeholders(KEYS, "acme", text) == [Span(0, len(own))]


def test_a_hash_is_keyed_and_the_same_for_equal_values():
    """Equal values have equal hashes for a tenant, and another secret gives another hash."""
    one = replacement(HashMask(length=32), KEYS, "acme", "X", VALUE)

    assert one == replacement(HashMask(length=32), KEYS, "acme", "Y", VALUE)
    assert one != replacement(HashMask(length=32), OTHER, "acme", "X", VALUE)
    assert len(one) == 32


def test_encrypt_is_turned_back_by_the_same_tenant_only():
    """Decrypting with the tenant's key gives the value; another tenant gets an error."""
    hidden = replacement(EncryptMask(), KEYS, "acme", "X", VALUE)

    assert VALUE not in hidden
    assert decrypt(KEYS, "acme", hidden) == VALUE
    with pytest.raises(ValueError, match="tenant's key"):
        decrypt(KEYS, "other", hidden)


def test_a_short_secret_is_refused():
    """A secret below 32 bytes is an error that says how long it is."""
    with pytest.raises(ValueError, match="has 5 bytes"):
        Keys(b"short")


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda p: Span(p[0], p[0] + p[1])))


@given(SPANS)
def test_a_plan_is_disjoint_ascending_and_covers_every_span(spans):
    """Overlapping spans are joined, so that edits never overlap and no part of a span is left."""
    joined = plan(spans)

    assert all(one.end <= two.start for one, two in pairwise(joined))
    assert all(any(one.covers(span) for one in joined) for span in spans)


@given(SPANS, st.lists(st.text("xyz", max_size=12), min_size=60, max_size=60), st.data())
def test_a_place_after_masking_maps_back_to_the_source(spans, texts, data):
    """A span outside replacements names the same text in the source; one within a replacement is None."""
    source = "".join(chr(0x4E00 + place) for place in range(60))
    replacements = [
        Replacement(one.start, one.end, text) for one, text in zip(plan(spans), texts, strict=False)
    ]
    masked = apply_plan(source, replacements)
    places = inserted(replacements)
    start = data.draw(st.integers(0, max(0, len(masked) - 1)))
    end = data.draw(st.integers(start, len(masked)))
    back = to_source(Span(start, end), replacements, places)

    kept = {char for char in masked[start:end] if ord(char) >= 0x4E00}
    if back is None:
        assert not kept
    else:
        assert kept <= set(source[back.start : back.end])


@pytest.mark.parametrize("mask", [PlaceholderMask(), HashMask(), EncryptMask(), RedactMask()])
def test_no_operator_writes_the_value(mask):
    """No part of a value of three characters or more is in what replaces it."""
    hidden = replacement(mask, KEYS, "acme", "X", VALUE)

    assert not any(VALUE[at : at + 3] in hidden for at in range(len(VALUE) - 2))
