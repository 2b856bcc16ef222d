"""A text with secrets in it is masked whole, still parses, and stays as it is when masked again."""

import datetime as dt
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from secret_texts import FORMS, pairs

from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, Replacement, apply_plan
from guardrails.model import Address, Context, Hook, Kind, Role, Segment, Verdict
from guardrails.policy.compile import load_set

POLICY = Path(__file__).resolve().parents[2] / "policies" / "secrets.yaml"
ROUNDS = 70
PLACEHOLDER = re.compile(r"MASKED_AWS_ACCESS_KEY_ID_[0-9A-Z]+")


@pytest.fixture(scope="module")
def engine():
    return Engine(load_set([POLICY]), Keys(b"0" * 32))


def masked(engine, text):
    """The text as the engine sends it on, and the verdict."""
    decision = engine.judge(
        [Segment(Address(""), Role.USER, Kind.TEXT, text)],
        Hook.REQUEST,
        Context(),
        deadline=Deadline.after(20),
        today=dt.date(2026, 11, 24),
    )
    assert decision.unjudged == ()
    edits = [Replacement(edit.start, edit.end, edit.text) for edit in decision.edits]
    return apply_plan(text, edits) if edits else text, decision.verdict


def parse(form, text):
    """Names and values as a program reads them; raises when the text is no longer what it was."""
    if form == "json_text":
        return json.loads(text)
    if form == "json_in_json":
        return json.loads(json.loads(text)["content"])
    if form == "url":
        query = parse_qs(urlsplit(text).query, strict_parsing=True)
        assert query["page"] == ["2"]
        assert query["sort"] == ["asc"]
        return query
    if form == "env":
        return dict(re.fullmatch(r"([A-Z_]+)=(\S+)", line).groups() for line in text.splitlines())
    return None


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_left_and_the_text_still_parses(form, engine):
    """Of one to five secrets in a text none is left, its structure is, and masking again changes nothing."""
    leaks = []
    for seed in range(ROUNDS):
        named = pairs(f"{form} {seed}", 1 + seed % 5)
        text = FORMS[form](named)

        result, verdict = masked(engine, text)

        leaks += [name for name, value in named if value in result]
        parsed, before = parse(form, result), parse(form, text)
        assert parsed is None or parsed.keys() == before.keys()
        assert result.count("\n") == text.count("\n")
        if verdict is Verdict.MASK:
            assert masked(engine, result) == (result, Verdict.ALLOW)

    assert leaks == []


def test_a_key_file_keeps_all_but_its_key(engine):
    """Of a service account's file only the private key is taken, and the text is denied for it."""
    key = (
        "-----BEGIN PRIVATE KEY-----\\n"
        + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw" * 20
        + "\\n-----END PRIVATE KEY-----\\n"
    )
    text = '{"type": "service_account", "private_key_id": "%s", "private_key": "%s"}' % ("0f" * 20, key)

    decision = engine.judge(
        [Segment(Address(""), Role.USER, Kind.TEXT, text)],
        Hook.REQUEST,
        Context(),
        deadline=Deadline.after(20),
        today=dt.date(2026, 11, 24),
    )

    assert decision.verdict is Verdict.DENY
    assert {(one.rule, text[one.start : one.end].count("KEY-----")) for one in decision.findings} == {
        ("secret.private-key", 2)
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('token = "{}" + "{}"\n', 'token = "*"\n'),
        ('String k = "{}"\n    + "{}";', 'String k = "*";'),
        ("$k = '{}' . '{}';", "$k = '*';"),
        ("k = ('{}'\n     '{}')", "k = ('*')"),
        ("export K={}\\\n{}\n", "export K=*\n"),
        ('["{}", "{}"]', '["{}", "{}"]'),
    ],
    ids=["plus", "next line", "dot", "adjacent", "continued", "a list"],
)
def test_a_secret_in_pieces_is_taken_with_what_parts_them(engine, before, after):
    """A key written as two strings that a program joins is one placeholder; the strings of a list are two."""
    key = ("AKIA" + "QXMZ3T5RB", "WKNJ7YP")

    result, _ = masked(engine, before.format(*key))

    assert PLACEHOLDER.sub("*", result) == after.format(*key)
