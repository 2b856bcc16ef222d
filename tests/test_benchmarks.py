"""What the documents say of speed is what was measured."""

from pathlib import Path

import pytest

from benchmarks.report import Row, Run, document, placed, spread, summary

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("file", "name", "content"),
    [("README.md", "benchmarks", summary), ("benchmarks/README.md", "run", document)],
)
def test_the_tables_are_those_of_the_run_that_is_kept(file, name, content):
    """`python -m benchmarks --keep` would write what stands in the documents already."""
    text = (ROOT / file).read_text("utf-8")

    assert f"<!-- {name} -->" in text
    assert placed(text, name, content(Run.kept())) == text


def test_a_spread_is_half_of_the_middle_half():
    """Rounds far apart show, and too few of them have no spread."""
    assert spread([1.0, 1.0, 1.0, 1.0]) == 0
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(0.5)
    assert spread([1.0, 9.0]) is None


def test_a_ratio_is_to_the_floor_of_the_same_run():
    """Twice the floor's CPU is shown as 2."""
    from benchmarks.servers import Measured

    row = Row.of("x", Measured([0.004], [0.1, 0.2]), Measured([0.002], [0.1, 0.2]))

    assert (row.value, row.ratio) == (4.0, 2.0)
