"""What the proofs of a value accept and refuse, against values whose checks are computed elsewhere."""

import base64
import json
import struct
import zlib

import pytest

from guardrails.catalogue import validators
from guardrails.catalogue.makers import expand
from guardrails.catalogue.secret_kinds import kinds
from guardrails.catalogue.validators import REQUIRED, SUPPORTING

RANDOM = "mQ7ZkT2vXw9LrB4nYc8HdJ5sPf3GaEu6"


def crc(text):
    return zlib.crc32(text.encode())


def base36(number):
    digits = ""
    while number:
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36] + digits
        number //= 36
    return digits.rjust(7, "0")


def jwt(header):
    part = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{part}.e30.c2lnbmF0dXJl"


VALID = {
    "github-checksum": expand("ghp_{github(36)}", "a"),
    "grafana-checksum": f"glsa_{RANDOM}_{struct.pack('<I', crc(f'glsa_{RANDOM}')).hex()}",
    "gitlab-checksum": f"glpat-{RANDOM}.01.10" + base36(crc(f"glpat-{RANDOM}.01.10")),
    "atlassian-checksum": f"ATATT3{RANDOM}={crc(f'ATATT3{RANDOM}='):08X}",
    "cloudflare-checksum": f"cfut_{RANDOM}{RANDOM[:8]}{crc(RANDOM + RANDOM[:8]):08x}",
    "base58check": expand("{wif()}", "a"),
    "bech32-checksum": "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
    "wif": expand("{wif()}", "a"),
    "stellar-seed": expand("{stellar()}", "a"),
}
"""The bech32 value is a public one: the recipient of the test vectors of age."""


@pytest.mark.parametrize("name", sorted(VALID))
def test_a_checksum_holds_for_its_value_and_for_no_neighbour(name):
    """The value passes, and with any one of its last characters changed it fails."""
    check = (REQUIRED | SUPPORTING)[name]
    value = VALID[name]

    assert check(value)
    for place in range(len(value) - 12, len(value)):
        other = "2" if value[place] != "2" else "3"
        if value[place] == "=":
            continue
        assert not check(value[:place] + other + value[place + 1 :])


def test_a_known_token_of_grafana_passes():
    """The example of Grafana's own tests has a valid checksum, so the byte order is theirs."""
    assert validators.grafana_checksum("glsa_" + "yscW25imSKJIuav8zF37RZmnbiDvB05G" + "_fcaaf58a")


def test_atlassian_counts_the_equals_sign_or_not():
    """Both readings of the checksum are in use."""
    assert validators.atlassian_checksum(f"ATATT3{RANDOM}={crc(f'ATATT3{RANDOM}'):08X}")


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        ("class-mix", RANDOM, "passwordField"),
        ("class-mix", "sKdHfWqPzXmBvNtYrGcJ", "someCamelCaseIdentifier"),
        ("class-mix", RANDOM, RANDOM.lower()),
        ("case-mix", "aB", "ab"),
        ("not-hex", "deadbeeg", "DEADbeef01"),
        ("random", RANDOM, "aaaaaaaaaaaaaaaa"),
        ("random", "r8_" + RANDOM, "12345678-ABCD-ABCD-ABCD-1234567890AB"),
        ("random", RANDOM + "0123456789", "gsk_0123456789abcdefghijklmnopqrstuvwxyz"),
        ("mixed", RANDOM, "onlylettershere"),
        ("not-marked", "glpat-aBcDeFgHiJkLmNoPqRsT", "glpat-xxxxxxxxxxxxxxxxxxxx"),
        ("not-marked", RANDOM, "sk-proj-your-key-here"),
        ("not-marked", RANDOM, "AKIAIOSFODNN7EXAMPLE"),
        ("no-placeholder", RANDOM, "${GITHUB_TOKEN}"),
        ("no-documented-example", "AKIAIOSFODNN7ABCDEFG", "AKIAIOSFODNN7EXAMPLE"),
        ("not-uuid-or-hash", RANDOM, "d41d8cd98f00b204e9800998ecf8427ed41d8cd9"),
        ("jwt", jwt({"alg": "HS256"}), jwt({"typ": "JWT"})),
        ("jwt", jwt({"alg": "none"}), "eyJub3QganNvbg.e30.x"),
        ("discord-token", base64.b64encode(b"123456789012345678").decode() + ".a.b", "TWFueQ==.a.b"),
        ("slack-token", "xoxb-1234567890-1234567890-" + RANDOM[:24], "xoxb-1234567890-" + RANDOM[:24]),
        ("aws-account", "AKIA" + "Q" * 16, "AKIA" + "7" * 16),
        ("aws-account", "AKIA" + "Q" * 16, "AKIA0189018901890189"),
        ("wif", VALID["wif"], "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("base58check", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfN0"),
        ("bech32-checksum", VALID["bech32-checksum"].upper(), "no separator"),
        ("stellar-seed", VALID["stellar-seed"], "S" + "A" * 55),
    ],
)
def test_a_proof_tells_the_two_apart(name, passes, fails):
    """Each proof passes the one and refuses the other."""
    check = (REQUIRED | SUPPORTING)[name]

    assert check(passes)
    assert not check(fails)


@pytest.mark.parametrize("name", sorted(REQUIRED | SUPPORTING))
@pytest.mark.parametrize("value", ["a", "é" * 40, "\x00", "." * 30, "_", "=", "A" * 5000, RANDOM * 100])
def test_any_value_has_an_answer(name, value):
    """No proof raises, whatever it is given."""
    assert (REQUIRED | SUPPORTING)[name](value) in {True, False}


def test_a_long_random_value_is_no_filler():
    """A value longer than its alphabet still passes: few different characters in many are chance."""
    value = expand("{base64url(2000)}", "a")

    assert validators.no_placeholder(value)
    assert validators.not_marked(value)


def test_a_short_word_counts_only_by_itself():
    """Four letters come together by chance in many a token; as a word of their own they are typed."""
    assert validators.not_marked("xoxb-265210455446-bRyHq7fakeXFf5iJzDAZvUF2")
    assert validators.not_marked("q7Bxxxxm" + RANDOM)
    assert not validators.not_marked("sk-ant-fake-" + RANDOM)
    assert not validators.not_marked("token-xxxx-" + RANDOM)


def test_every_proof_is_used():
    """The catalogue names each proof at least once."""
    used = {one for kind in kinds().values() for one in kind.validators}

    assert sorted(set(REQUIRED | SUPPORTING) - used) == []
