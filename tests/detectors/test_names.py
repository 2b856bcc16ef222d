"""Names by the model that ships: the files, the network, where is read, what is found, in which time."""

import itertools
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looking import hits
from timing import spent

from guardrails.detectors import CannotJudge, Deadline, PiiSpec, SpecError
from guardrails.detectors.disguise import read_as_words
from guardrails.detectors.ner import addresses, decode, gate, language, model, network, reading, tokens
from guardrails.model import Reason
from guardrails.text import views

REFERENCE = Path(__file__).parent / "names_reference.json"
NAMES = PiiSpec(entities=("PERSON", "LOCATION", "ORGANIZATION"))


def soon():
    return Deadline.after(60)


# The files


def copied(folder):
    for suffix in (".npz", ".json"):
        shutil.copy(model.FOLDER / f"{model.NAME}{suffix}", folder)
    return folder / f"{model.NAME}.npz", folder / f"{model.NAME}.json"


def test_the_shipped_weights_are_small_and_are_those_of_the_manifest():
    """Four megabytes at most, and the hash fits."""
    weights = model.FOLDER / f"{model.NAME}.npz"

    assert weights.stat().st_size < 4_000_000
    assert model.load(weights, weights.with_suffix(".json")).weights.table.dtype == np.int8


def test_other_weights_than_those_of_the_manifest_are_refused(tmp_path):
    """One changed bit is another file, and the message says which."""
    weights, manifest = copied(tmp_path)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    with pytest.raises(CannotJudge, match=r"names-1\.npz is not the file that names-1\.json names") as caught:
        model.load(weights, manifest)
    assert caught.value.reason is Reason.NO_MODEL


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_file_is_no_model(tmp_path, missing):
    """Whichever of the two is missing."""
    files = copied(tmp_path)
    files[missing].unlink()

    with pytest.raises(CannotJudge) as caught:
        model.load(*files)
    assert caught.value.reason is Reason.NO_MODEL


def test_a_manifest_that_is_none_is_no_model(tmp_path):
    """A broken manifest is a clear error and no crash."""
    weights, manifest = copied(tmp_path)
    manifest.write_text("{}")

    with pytest.raises(CannotJudge, match=r"names-1\.npz cannot be read"):
        model.load(weights, manifest)


def test_the_weights_cannot_be_written_to():
    """They are shared by threads."""
    weights = model.own().weights

    for array in (weights.table, weights.scale, weights.shape, *weights.convolutions, weights.output):
        assert not array.flags.writeable


def test_nothing_is_loaded_that_no_rule_asks_for():
    """Neither numpy nor spaCy nor Presidio, until a detector of names reads its first text."""
    code = (
        "import sys\n"
        "from guardrails.detectors import PiiSpec\n"
        "PiiSpec(entities=('PERSON',)).detector()\n"
        "print(sorted({'numpy', 'spacy', 'presidio_analyzer', 'threadpoolctl'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


# Tokens and features


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace", ["ada", "lovelace"]),
        ("O'Brien-Smith", ["o", "'", "brien", "-", "smith"]),
        ("12 Main St.\n\n  x", ["12", "main", "st", ".", "\n\n  ", "x"]),
        ("-----= snake_case", ["-----", "=", "snake", "_", "case"]),
        ("", []),
        ("Straße ŁÓDŹ", ["straße", "łódź"]),
    ],
)
def test_a_text_falls_into_words_numbers_marks_and_line_breaks(text, expected):
    """Every character but blanks is in one token."""
    found = tokens.tokenize(text)

    assert [found.words[word] for word in found.word] == expected


@given(st.text())
def test_tokens_cover_the_text_in_order(text):
    """No token overlaps another, and what lies between them is blank."""
    found = tokens.tokenize(text)

    at = 0
    for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True):
        assert at <= start < end
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()


def test_features_are_what_the_weights_were_trained_with():
    """A changed hash would make every weight mean another feature."""
    found = tokens.features(["ada", "łódź"], 40_960)

    assert found.offsets.tolist() == [0, 8, 19]
    assert found.rows[:8].tolist() == [1384, 11198, 16030, 11624, 4929, 12608, 26981, 13326]
    assert found.weights[:3].tolist() == pytest.approx([1, 1, 6**-0.5])


@given(st.lists(st.text(st.characters(categories=["Ll", "Nd", "Po"]), min_size=1, max_size=30), max_size=6))
def test_a_word_has_the_same_features_in_any_company(words):
    """The features of many words are those of each alone."""
    words = list(dict.fromkeys(word[: tokens.WIDTH] for word in words))
    together = tokens.features(words, 1_009)

    for number, word in enumerate(words):
        alone = tokens.features([word], 1_009)
        first, last = together.offsets[number], together.offsets[number + 1]
        assert together.rows[first:last].tolist() == alone.rows.tolist()
        assert together.weights[first:last].tolist() == alone.weights.tolist()


# The network


def formula(shape, number):
    """As in training/pii/reference.py."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(count) * 0.7 + number) * 0.5).reshape(shape).astype(np.float32)


def small():
    """The network of the reference: the arrays are numbered in the order of torch's sorted names."""
    rows, width, hidden, layers = 97, 6, 8, 4
    return network.Weights(
        table=formula((rows, width), 13),
        scale=np.ones(rows, dtype=np.float32),
        shape=formula((2 * tokens.SHAPES, width), 12),
        project=formula((hidden, width), 11).T,
        project_bias=formula((hidden,), 10),
        dilations=(1, 2, 4, 8),
        convolutions=tuple(formula((hidden, 3 * hidden), 2 * layer + 1).T for layer in range(layers)),
        biases=tuple(formula((hidden,), 2 * layer) for layer in range(layers)),
        output=formula((decode.TAGS, hidden), 9).T,
        output_bias=formula((decode.TAGS,), 8),
    )


def test_the_network_is_the_one_that_was_trained():
    """Numpy says what torch said (`python -m training.pii.reference`)."""
    reference = json.loads(REFERENCE.read_text())
    weights, found = small(), tokens.tokenize(reference["text"])
    features = tokens.features(found.words, len(weights.table))
    vectors = network.word_vectors(network.unpacked(weights), features)

    scores = network.log_probabilities(weights, network.projected(weights, vectors), found.word, found.shape)

    assert scores == pytest.approx(np.array(reference["log_probabilities"]), abs=2e-4)


def test_windows_say_what_the_whole_says(monkeypatch):
    """A token's tags depend on no more than the network's reach, wherever a window ends."""
    text = "Ada Lovelace wrote to Charles Babbage in London. " * 40
    whole = list(model.own().names(text, soon()))
    monkeypatch.setattr(network, "WINDOW", 37)

    assert list(model.own().names(text, soon())) == whole
    assert len(whole) > 100


# Decoding


def test_the_best_tagging_is_found():
    """Viterbi finds what trying every tagging finds."""
    chance = np.random.default_rng(7)
    tags = (0, 1, 2, 3, 4, 13, 16)
    for _ in range(30):
        scores = np.full((4, decode.TAGS), -30, dtype=np.float32)
        scores[:, tags] = chance.normal(size=(4, len(tags))) - 5
        taken = scores.copy()
        taken[:, 0] -= decode.DOUBT
        best, right = -np.inf, None
        for path in itertools.product(tags, repeat=4):
            steps = [decode.TRANSITIONS[a, b] for a, b in itertools.pairwise((0, *path, 0))]
            value = sum(taken[place, tag] for place, tag in enumerate(path)) + sum(steps)
            if value > best:
                best, right = value, path

        assert spelled(decode.spans(scores), 4) == right


def spelled(spans, length):
    path = [0] * length
    for span in spans:
        base = 1 + 4 * span.type
        path[span.first : span.last + 1] = [base + 1] * (span.last - span.first + 1)
        path[span.first], path[span.last] = base, base + 2
        if span.first == span.last:
            path[span.first] = base + 3
    return tuple(path)


def test_a_stretch_without_end_is_cut():
    """Ten thousand tokens in a row that look like names are decoded in bounded batches."""
    scores = np.full((10_000, decode.TAGS), -9, dtype=np.float32)
    scores[:, 4] = -0.01

    assert len(decode.spans(scores)) == 10_000


# Where is read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada lives in London.", ["Ada lives in London."]),
        ("x = compute(a, b)\nreturn x", []),
        ('user = User(name="Ada Lovelace")', ['user = User(name="Ada Lovelace")']),
        ('{"author": "Ada", "year": 1843}', ['{"author": "Ada", "year": 1843}']),
        ("  customer_name: ada lovelace;", ["  customer_name: ada lovelace;"]),
        ("import os\n# Ada wrote this\nos.exit()", ["# Ada wrote this\n"]),
        ("    filename: main.css;", []),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", []),
        ("Bob,bob@example.com,Paris", ["Bob,bob@example.com,Paris"]),
        ("", []),
        ("\n\n", []),
        ("Yours,\nAda", ["Yours,\nAda"]),
    ],
)
def test_prose_is_read_and_of_code_only_what_may_name_somebody(text, expected):
    """The pieces that the gate lets through."""
    assert [text[piece.start : piece.end] for piece in gate.pieces(text)] == expected


@given(st.text(st.characters(codec="utf-8")))
def test_pieces_are_whole_lines_in_order(text):
    """Pieces never overlap, and each starts and ends where a line does."""
    at = 0
    for piece in gate.pieces(text):
        assert at <= piece.start < piece.end <= len(text)
        assert piece.start == 0 or text[piece.start - 1] == "\n"
        assert piece.end == len(text) or text[piece.end - 1] == "\n"
        at = piece.end


# What is found


def shown(text, spec=NAMES):
    """The text with every name marked by the first letter of its entity."""
    for hit in reversed(hits(spec.detector(), text)):
        text = f"{text[: hit.start]}[{hit.label[0]} {text[hit.start : hit.end]}]{text[hit.end :]}"
    return text


@pytest.mark.parametrize(
    "expected",
    [
        line
        for line in (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ],
)
def test_names_are_found(expected):
    """The table of sentences: the marked spans and no others."""
    expected = expected.replace("\\n", "\n")
    text = gate.re.sub(r"\[[PLO] ([^\]]*)\]", r"\1", expected)

    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is A\u200bda Love\u200blace.", "A\u200bda Love\u200blace"),
        ("Yesterday Ch\u00adarles Bab\u00adbage wrote to us.", "Ch\u00adarles Bab\u00adbage"),
        ("My name is \uff21\uff44\uff41 \uff2c\uff4f\uff56\uff45\uff4c\uff41\uff43\uff45.", None),
        ("Dear Ms. Lovel\u0430ce, thank you for your letter of May 3.", "Lovel\u0430ce"),
        ("My name is \U0001d400\U0001d41d\U0001d41a Lovelace.", "\U0001d400\U0001d41d\U0001d41a Lovelace"),
    ],
)
def test_a_disguised_name_is_found_where_it_stands(text, expected):
    """Invisible characters, look-alikes and styled letters are no hiding place; the span is the source's."""
    found = {text[hit.start : hit.end] for hit in hits(PiiSpec(entities=("PERSON",)).detector(), text)}

    assert (expected or text[11:-1]) in found


@pytest.mark.parametrize(
    "text", ["He said \u201chello\u2026\u201d", "don\u2019t\u00a0go", "\U0001f468\u200d\U0001f469 x"]
)
def test_other_quotes_and_spaces_cost_no_second_reading(text):
    """Only a text with other words is read twice."""
    found = views(text).all

    assert len(found) > 1
    assert list(read_as_words(found)) == [found[0]]


def test_the_least_score_is_what_serves_best_for_each_entity():
    """Unasked, persons and organisations are found from a lower score on than places."""
    text = "Thanks, jo. Smith and Sons of Porto sent sam and Rob to the Harrow Group, or mail kim at Acme."
    every = hits(PiiSpec(entities=NAMES.entities, min_score=0.0).detector(), text)
    least = {"PERSON": 0.42, "ORGANIZATION": 0.45, "LOCATION": 0.5}

    assert {(hit.start, hit.label) for hit in hits(NAMES.detector(), text)} == {
        (hit.start, hit.label) for hit in every if hit.score >= least[hit.label]
    }
    assert any(hit.score < least[hit.label] for hit in every)


def completed(text, *names):
    """What becomes of some names, given as type and value, by value."""
    found, at = [], 0
    for type, value in names:
        at = text.index(value, at)
        found.append(model.Name(at, at + len(value), type, 0.9))
        at += len(value)
    return [text[one.start : one.end] for one in addresses.completed(text, found)]


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("at 12 4711 Elm St", [("ADDRESS", "4711 Elm St")], ["12 4711 Elm St"]),
        ("on 4.12 Elm St", [("ADDRESS", "Elm St")], ["Elm St"]),
        ("Ada 12 Elm St", [("PERSON", "Ada 12"), ("ADDRESS", "Elm St")], ["Ada 12", "Elm St"]),
        ("Elm St\nReno, NV 89501-0001.", [("ADDRESS", "Elm St"), ("LOCATION", "Reno")], None),
        ("Elm St, 10115", [("ADDRESS", "Elm St")], ["Elm St, 10115"]),
        ("Elm St, 10115.50", [("ADDRESS", "Elm St")], ["Elm St"]),
        ("Reno 89501", [("LOCATION", "Reno")], ["Reno"]),
        (f"Elm St{' ' * 200}Reno 89501", [("ADDRESS", "Elm St"), ("LOCATION", "Reno")], ["Elm St", "Reno"]),
        ("Elm St 10115", [("ADDRESS", "Elm St"), ("ORGANIZATION", "10115")], ["Elm St", "10115"]),
    ],
)
def test_an_address_takes_the_numbers_beside_it(text, names, expected):
    """A building's number before a street, a postcode after a place near one, and nothing of another name."""
    assert completed(text, *names) == (expected or ["Elm St", "Reno, NV 89501-0001"])


CODE = '''
import numpy as np
from collections import OrderedDict
class UserManager(BaseManager):
    """Creates and looks up accounts."""
    def get_queryset(self):
        return super().get_queryset().filter(is_active=True)
const express = require("express");
app.listen(process.env.PORT || 3000, () => console.log("Server started"));
SELECT id, name FROM customers WHERE created_at > '2024-01-01' ORDER BY name;
for (int i = 0; i < n; ++i) { sum += values[i]; }
throw new IllegalArgumentException("Value must not be null");
    @Override public String toString() { return "Point(" + x + ", " + y + ")"; }
2024-03-01T12:00:00Z INFO server started on port 8080
npm install --save-dev typescript @types/node
FROM python:3.12-slim
# Returns None when the key is missing.
// TODO: handle the empty case
"Content-Type": "application/json",
resource "aws_s3_bucket" "logs" { bucket = "acme-logs" }
<div class="container mx-auto"><span>Loading</span></div>
fmt.Println("connection closed", err)
assert result.status_code == 200
Traceback (most recent call last):
  File "/usr/lib/python3/site.py", line 12, in <module>
error: cannot find value `count` in this scope
+    self.assertEqual(len(rows), 3)
'''.strip().split("\n")


@pytest.mark.parametrize("line", CODE)
def test_a_line_of_code_names_nobody(line):
    """No name in any of these lines, alone."""
    assert shown(line) == line


def test_code_names_nobody():
    """Nor in all of them together."""
    assert shown("\n".join(CODE)) == "\n".join(CODE)


def test_what_is_found_in_code_stands_in_a_string_or_comment():
    """An identifier that reads like a name is none."""
    text = 'customer = Charlotte.Bronte(Emily, author="Charlotte Bronte")  # asked Emily Bronte'

    found = hits(NAMES.detector(), text)

    assert {text[hit.start : hit.end] for hit in found} == {"Charlotte Bronte", "Emily Bronte"}
    assert all(hit.start > text.index("author") for hit in found)


def test_a_score_is_a_probability_and_the_rule_decides():
    """With a higher least score a rule gets fewer hits, never others."""
    text = "Thanks, jo. Ada Lovelace of Smith and Sons will call from Porto, or mail sam tomorrow."
    found = {
        least: {
            (hit.start, hit.end, hit.label)
            for hit in hits(PiiSpec(entities=NAMES.entities, min_score=least).detector(), text)
        }
        for least in (0.0, 0.5, 0.9, 0.99)
    }

    assert found[0.99] <= found[0.9] <= found[0.5] <= found[0.0]
    assert all(
        0 <= hit.score <= 1 for hit in hits(PiiSpec(entities=NAMES.entities, min_score=0.0).detector(), text)
    )


def test_only_what_is_asked_for_is_found():
    """A rule for persons finds no place."""
    found = hits(PiiSpec(entities=("PERSON",)).detector(), "Ada Lovelace lives in London.")

    assert [hit.label for hit in found] == ["PERSON"]


# Languages

OTHER = {
    "zh": "我昨天在办公室见到了我的同事,我们讨论了下周必须完成的项目。他说这不是问题。",
    "ru": "Вчера я встретил своего коллегу в офисе, и мы говорили о проекте.",
    "ar": "التقيت أمس بزميلي في المكتب وتحدثنا عن المشروع الذي يجب أن ينتهي الأسبوع المقبل.",
    "ja": "昨日、オフィスで同僚に会い、来週完成するプロジェクトについて話しました。",
    "sv": "Igår träffade jag min kollega på kontoret och vi pratade om projektet som ska vara klart i nästa "
    "vecka. Han sa att det inte är några problem men att vi måste ha mer tid för att testa.",
    "cs": "Včera jsem se setkal s kolegou v kanceláři a mluvili jsme o projektu, který by měl být hotový "
    "příští týden. Řekl, že to není problém, ale že potřebujeme více času na testování.",
}


@pytest.mark.parametrize("code", OTHER)
def test_a_language_without_a_model_is_unjudged(code):
    """And not a text without names."""
    with pytest.raises(CannotJudge, match="names are found in en, de, fr") as caught:
        hits(NAMES.detector(), OTHER[code])
    assert caught.value.reason is Reason.NO_MODEL


@pytest.mark.parametrize("code", OTHER)
def test_a_policy_may_have_every_language_read(code):
    """Then what the model knows is found in it."""
    spec = PiiSpec(entities=NAMES.entities, other_languages="read")
    text = f"{OTHER[code]}\nRegards, Ada Lovelace"

    assert "Ada Lovelace" in {text[hit.start : hit.end] for hit in hits(spec.detector(), text)}


@pytest.mark.parametrize(
    "text",
    [
        "Ok.",
        "Что это?",
        "Please translate into Chinese: 你好, and tell me how it is pronounced in the north of the country.",
        "α = 0.05; β = 0.2",
        "x = [i for i in range(10) if i % 2]",
        "Ola Nordmann, Kari Nordmann, Per Hansen, Anne Olsen, Lars Berg, Ingrid Dahl, Nils Lie, Eva Moen",
        "i u a o " * 40,
        "",
    ],
)
def test_short_texts_lists_and_code_are_in_no_unknown_language(text):
    """They are read."""
    pieces = gate.pieces(text)

    assert not language.has_other_script(text, pieces)
    assert language.other_language(text, pieces) is None


@pytest.mark.parametrize("code", language.LANGUAGES)
def test_every_language_of_the_model_has_its_common_words(code):
    """A language that is not in the list could never be told from others."""
    assert any(code in languages for languages in language._common_words().values())


# Models by policy


@pytest.mark.parametrize("entity", ["NRP", "DATE_TIME"])
def test_what_our_model_does_not_know_cannot_be_asked_of_it(entity):
    """A policy that does is wrong, and is told so."""
    with pytest.raises(SpecError, match=f"the model `own` does not find `{entity}`"):
        PiiSpec(entities=("PERSON", entity), model="own").detector()


def test_a_spacy_pipeline_is_there_by_policy():
    """It finds names too."""
    spec = PiiSpec(entities=("PERSON", "DATE_TIME"), model="spacy:en_core_web_sm")

    found = hits(spec.detector(), "Barack Obama gave a speech to the students last Tuesday in the gym.")

    assert [hit.label for hit in found] == ["PERSON", "DATE_TIME"]


def test_by_default_another_model_finds_what_ours_does_not():
    """Each entity is found by the model that knows it."""
    found = hits(
        PiiSpec(entities=("PERSON", "DATE_TIME")).detector(), "Angela Merkel gave a speech in May 2010."
    )

    assert {hit.label: hit.why for hit in found} == {
        "PERSON": "model own",
        "DATE_TIME": "model spacy:en_core_web_sm",
    }


# Time


def text_of(size):
    chance = random.Random(3)
    words = (
        "the",
        "report",
        "about",
        "river",
        "with",
        "Ada Lovelace",
        "from",
        "London",
        "and",
        "Smith",
        "to",
    )
    lines = (" ".join(chance.choices(words, k=12)) + "." for _ in itertools.count())
    return "\n".join(itertools.takewhile(lambda _, left=[size]: _spend(left, _), lines))


def _spend(left, line):
    left[0] -= len(line) + 1
    return left[0] > 0


def seconds(text):
    return min(spent(lambda: list(reading.names(text, gate.pieces(text), soon()))) for _ in range(3))


def test_time_is_linear_in_length():
    """Eight times the text takes about eight times as long."""
    text = text_of(400_000)

    assert seconds(text) < 16 * seconds(text[: len(text) // 8])


@pytest.mark.parametrize(
    "hostile",
    [
        "A",
        "Ada ",
        "a.",
        '"',
        "# ",
        "name: ",
        "\n",
        "x=",
        "A. ",
        "name='",
        "-",
        "\u0301",
        "[",
        "Aa1",
        "“",
        "漢",
    ],
)
def test_no_text_takes_long(hostile):
    """A hundred thousand characters of anything are read within seconds."""
    text = hostile * (100_000 // len(hostile))
    began = time.perf_counter()
    list(reading.names(text, gate.pieces(text), soon()))

    assert time.perf_counter() - began < 10


def test_two_megabytes_are_read():
    """And the last name in them is found."""
    text = text_of(2_000_000) + "\nRegards, Grace Hopper"

    found = list(reading.names(text, gate.pieces(text), soon()))

    assert text[found[-1].start : found[-1].end] == "Grace Hopper"


def test_a_deadline_ends_the_reading():
    """Soon after it has passed, not at the end of the text."""
    text = text_of(2_000_000)
    pieces = gate.pieces(text)
    began = time.perf_counter()

    with pytest.raises(CannotJudge) as caught:
        list(reading.names(text, pieces, Deadline.after(0.05)))
    assert caught.value.reason is Reason.DEADLINE
    assert time.perf_counter() - began < 1


def test_threads_do_not_disturb_each_other():
    """Eight threads at once find what one finds, each in its own text."""
    texts = [text_of(20_000 + 1_000 * number) for number in range(8)]
    alone = [list(reading.names(text, gate.pieces(text), soon())) for text in texts]
    together = [None] * len(texts)

    def read(number):
        for _ in range(3):
            together[number] = list(reading.names(texts[number], gate.pieces(texts[number]), soon()))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert together == alone


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_can_be_read(text):
    """Spans lie within the text, in order, and hold a letter."""
    at = 0
    for found in reading.names(text, gate.pieces(text), soon()):
        assert at <= found.start < found.end <= len(text)
        assert any(char.isalpha() for char in text[found.start : found.end])
        at = found.end
