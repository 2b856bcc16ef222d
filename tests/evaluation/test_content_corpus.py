"""The self-made sets of content are told apart, and `guardrails eval content --detect` counts what it says.

Goals: F1 of at least 0.95 for languages, code, gibberish, links and hidden text.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.detectors import CodeSpec, GibberishSpec, InvisibleSpec, LanguageSpec, UrlSpec, WordsSpec
from guardrails.detectors.invisible import InvisibleClass
from guardrails.evaluation.labels import Labelled, measure
from guardrails.evaluation.records import read

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "content"
HIDDEN = (
    InvisibleClass.TAGS,
    InvisibleClass.BIDI,
    InvisibleClass.COMMENT,
    InvisibleClass.STYLE,
    InvisibleClass.ATTRIBUTE,
)


@pytest.mark.parametrize(
    ("name", "spec", "labels"),
    [
        ("language", LanguageSpec(allow=("la",)), 22),
        ("code", CodeSpec(), 15),
        ("gibberish", GibberishSpec(), 1),
        ("url", UrlSpec(), 6),
        ("hidden", InvisibleSpec(classes=HIDDEN), 5),
    ],
)
def test_the_goals_are_met(name, spec, labels):
    """Every label occurs, they reach 0.95 together, and one harmless text in fifty is flagged at most."""
    report = measure(spec, read(CORPUS / f"{name}.jsonl", Labelled))

    assert sum(row.texts > 0 for row in report.labels.values()) == labels
    assert report.macro_f1 >= 0.95
    assert report.flagged * 50 <= report.harmless
    assert report.unjudged == 0


def test_figures_by_label():
    """Precision, recall and F1 on counts worked out by hand."""
    records = [
        Labelled("acme", ("WORD",)),
        Labelled("Acme and acme", ("WORD", "OTHER")),
        Labelled("nothing", ("WORD",)),
        Labelled("acme", ()),
        Labelled("nothing", ()),
    ]
    report = measure(WordsSpec(words=("acme",)), records)
    row = report.labels["WORD"]

    assert (row.texts, row.found, row.wrong) == (3, 2, 1)
    assert (row.precision, row.recall, row.f1) == (0.6667, 0.6667, 0.6667)
    assert report.labels["OTHER"].f1 == 0.0
    assert (report.macro_f1, report.harmless, report.flagged) == (0.3333, 2, 1)


def test_the_command_takes_a_detect_block(tmp_path):
    """As in a policy; what is wrong with it is told, with the exit code for the command line."""
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps({"text": "see acme", "labels": ["NAME"]}), "utf-8")
    block = "{type: words, words: [acme], label: NAME}"

    def run(*arguments):
        return CliRunner().invoke(cli, ["eval", "content", str(file), *arguments])

    assert json.loads(run("--detect", block, "--format", "json").stdout)["labels"]["NAME"]["f1"] == 1.0
    assert "macro F1 1.0" in run("--detect", block).stdout
    for wrong, said in (
        ("{type: word}", "did you mean `words`"),
        ("{type: words, words: [' ']}", "white space"),
        ("[", "error"),
        ("", "--detect"),
    ):
        result = run("--detect", wrong)
        assert (result.exit_code, said in result.output) == (2, True), result.output
    file.write_text('{"text": 1}', "utf-8")
    assert run("--detect", block).exit_code == 3
