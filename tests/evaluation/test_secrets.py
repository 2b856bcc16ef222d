"""`guardrails eval secrets` counts what it says it counts."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.evaluation import peers
from guardrails.evaluation.peers import run
from guardrails.evaluation.secrets import Found, Labelled, Record, measure
from guardrails.model import Span

TOKEN = "ghp_" + "q7Xk2bVw9R" * 3 + "t4Lm8Z"


def test_figures_are_what_their_names_say():
    """Whole and part, filler and real, complete and incomplete records are told apart."""
    records = [
        Record("0123456789", (Labelled(2, 6, "a"), Labelled(7, 9, "b"))),
        Record("0123456789", (Labelled(0, 4, "a", filler=True),)),
        Record("0123456789", strength="rule", label="negative"),
        Record("0123456789", strength="hard", label="negative"),
        Record("0123456789", strength="hard", label="negative"),
    ]
    spans = (
        ((Span(2, 4), "X"), (Span(4, 6), "X"), (Span(8, 10), "Y")),
        (),
        ((Span(0, 3), "Z"),),
        ((Span(0, 3), "Z"), (Span(1, 3), "W")),
        (),
    )

    result = measure(records, Found(spans, seconds=0.5))

    assert (result.records, result.secrets) == (5, 2)
    assert (result.recall_any, result.recall_full_span) == (1.0, 0.5)
    assert (result.with_filler.secrets, result.with_filler.recall_any) == (3, 0.6667)
    assert (result.false_positives, result.precision) == (1, 0.75)
    assert (result.hard_negatives, result.hard_negatives_flagged) == (2, 1)
    assert result.findings_per_mb == 50_000.0
    assert result.mb_per_s == 0.0
    assert result.false_positive_labels == {"Z": 1}
    assert result.kinds["a"].recall_full_span == 1.0
    assert result.kinds["b"].recall_any == 1.0
    assert result.kinds["b"].recall_full_span == 0.0


def test_nothing_to_count_is_none():
    """A share of nothing is no figure."""
    result = measure([Record("text")], Found(((),), 1.0))

    assert result.recall_any is None
    assert result.precision is None
    assert result.findings_per_mb is None


@pytest.fixture
def data(tmp_path):
    text = f"GITHUB_TOKEN={TOKEN}\n"
    record = {"text": text, "secrets": [{"start": 13, "end": 53, "kind": "github"}], "strength": "hard"}
    clean = {
        "text": "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "label": "negative",
        "strength": "hard",
    }
    file = tmp_path / "some.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, [record, clean])).encode()))
    return file


def test_the_command_prints_every_figure_by_file_and_in_all(data):
    """The JSON has the figures of each file, of all, and of each kind."""
    done = CliRunner().invoke(cli, ["eval", "secrets", str(data), "--format", "json"])

    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["files"][str(data)] | {"mb_per_s": 0} == report["all"] | {"mb_per_s": 0}
    figures = report["all"]
    assert (figures["records"], figures["secrets"], figures["recall_full_span"]) == (2, 1, 1.0)
    assert (figures["precision"], figures["false_positives"], figures["hard_negatives_flagged"]) == (
        1.0,
        0,
        0,
    )
    assert figures["findings_per_mb"] == 0.0
    assert figures["kinds"] == {"github": {"secrets": 1, "recall_any": 1.0, "recall_full_span": 1.0}}


def test_the_text_has_a_row_for_each_file(data):
    """Without a format the same is a table."""
    done = CliRunner().invoke(cli, ["eval", "secrets", str(data)])

    assert done.exit_code == 0
    assert "some.jsonl.gz" in done.output
    assert TOKEN not in done.output


def test_chosen_kinds_alone_are_measured(data):
    """`--except` leaves kinds out, so that tiers can be measured."""
    done = CliRunner().invoke(
        cli, ["eval", "secrets", str(data), "--kinds", "private-key,jwt", "--format", "json"]
    )

    assert json.loads(done.stdout)["all"]["recall_any"] == 0.0


def test_a_missing_peer_is_reported(data, monkeypatch):
    """A peer that is not installed is named as missing, never passed over."""
    monkeypatch.setattr("guardrails.cli.eval_secrets._which", lambda name: None)

    done = CliRunner().invoke(
        cli, ["eval", "secrets", str(data), "--against", "gitleaks", "--format", "json"]
    )

    assert done.exit_code == 0
    assert "no program gitleaks" in json.loads(done.stdout)["against"]["gitleaks"]["missing"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "trivy"], "no peer is called `trivy`"),
        (["--kinds", "github-tokn"], "did you mean"),
        (["--min-score", "2"], "2"),
    ],
)
def test_a_wrong_option_is_an_error(data, arguments, message):
    """Exit code 2, with what is wrong."""
    done = CliRunner().invoke(cli, ["eval", "secrets", str(data), *arguments])

    assert done.exit_code == 2
    assert message in done.output


def test_a_line_that_is_no_record_is_named(tmp_path, monkeypatch):
    """The file and the line are told, and nothing of the text."""
    monkeypatch.chdir(tmp_path)
    file = Path("bad.jsonl")
    file.write_text('{"text": "fine"}\n{"txt": "hunter2hunter2"}\n')

    done = CliRunner().invoke(cli, ["eval", "secrets", str(file)])

    assert done.exit_code == 3
    assert "bad.jsonl:2" in done.output
    assert "hunter2" not in done.output


PROGRAM = """#!/bin/sh
if [ "$1" = version ] || [ "$1" = --version ]; then echo "scanner 9.1"; exit 0; fi
for last; do :; done
printf '%s' "{json}" | sed "s#FOLDER#$last#g"
exit 3
"""


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("gitleaks", '[{"File": "FOLDER/000001.txt", "Secret": "se:cret", "StartLine": 2}]'),
        (
            "kingfisher",
            '{"findings": [{"finding": {"path": "FOLDER/000001.txt", "snippet": "se:cret", "line": 2}}]}',
        ),
    ],
)
def test_a_peers_findings_are_put_in_their_place(name, output, tmp_path):
    """What a program reports by file and line becomes a span of the right text."""
    program = tmp_path / name
    program.write_text(PROGRAM.replace("{json}", output.replace('"', '\\"')))
    program.chmod(0o755)

    result = run(name, ["nothing", "se:cret\nx se:cret"], {name: str(program)}.get)

    assert result.missing is None
    assert result.version == "9.1"
    assert result.spans == ((), (Span(10, 17),))


def test_a_program_without_a_report_is_missing(tmp_path):
    """Output that cannot be read is never taken for nothing found."""
    program = tmp_path / "gitleaks"
    program.write_text(PROGRAM.replace("{json}", "out of memory"))
    program.chmod(0o755)

    result = run("gitleaks", ["text"], {"gitleaks": str(program)}.get)

    assert "no report" in result.missing


def test_every_peer_of_the_command_is_known():
    """The command offers the peers that there are."""
    assert set(peers.NAMES) == {"detect-secrets", "gitleaks", "kingfisher"}
