"""The recipe of the names model, end to end on a tiny data set of our own: train, export, calibrate, read."""

import gzip
import json
import random

import pytest

torch = pytest.importorskip("torch", reason="torch is for training only (training/pii/requirements.txt)")

from guardrails.detectors.base import Deadline  # noqa: E402
from guardrails.detectors.ner import model, tokens  # noqa: E402
from training.pii import calibrate, corpora, export, tags, train  # noqa: E402
from training.pii.generate import Generator  # noqa: E402
from training.pii.lexicon import LANGUAGES, Pools  # noqa: E402
from training.pii.network import Size  # noqa: E402

FIRST = ["Ada", "Grace", "Alan", "Emil", "Lise", "Nina", "Otto", "Vera", "Karl", "Rosa"]
LAST = ["Lovelace", "Hopper", "Turing", "Noether", "Meitner", "Curie", "Hahn", "Rubin", "Gauss", "Franklin"]
CITIES = ["London", "Berlin", "Paris", "Madrid", "Turin", "Lisbon", "Utrecht", "Krakow", "Dublin", "Vienna"]
WORDS = [
    "report",
    "river",
    "house",
    "garden",
    "letter",
    "window",
    "table",
    "number",
    "answer",
    "paper",
    "engine",
]


def pools():
    one = Pools(
        first=FIRST,
        last=LAST,
        cities=CITIES,
        big_cities=CITIES,
        countries=["France", "Poland"],
        regions=["Kent"],
        streets=["12 Main Street", "Hauptstraße 3"],
        postcodes=["12345"],
        companies=["Smith and Sons"],
        jobs=["engineer"],
        words=WORDS,
        phones=["555 0100"],
    )
    return dict.fromkeys((*LANGUAGES, ""), one)


def test_masks_say_which_tags_may_be_right():
    """A span is begin, inside, last or unit; what was not annotated stays open."""
    found = tokens.tokenize("Ada King Lovelace in Paris at Acme")
    spans = [(0, 17, "PERSON"), (21, 26, "LOCATION")]

    masks = tags.masks(found.start, found.end, spans, {"PERSON", "LOCATION", "ADDRESS"}).tolist()

    outside = tags.OUTSIDE | tags.of_type("ORGANIZATION")
    assert masks == [1 << 1, 1 << 2, 1 << 3, outside, 1 << 8, outside, outside]


@pytest.mark.parametrize("kind", ["sentence", "form", "block", "noise", "words"])
def test_generated_spans_are_what_they_say(kind):
    """Spans lie in the text, in order; machine output and plain words have none."""
    generator = Generator(pools(), 3)
    for number in range(300):
        text, spans = getattr(generator, kind)(LANGUAGES[number % len(LANGUAGES)])
        at = 0
        for start, end, type in spans:
            assert at <= start < end <= len(text)
            assert type.rstrip("?") in corpora.NAMED
            at = end
        assert kind not in ("noise", "words") or not spans


def test_the_same_seed_generates_the_same_text():
    """The recipe is repeatable."""
    assert list(corpora.generated(Generator(pools(), 5), random.Random(5), 50)) == list(
        corpora.generated(Generator(pools(), 5), random.Random(5), 50)
    )


def test_what_two_labellers_say_is_believed_and_the_rest_left_open(tmp_path):
    """Titles are no part of a name; a span of one labeller alone may be anything."""
    text = "President Ada Lovelace left Paris for Acme"
    for name, spans in (
        ("gold", [(0, 22, "PERSON"), (28, 33, "LOCATION"), (38, 42, "ORGANIZATION")]),
        ("other", [(10, 22, "PERSON"), (28, 33, "LOCATION")]),
    ):
        with gzip.open(tmp_path / name, "wt") as file:
            json.dump(
                {"text": text, "spans": [{"start": a, "end": b, "type": type} for a, b, type in spans]}, file
            )

    [found] = corpora.agreed(tmp_path / "gold", tmp_path / "other", set())

    assert found.spans == [(10, 22, "PERSON"), (28, 33, "LOCATION"), (38, 42, "*")]


def test_the_recipe_runs_and_its_weights_read(tmp_path):
    """A few steps suffice to find the names of the tiny data set, through the files that would ship."""
    torch.set_num_threads(1)
    generator = Generator(pools(), 1)
    examples = list(corpora.generated(generator, random.Random(1), 600))
    corpus = train.Corpus(rows=512)
    corpus.add("generated", 1, [text for _, text in examples])
    corpus.features()
    size = Size(rows=512, embedding=16, hidden=24)

    network = train.train(corpus, size, seed=1, steps=160, batch=8, rate=1e-2)
    weights = tmp_path / "tiny.npz"
    export.write(network.state_dict(), size.dilations, weights)
    first = weights.read_bytes()
    export.write(network.state_dict(), size.dilations, weights)

    assert weights.read_bytes() == first
    later = tmp_path / "later.npz"
    fitted = {"PERSON": {"lower": [0.5, -1.0], "single": [0.5, 0.0], "several": [0.5, 1.0]}}
    (tmp_path / "earlier.json").write_text(json.dumps({"calibration": fitted}))
    export.write(network.state_dict(), size.dilations, later, tmp_path / "earlier.json")
    assert model.load(later, later.with_suffix(".json")).calibration["PERSON"]["single"] == (0.5, 0.0)
    loaded = model.load(weights, weights.with_suffix(".json"))
    text = "My name is Ada Lovelace and I live in London."
    assert "Ada Lovelace" in {
        text[one.start : one.end] for one in loaded.names(text, Deadline.after(60)) if one.type == "PERSON"
    }

    held_out = tmp_path / "held_out.jsonl.gz"
    with gzip.open(held_out, "wt") as file:
        for _, example in corpora.generated(Generator(pools(), 2), random.Random(2), 200):
            spans = [{"start": a, "end": b, "type": type} for a, b, type in example.spans if "?" not in type]
            labels = ["PERSON", "LOCATION", "ORGANIZATION"]
            file.write(json.dumps({"text": example.text, "spans": spans, "labels": labels}) + "\n")
    found = calibrate.outcomes(loaded, [held_out])
    slope, intercept = calibrate.platt(found["PERSON"])
    assert slope > 0
    right = sum(outcome for _, outcome in found["PERSON"]) / len(found["PERSON"])
    scores = [1 / (1 + 2.718281828 ** -(slope * logit(raw) + intercept)) for raw, _ in found["PERSON"]]
    assert sum(scores) / len(scores) == pytest.approx(right, abs=0.05)


def logit(raw):
    import math

    raw = min(max(raw, 1e-6), 1 - 1e-6)
    return math.log(raw / (1 - raw))
