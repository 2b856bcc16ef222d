"""`guardrails scan` on what changed, and beside what was known before."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli import cli

POLICY = str(Path(__file__).resolve().parents[2] / "policies" / "secrets.yaml")
OLD, NEW = "hQ7vZ2mRt9x1", "qzKwvjxt9aaBr4"


def git(*arguments):
    subprocess.run(["git", "-c", "user.email=a@b.example", "-c", "user.name=a", *arguments], check=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with an old secret, in whose working tree two new ones are, one of them staged."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "a b.py").write_text(f'password = "{OLD}"\nx = 1\n')
    (tmp_path / "ü.py").write_text("y = 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    (tmp_path / "a b.py").write_text(f'password = "{OLD}"\nx = 1\ntoken = "{NEW}"\n')
    git("add", "a b.py")
    (tmp_path / "ü.py").write_text(f'y = 1\nSECRET_KEY = "{NEW}"\n')
    return tmp_path


def scan(*arguments):
    return CliRunner().invoke(cli, ["scan", "-p", POLICY, *arguments])


def places(done):
    return [(one["file"], one["line"]) for one in json.loads(done.stdout)["findings"]]


def test_only_staged_lines_are_reported(repository):
    """What the next commit adds is found; what was there before, or is not staged, is not."""
    done = scan("--staged", "--format", "json")

    assert done.exit_code == 1
    assert places(done) == [("a b.py", 3)]


def test_lines_since_a_revision_are_reported(repository):
    """All that was added to the working tree since then is found, within the given paths."""
    assert places(scan("--since", "HEAD", "--format", "json")) == [("a b.py", 3), ("ü.py", 2)]
    assert places(scan("--since", "HEAD", "--format", "json", "ü.py")) == [("ü.py", 2)]


def test_a_clean_stage_is_clean(repository):
    """Nothing staged, nothing found."""
    git("reset", "-q", "--hard")

    assert scan("--staged").exit_code == 0


def test_a_staged_text_is_read_from_the_index(repository):
    """What was changed after staging does not count."""
    (repository / "a b.py").write_text("x = 1\n")

    assert places(scan("--staged", "--format", "json")) == [("a b.py", 3)]


def test_a_baseline_knows_old_findings_and_no_new_ones(repository):
    """Known findings may move; another value, or one in another file, is new."""
    git("stash", "-q")
    written = scan("--write-baseline", "known.json", "a b.py", "ü.py")
    git("stash", "pop", "-q", "--index")
    (repository / "a b.py").write_text("\n\n" + (repository / "a b.py").read_text())

    done = scan("--baseline", "known.json", "--format", "json", "a b.py", "ü.py")

    assert written.exit_code == 0
    assert "1 finding written" in written.stderr
    assert "1 known finding left out" in done.stderr
    assert done.exit_code == 1
    assert places(done) == [("a b.py", 5), ("ü.py", 2)]


def test_a_baseline_gives_no_value_away_and_is_itself_clean(repository):
    """The file holds no value, and a scan of it finds nothing."""
    scan("--write-baseline", "known.json", "a b.py")

    assert OLD not in (repository / "known.json").read_text()
    assert scan("known.json").exit_code == 0


def test_a_baseline_grows(repository):
    """Written again over a baseline, what was known stays known."""
    scan("--write-baseline", "known.json", "a b.py")
    scan("--baseline", "known.json", "--write-baseline", "known.json", "ü.py")

    assert len(json.loads((repository / "known.json").read_text())["findings"]) == 3
    assert scan("--baseline", "known.json", ".").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "nowhere"], "bad revision"),
        (["--since", "--output=x"], "no revision"),
        (["--staged", "--since", "HEAD"], "exclude each other"),
        ([], "name FILES"),
        (["--baseline", "missing.json", "."], "missing.json"),
        (["--baseline", "ü.py", "."], "is no baseline"),
    ],
)
def test_what_cannot_be_done_is_an_error(repository, arguments, message):
    """Exit code 2, with what is wrong."""
    done = scan(*arguments)

    assert done.exit_code == 2
    assert message in done.output
    assert NEW not in done.output


def test_outside_of_a_repository_git_says_so(tmp_path, monkeypatch):
    """Never nothing found where nothing could be looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert scan("--staged").exit_code == 2


def test_kinds_are_listed_and_shown():
    """`guardrails kinds` has them all, one vendor's, or one with its examples."""
    listed = json.loads(CliRunner().invoke(cli, ["kinds", "--format", "json"]).output)
    shown = CliRunner().invoke(cli, ["kinds", "seed-phrase"]).output

    assert len(listed) >= 400
    assert {"id", "vendor", "severity", "references"} <= listed[0].keys()
    assert "BIP 39" in shown
    assert "hit: my seed: «" in shown
    assert "did you mean `seed-phrase`" in CliRunner().invoke(cli, ["kinds", "seed-frase"]).output.replace(
        "\n", " "
    )
