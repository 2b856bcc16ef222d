"""`guardrails eval pii`: what is counted, and what is not."""

import gzip
import json

import pytest
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.evaluation.pii import Found, Gold, Record, Tally, measure, ratios

ENTITIES = ("EMAIL_ADDRESS", "PERSON", "LOCATION", "URL", "DE_TAX_ID")


def tally(*pairs, seconds=1.0):
    counted = Tally(ENTITIES)
    for record, found in pairs:
        counted.add(record, [Found(*one) for one in found], seconds)
    return counted.figures()


def labelled(text, *spans, labels=("EMAIL_ADDRESS", "PERSON"), **more):
    return Record(text, tuple(Gold(*one) for one in spans), tuple(labels), **more)


def test_overlap_counts_as_right_and_only_equal_spans_as_exact():
    """A prediction that overlaps its label is right; exact F1 wants the same span."""
    record = labelled("x" * 100, (0, 10, "EMAIL_ADDRESS"), (20, 30, "EMAIL_ADDRESS"))
    row = tally((record, [(0, 10, "EMAIL_ADDRESS"), (25, 40, "EMAIL_ADDRESS")])).entities["EMAIL_ADDRESS"]

    assert (row.gold, row.predicted) == (2, 2)
    assert (row.precision, row.recall, row.f1, row.exact_f1) == (1.0, 1.0, 1.0, 0.5)


def test_f2_weighs_recall_twice():
    """F2 is 5PR / (4P + R)."""
    record = labelled("x" * 100, *((10 * n, 10 * n + 5, "PERSON") for n in range(4)))
    row = tally((record, [(0, 5, "PERSON")])).entities["PERSON"]

    assert (row.precision, row.recall) == (1.0, 0.25)
    assert row.f1 == pytest.approx(0.4)
    assert row.f2 == pytest.approx(5 * 0.25 / (4 + 0.25), abs=1e-4)


def test_types_without_label_are_never_false():
    """A source that does not annotate a type says nothing about predictions of it."""
    figures = tally((labelled("x" * 50, (0, 5, "PERSON")), [(0, 5, "PERSON"), (10, 20, "LOCATION")]))

    assert "LOCATION" not in figures.entities
    assert figures.entities["ALL"].precision == 1.0


def test_everything_in_clean_text_is_false():
    """Without labels and spans each prediction is a false positive, by 10,000 characters."""
    clean = Record("x" * 20_000)
    figures = tally((clean, [(0, 50, "PERSON"), (100, 150, "URL")]), (clean, []))

    assert figures.entities["PERSON"].false_positives_per_10k == pytest.approx(10_000 / 40_000)
    assert figures.entities["ALL"].false_positives_per_10k == pytest.approx(0.5)
    assert figures.entities["ALL_BUT_URL"].false_positives_per_10k == pytest.approx(0.25)
    assert figures.entities["ALL"].masked_share == pytest.approx(100 / 40_000)
    assert (figures.clean_texts, figures.clean_flagged) == (2, 0.5)


def test_overlapping_predictions_mask_a_character_once():
    """The masked share counts characters, not predictions, and none inside a label."""
    record = labelled("x" * 100, (0, 10, "PERSON"))
    figures = tally((record, [(0, 20, "PERSON"), (15, 30, "PERSON")]))

    assert figures.entities["PERSON"].masked_share == pytest.approx(20 / 90, abs=1e-6)


def test_recall_only_records_call_nothing_false():
    """Noisy gold counts for recall alone."""
    record = labelled("x" * 100, (0, 5, "PERSON"), recall_only=True)
    row = tally((record, [(0, 5, "PERSON"), (50, 60, "PERSON")])).entities["PERSON"]

    assert (row.predicted, row.precision, row.recall) == (1, 1.0, 1.0)


def test_untyped_gold_is_found_by_any_entity():
    """A span labelled `PII` or `ID` counts as found when anything overlaps it, and nothing there is false."""
    record = labelled("x" * 100, (0, 5, "PII"), (20, 25, "ID"), labels=("PERSON", "PII"))
    figures = tally((record, [(0, 5, "PERSON")]))

    assert (figures.entities["ANY"].gold, figures.entities["ANY"].recall) == (2, 0.5)
    assert "PERSON" not in figures.entities


def test_types_of_the_data_become_names_of_entities():
    """Street addresses are locations, aliases their entity, and a title is nobody's fault."""
    record = labelled(
        "x" * 100,
        (0, 5, "STREET_ADDRESS"),
        (10, 20, "DE_STEUER_ID"),
        (30, 35, "TITLE"),
        labels=("STREET_ADDRESS", "DE_STEUER_ID", "PERSON"),
    )
    figures = tally((record, [(0, 5, "LOCATION"), (10, 20, "DE_TAX_ID"), (30, 35, "PERSON")]))

    assert figures.entities["LOCATION"].f1 == figures.entities["DE_TAX_ID"].f1 == 1.0
    assert "PERSON" not in figures.entities


def test_unlabelled_records_are_read_for_speed_alone():
    """A note that begins with `unlabelled` keeps a text out of every count but the characters."""
    figures = tally((Record("x" * 100, note="unlabelled; prompts"), [(0, 5, "PERSON")]), seconds=0.5)

    assert (figures.characters, figures.clean_texts) == (100, 0)
    assert figures.entities["ALL"].predicted == 0
    assert figures.entities["ALL"].chars_per_s == 200


def test_pooled_counts_are_sums_not_means():
    """Merging tallies adds their counts."""
    one, other = Tally(ENTITIES), Tally(ENTITIES)
    one.add(labelled("x" * 10, (0, 5, "PERSON")), [Found(0, 5, "PERSON")], 1.0)
    for _ in range(3):
        other.add(labelled("x" * 10, (0, 5, "PERSON")), [], 1.0)
    one.merge(other)

    row = one.figures().entities["PERSON"]
    assert (row.gold, row.recall, row.precision, row.chars_per_s) == (4, 0.25, 1.0, 10)


def test_ratios_set_two_runs_side_by_side():
    """F1 is a difference, false positives and speed are quotients; none where the peer has nothing."""
    clean = Record("x" * 10_000)
    ours = tally((clean, [(0, 5, "PERSON")]), seconds=1.0)
    peer = tally((clean, [(n, n + 1, "PERSON") for n in range(4)]), seconds=50.0)

    found = ratios(ours, peer)["PERSON"]
    assert (found.false_positives, found.speed) == (0.25, 50.0)
    assert ratios(ours, tally((clean, [])))["PERSON"].false_positives is None


def test_measure_times_the_finder_only():
    """Seconds are those that the finder took, text after text."""
    counted = Tally(ENTITIES)
    measure(lambda text: [Found(0, 1, "PERSON")] if text else [], [Record("abc"), Record("")], counted)

    assert counted.texts == 2
    assert 0 < counted.seconds < 1


def test_a_text_that_cannot_be_judged_is_counted_and_its_labels_are_missed(tmp_path):
    """Names in Russian are not looked for, an address there is found, and the other texts are measured."""
    russian = "Вчера я встретил Анну Иванову в офисе, и мы говорили о проекте, anna@example.com."
    name, mail = russian.index("Анну"), russian.index("anna@")
    records = [
        {
            "text": russian,
            "spans": [
                {"start": name, "end": name + 12, "type": "PERSON"},
                {"start": mail, "end": len(russian) - 1, "type": "EMAIL_ADDRESS"},
            ],
            "labels": ["PERSON", "EMAIL_ADDRESS"],
        },
        {"text": "Ada Lovelace", "spans": [{"start": 0, "end": 12, "type": "PERSON"}], "labels": ["PERSON"]},
    ]
    file = tmp_path / "two.jsonl"
    file.write_text("\n".join(map(json.dumps, records)))
    result = run(file, "--entities", "PERSON", "--entities", "EMAIL_ADDRESS", "--format", "json")
    figures = json.loads(result.stdout)["files"][str(file)]

    assert result.exit_code == 0
    assert (figures["texts"], figures["unjudged"]) == (2, 1)
    assert figures["entities"]["PERSON"]["recall"] == 0.5
    assert figures["entities"]["EMAIL_ADDRESS"]["f1"] == 1.0


@pytest.fixture
def data(tmp_path):
    records = [
        {"text": "write to ada@example.com", "spans": [{"start": 9, "end": 24, "type": "EMAIL_ADDRESS"}],
         "labels": ["EMAIL_ADDRESS"], "source": "made", "lang": "en", "licence": "none"},
        {"text": "nothing to see in x = f(1)", "spans": [], "labels": []},
    ]  # fmt: skip
    file = tmp_path / "made.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    return file


def run(*arguments):
    return CliRunner().invoke(cli, ["eval", "pii", *map(str, arguments)])


def test_the_command_prints_every_figure_as_json(data):
    """`--format json` has files, pooled figures for several, and each row its ten figures."""
    result = run(data, data, "--entities", "contact", "--format", "json")
    assert result.exit_code == 0, result.output
    single = json.loads(result.stdout)["files"]
    row = single[str(data)]["entities"]["EMAIL_ADDRESS"]

    assert set(row) == {
        *("gold", "predicted", "precision", "recall", "f1", "f2", "exact_f1"),
        *("false_positives_per_10k", "masked_share", "chars_per_s"),
    }
    assert (row["gold"], row["exact_f1"], row["false_positives_per_10k"]) == (1, 1.0, 0.0)


def test_several_files_are_pooled(data, tmp_path):
    """Two files have three sets of figures."""
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "plain"}\n')
    files = json.loads(run(data, other, "--entities", "contact", "--format", "json").output)["files"]

    assert set(files) == {str(data), str(other), "pooled"}
    assert files["pooled"]["texts"] == 3


def test_text_output_is_a_table(data):
    """The default output names the file, the speed and each entity."""
    result = run(data, "--entities", "EMAIL_ADDRESS")

    assert result.exit_code == 0
    assert "characters/s" in result.output
    assert "EMAIL_ADDRESS" in result.output


@pytest.mark.parametrize(
    ("line", "arguments", "code", "said"),
    [
        ('{"text": 1}', [], 3, "bad.jsonl:1"),
        ('{"text": "x"}', ["--entities", "EMAIL_ADRESS"], 2, "EMAIL_ADDRESS"),
    ],
)
def test_bad_input_is_a_clear_error(tmp_path, line, arguments, code, said):
    """A line that is no record names its place; an unknown entity gets a suggestion."""
    file = tmp_path / "bad.jsonl"
    file.write_text(line + "\n")
    result = run(file, *arguments)

    assert result.exit_code == code
    assert said in result.output


def test_presidio_runs_beside_ours(data):
    """`--against presidio` runs its defaults on the same texts and prints both and the ratios."""
    result = run(data, "--entities", "contact", "--against", "presidio", "--format", "json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)

    theirs = report["presidio"][str(data)]["entities"]["EMAIL_ADDRESS"]
    assert theirs["gold"] == 1
    assert theirs["recall"] == 1.0
    assert report["ratios"][str(data)]["ALL"]["speed"] > 1
