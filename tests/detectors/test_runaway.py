"""`type: length` and `type: repeat`."""

import random

import pytest
from looking import hits
from timing import assert_linear

from guardrails.detectors import LengthSpec, RepeatSpec, SpecError


@pytest.mark.parametrize(
    ("spec", "text", "beyond"),
    [
        ({"max_chars": 5}, "abcde", None),
        ({"max_chars": 5}, "abcdefg", "fg"),
        ({"max_words": 2}, "one two", None),
        ({"max_words": 2}, "one two three four", "three four"),
        ({"max_lines": 2}, "a\nb\n", None),
        ({"max_lines": 2}, "a\nb\nc", "\nc"),
        ({"max_lines": 1}, "", None),
    ],
)
def test_what_is_beyond_the_limit_is_the_hit(spec, text, beyond):
    """At the limit nothing is found; beyond it, the rest."""
    found = [text[one.start : one.end] for one in hits(LengthSpec(**spec).detector(), text)]

    assert found == ([] if beyond is None else [beyond])


def test_a_length_without_a_limit_is_an_error():
    """A rule that could never find anything is refused."""
    with pytest.raises(SpecError):
        LengthSpec().detector()


@pytest.fixture
def tokenizer(tmp_path):
    """A file with a tokenizer whose tokens are words of letters and single signs."""
    tokenizers = pytest.importorskip("tokenizers", reason="the extra `onnx` is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.mark.parametrize(
    ("most", "text", "beyond"),
    [
        (4, "one, two!", None),
        (3, "one, two!", "!"),
        (2, "one, two!", "two!"),
        (9_000, "one two " * 4_500, None),
        (8_999, "one two " * 4_500, "two "),
        (1, "\ud800 b", "b"),
        (1, "", None),
    ],
)
def test_tokens_are_those_of_the_tokenizer_in_the_file(tokenizer, most, text, beyond):
    """The hit begins with the first token beyond; long texts are counted in pieces and as a whole."""
    spec = LengthSpec(max_tokens=most, tokenizer=tokenizer.name).placed(tokenizer.parent)
    found = [text[one.start : one.end] for one in hits(spec.detector(), text)]

    assert found == ([] if beyond is None else [beyond])


def test_another_tokenizer_is_another_detector(tokenizer):
    """What is remembered under one is not taken for what the other would count."""
    spec = LengthSpec(max_tokens=5, tokenizer=str(tokenizer))
    before = spec.detector().name
    tokenizer.write_text(tokenizer.read_text().replace("[UNK]", "[ODD]"))

    assert spec.detector().name != before


@pytest.mark.parametrize("content", [None, b"{}", b"\xff"])
def test_what_is_no_tokenizer_is_an_error_at_its_key(tmp_path, content):
    """Missing, of another shape, or no text."""
    pytest.importorskip("tokenizers", reason="the extra `onnx` is not installed")
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError) as error:
        LengthSpec(max_tokens=5, tokenizer=str(file)).detector()
    assert error.value.path == ("tokenizer",)


@pytest.mark.parametrize("spec", [{"max_tokens": 5}, {"max_chars": 5, "tokenizer": "tokenizer.json"}])
def test_a_limit_of_tokens_and_its_tokenizer_come_together(spec):
    """Neither says anything alone."""
    with pytest.raises(SpecError):
        LengthSpec(**spec).detector()


@pytest.mark.parametrize(
    ("unit", "times"),
    [("I am sorry. ", 20), ("no ", 80), ("the cat sat on the mat and the dog sat on the rug\n", 12)],
)
def test_runaway_output_is_found_whole(unit, times):
    """From the first repetition to the last, among ordinary text, also where words recur within."""
    text = "Here is the answer you wanted:\n" + unit * times + "\nThat was all."
    (hit,) = hits(RepeatSpec().detector(), text)
    start = text.index(unit)

    assert abs(hit.start - start) <= len(unit) * 2
    assert abs(hit.end - (start + len(unit) * times)) <= len(unit)


def test_runs_of_a_letter_are_found_and_rulers_are_not():
    """`aaaa...` runs away; a ruler of dashes is a ruler."""
    assert hits(RepeatSpec().detector(), "a" * 300)
    assert hits(RepeatSpec().detector(), "-" * 300 + "\n" + "=" * 300) == []


def test_ordinary_text_is_left_alone():
    """Tables, lists and songs repeat themselves a little."""
    chorus = "Row, row, row your boat, gently down the stream\n" * 4
    rows = "\n".join(f"| {number} | open | none |" for number in range(200))

    assert hits(RepeatSpec().detector(), chorus + rows) == []


def test_time_is_linear():
    """Ten times the text takes about ten times as long."""
    source = random.Random(3)
    texts = {
        many: " ".join(source.choice(("a", "b", "a b")) for _ in range(many)) for many in (20_000, 200_000)
    }

    assert_linear(lambda many: hits(RepeatSpec().detector(), texts[many], seconds=60), *texts, least=0.0)
