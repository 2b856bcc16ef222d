"""Values are told apart by their look alone."""

import random

import pytest

from guardrails.catalogue import randomness
from guardrails.catalogue.filler import is_filler, is_reference
from guardrails.catalogue.makers import ALPHABETS, chars, expand
from guardrails.catalogue.names import Telling, telling
from guardrails.catalogue.randomness import ModelError, bits, model
from guardrails.catalogue.values import basic_credential, generated, plausible_password
from guardrails.detectors.assignments import words

WRITTEN = [
    "passwordField",
    "nextToken",
    "my-kubernetes-secret-name",
    "correcthorsebattery",
    "ServerlessV2PlatformVersions",
    "google/gemma-2-9b",
    "0009_alter_user_last_name_max_length",
    "V1SecretEnvSource",
    "getAccessToken",
    "access_token_url",
    "application/json",
    "user_repository",
    "BatchNormalization2d",
    "test_login_redirect",
]


@pytest.mark.parametrize("value", WRITTEN)
def test_what_people_write_is_not_random(value):
    """Names and words of programs have odds below zero."""
    assert bits(value) < 0


@pytest.mark.parametrize("alphabet", ["hex", "alnum", "base62", "base64url", "upper", "letters"])
def test_what_a_generator_draws_is_random(alphabet):
    """Twenty characters of any usual alphabet have odds above ten bits, all but never less."""
    source = random.Random(alphabet)
    drawn = [chars(ALPHABETS[alphabet], 20, source) for _ in range(200)]

    assert sum(bits(value) > 10 for value in drawn) >= 198


def test_another_model_file_is_refused(monkeypatch):
    """Weights that are not those of this version are an error, not a silent change of verdicts."""
    monkeypatch.setattr(randomness, "SHA256", "0" * 64)
    model.cache_clear()
    try:
        with pytest.raises(ModelError):
            bits("anything")
    finally:
        monkeypatch.undo()
        model.cache_clear()


@pytest.mark.parametrize(
    "value",
    [
        "changeme",
        "YOUR_API_KEY",
        "your-secret-token-here",
        "xxxxxxxxxxxx",
        "my_password123",
        "<token>",
        "abcabcabcabc",
        "1234567890",
        "qwertyuiop",
        "insert-key-here",
        "AKIAIOSFODNN7EXAMPLE",
        "••••••••",
    ],
)
def test_filler_is_known(value):
    """What people type where a secret goes."""
    assert is_filler(value)


@pytest.mark.parametrize(
    "value",
    [
        "$TOKEN",
        "${TOKEN}",
        "$(cat token)",
        "{{ .Values.x }}",
        "%TOKEN%",
        "process.env.X",
        "self.token",
        "secrets.GITHUB_TOKEN",
        "getToken()",
        "config['key']",
        "#{token}",
        "prefix-${TOKEN}",
        "%(token)s",
        "{token}",
    ],
)
def test_a_reference_is_known(value):
    """Names of variables, templates and calls."""
    assert is_reference(value)


@pytest.mark.parametrize(
    "value", ["q7Xk2bVw9", "hQ7!vZ2mRt9x", "p@55-w0rd-Zk", "$ecret!Pa55", "b9531ce95e4bd375"]
)
def test_real_looking_values_are_neither(value):
    """A secret is no filler and no reference, whatever marks are in it."""
    assert not is_filler(value)
    assert not is_reference(value)


def test_places_of_passwords_take_what_people_think_up():
    """In a place of its own a weak password counts, a word or a number does not."""
    assert plausible_password("Summer-2026")
    assert plausible_password("hub24aoeu")
    assert not plausible_password("tiger")
    assert not plausible_password("5432")
    assert not generated("Summer")


def test_basic_credentials_decode_to_a_user_and_a_password():
    """Base 64 of anything else is none."""
    assert basic_credential("Ym90OmhRN3ZaMm1SdDl4")
    assert not basic_credential("Ym90aFE3dloybVJ0OXg=")
    assert not basic_credential("not base 64")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_PASSWORD", Telling.PASSWORD),
        ("dbPasswd", Telling.PASSWORD),
        ("apiKey", Telling.TOKEN),
        ("X-Auth-Token", Telling.TOKEN),
        ("clientsecret", Telling.TOKEN),
        ("session_id", Telling.NOTHING),
        ("key", Telling.KEY),
        ("public_key", Telling.NOTHING),
        ("secretName", Telling.NOTHING),
        ("max_tokens", Telling.NOTHING),
        ("password_hash", Telling.NOTHING),
        ("monkeypatch", Telling.NOTHING),
        ("author", Telling.NOTHING),
    ],
)
def test_names_tell_more_or_less(name, expected):
    """By its words a name tells of a password, a token, some key, or nothing."""
    assert telling(words(name)) is expected


def test_examples_are_the_same_at_every_run():
    """A template makes one text for one seed, and another for another."""
    assert expand("{base62(30)}", "a") == expand("{base62(30)}", "a") != expand("{base62(30)}", "b")
    assert set(expand("{[A-C](40)}", "a")) == set("ABC")
