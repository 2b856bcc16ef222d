"""Where a token may begin and end in what people paste."""

import json
import random
import string
from urllib.parse import quote

import pytest
import regex

from guardrails.catalogue.boundaries import standing_alone

TOKEN = "ghp_" + "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=36))
FINDER = regex.compile(standing_alone("ghp_[A-Za-z0-9]{36}"), regex.ASCII)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "'{}'",
        "({}).",
        "TOKEN={}",
        "my_{}",
        "_{}_",
        "{}-",
        "{}_ and so on",
        json.dumps("a\n{}\n"),
        json.dumps(json.dumps("a\n{}\tb")),
        json.dumps(json.dumps('"{}"')),
        r"\u0022{}\u0022",
        "u0022{} ",
        r"\x22{}\x22",
        r"\012{}\012",
        "q=%22{}%22",
        "key%3D{}%26",
        "key=3D{}=20",
        "\x1b[31m{}\x1b[0m",
        "<b>{}</b>",
        "https://x:{}@github.com",
        "日本{}語",
    ],
)
def test_a_token_is_found_with_its_exact_span(text):
    """Escapes before a token do not hide it, and nothing around it is taken along."""
    before, after = text.split("{}")
    found = FINDER.search(before + TOKEN + after)

    assert found is not None
    assert found.span("secret") == (len(before), len(before) + len(TOKEN))


@pytest.mark.parametrize("text", ["a{}", "7{}", "{}a", "{}_a", "{}-7", "n{}", "3D{}", "{}%2Bmore", "{}%3d"])
def test_a_part_of_something_longer_is_none(text):
    """A letter, a digit or a continuing separator at either side is no boundary."""
    assert FINDER.search(text.replace("{}", TOKEN)) is None


def test_a_token_does_not_begin_inside_a_percent_escape():
    """The digits of an escape are not taken for the token's first characters."""
    finder = regex.compile(standing_alone("[0-9]{1,3}-[a-z]{8}"), regex.ASCII)
    found = finder.search(quote('"') + "7-abcdefgh")

    assert found is not None
    assert found["secret"] == "7-abcdefgh"
