"""A gitleaks configuration becomes rules that find the same, and what cannot become one is named."""

import pytest
import regex
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.policy.compile import load_set
from guardrails.policy.gitleaks import ImportFailure, translated, turn

CONFIG = r"""
title = "acme"
[extend]
useDefault = true
[[rules]]
id = "acme-token"
description = "Acme's token"
regex = '''(?i)\b(acme_[a-z0-9]{20})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 3.5
keywords = ["acme_"]
[[rules.allowlists]]
regexes = ['''example''']
[[rules]]
id = "Pair_Key"
regex = '''key\s*[=:]\s*"?(?P<kind>[A-Z]+)-([A-Fa-f0-9]+)"?'''
secretGroup = 2
[[rules]]
id = "pem"
path = '''\.pem$'''
[[rules]]
id = "ungreedy"
regex = '''(?U)a+'''
[[rules]]
id = "acme-token"
regex = '''other'''
[allowlist]
paths = ["vendor"]
"""


@pytest.mark.parametrize(
    ("expression", "group", "expected"),
    [
        ("a*b+?", 0, "a{0,9}b{1,9}?"),
        ("a{3,}b{2,40}c{7}", 0, "a{3,9}b{2,40}c{7}"),
        (r"\*\+[*+{2,}]x", 0, r"\*\+[*+{2,}]x"),
        (r"(?i)a(b)", 0, "(?i:a(?P<secret>b))"),
        (r"(x(?i)y|z)w", 0, "(?P<secret>x(?i:y)|(?i:z))w"),
        (r"(?i)a|(?s)b|c", 0, "(?i:a)|(?i:(?s:b))|(?i:(?s:c))"),
        ("(a)(b)", 2, "(?:a)(?P<secret>b)"),
        ("(?P<key>a)(?:b)(c)", 0, "(?P<secret>a)(?:b)(?:c)"),
        (r"[[:alnum:]_]+\z", 0, r"[[:alnum:]_]{1,9}\Z"),
        (r"\x{2e}\x60", 0, r"\.\x60"),
        (r"[]a]+", 0, r"[]a]{1,9}"),
    ],
)
def test_an_expression_is_translated(expression, group, expected):
    """Repetitions get bounds, flags a scope, and the group of the secret its name."""
    assert translated(expression, group, 9) == expected
    assert regex.compile(expected)


def test_what_can_be_turned_is_and_the_rest_is_named():
    """Each rule is turned or named with the reason, and so is what rules had besides."""
    rules, left = turn(CONFIG)

    assert [(rule.id, rule.title, rule.detect.min_entropy) for rule in rules] == [
        ("gitleaks.acme-token", "Acme's token", 3.5),
        ("gitleaks.pair-key", "Pair_Key", 0.0),
    ]
    assert [(one.rule, one.why.split(":")[0].split(" (")[0]) for one in left] == [
        ("", "`extend`"),
        ("", "allowlist `paths`"),
        ("acme-token", "allowlist `regexes`"),
        ("pem", "it has no `regex`"),
        ("ungreedy", "the flag `U` has no counterpart"),
        ("acme-token", "another rule has this id"),
    ]


def test_the_policy_loads_and_finds_what_gitleaks_would(tmp_path):
    """The printed policy is in force as it is: the secret's group is found, low entropy is not."""
    config, policy = tmp_path / "gitleaks.toml", tmp_path / "policy.yaml"
    config.write_text(CONFIG)
    done = CliRunner().invoke(cli, ["import", "gitleaks", str(config), "--action", "deny"])
    policy.write_text(done.stdout)

    assert done.exit_code == 3
    assert "not turned: rule `pem`" in done.stderr
    assert {rule.id for rule in load_set([policy]).rules} == {"gitleaks.acme-token", "gitleaks.pair-key"}
    texts = tmp_path / "text.txt"
    text = 'x ACME_q7Xk2bVw9Rt4Lm8Zq1Ws; acme_aaaaaaaaaaaaaaaaaaaa; key = "AB-0f1e2d"'
    texts.write_text(text)
    found = CliRunner().invoke(cli, ["scan", "-p", str(policy), str(texts)])
    assert "2 findings" in found.output
    assert "text.txt:1:3:" in found.output
    assert f"text.txt:1:{text.index('0f1e2d') + 1}:" in found.output


def test_a_configuration_that_is_turned_whole_exits_with_zero(tmp_path):
    """Nothing left, no code."""
    config = tmp_path / "gitleaks.toml"
    config.write_text("[[rules]]\nid = 'a'\nregex = 'acme_[a-z]{9}'\n")

    assert CliRunner().invoke(cli, ["import", "gitleaks", str(config)]).exit_code == 0


@pytest.mark.parametrize("text", ["[[rules", "rules = 7", "[[rules]]\nregex = 'x'"])
def test_what_is_no_configuration_is_an_error(text):
    """Neither broken TOML nor something else is taken for an empty configuration."""
    with pytest.raises(ImportFailure):
        turn(text)
