"""`type: classifier`: a network in a local folder judges window by window, and is refused where unfit."""

import datetime as dt
import json
import math
import re
import sys
from pathlib import Path

import pytest

from guardrails.detectors import CannotJudge, ClassifierSpec, Deadline, SpecError
from guardrails.detectors.alone import Alone
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.model import Address, Context, Hook, Kind, Reason, Role, Segment, Verdict
from guardrails.policy.compile import compile_files, read_files

onnx = pytest.importorskip("onnx", reason="makes the tests' network")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="the extra `onnx` is not installed")

from onnx import TensorProto, helper  # noqa: E402

PAGE = (Path(__file__).resolve().parents[2] / "docs/content.md").read_text("utf-8")
WORDS = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "attack": 3, "noise": 4}
CONFIG = {"id2label": {"0": "benign", "1": "Prompt attack"}, "max_position_embeddings": 32}


def network(input_name="input_ids", classes=2):
    """Class 1 has a logit of 6 where `attack` is in the window, else -6; the others have the opposite."""
    nodes = [
        helper.make_node("Equal", [input_name, "word"], ["same"]),
        helper.make_node("Cast", ["same"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["number"], ["any"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["any", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "start"], ["logits"]),
    ]
    sign = [1.0 if one == 1 or classes == 1 else -1.0 for one in range(classes)]
    values = [
        helper.make_tensor("word", TensorProto.INT64, [1], [WORDS["attack"]]),
        helper.make_tensor("slope", TensorProto.FLOAT, [1, classes], [12.0 * one for one in sign]),
        helper.make_tensor("start", TensorProto.FLOAT, [classes], [-6.0 * one for one in sign]),
    ]
    shape = ["batch", "sequence"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.INT64, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        values,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write(folder, config=CONFIG, **more):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    onnx.save(network(**more), str(folder / "model.onnx"))
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("models") / "tiny")


def spec(folder, *labels, **more):
    return ClassifierSpec(folder=str(folder), labels=labels or ("Prompt attack",), **more)


def hits(made, text, seconds=10.0):
    return Alone(made.detector()).hits(text, Deadline.after(seconds))


def test_a_class_that_is_listed_is_a_hit_with_its_probability(folder):
    """The hit spans what was read, is called after the class, and its score is the softmax of the logits."""
    (hit,) = hits(spec(folder), "  an attack here ")

    assert (hit.start, hit.end, hit.label) == (2, 16, "PROMPT_ATTACK")
    assert math.isclose(hit.score, 1 / (1 + math.exp(-12)), rel_tol=1e-6)
    assert hits(spec(folder), "nothing here") == []
    assert hits(spec(folder), "") == []
    assert [one.label for one in hits(spec(folder, "benign"), "nothing here")] == ["BENIGN"]


def test_independent_classes_are_judged_each_by_itself(tmp_path):
    """With one class, or `problem_type: multi_label_classification`, a score is the sigmoid of its logit."""
    one = write(tmp_path / "one", {"id2label": {"0": "bad"}}, classes=1)
    two = write(tmp_path / "two", CONFIG | {"problem_type": "multi_label_classification"})

    for made in (spec(one, "bad"), spec(two)):
        (hit,) = hits(made, "attack")
        assert math.isclose(hit.score, 1 / (1 + math.exp(-6)), rel_tol=1e-6)
    assert hits(spec(one, "bad", min_score=0.999), "attack") == []


@pytest.mark.parametrize("before", [0, 10, 29, 30, 31, 200, 3_000, 6_000])
def test_a_long_text_is_read_in_windows_and_the_hit_says_which(folder, before):
    """Wherever the word stands, it is found, and within two windows' length."""
    text = "noise " * before + "attack" + " noise" * 3_000
    (hit,) = hits(spec(folder), text)

    assert hit.start <= before * 6
    assert hit.end >= before * 6 + 6
    assert hit.end - hit.start <= 2 * 32 * 6


def test_the_place_is_right_behind_letters_of_several_bytes(folder):
    """Offsets are code points, also where the text holds what is no text."""
    text = "\U0001f600é \ud800 " * 2_500 + "attack"
    (hit,) = hits(spec(folder), text)

    assert text[hit.start : hit.end].endswith("attack")
    assert hit.end == len(text)


def test_a_disguise_is_read_too(folder):
    """What is decoded from base64 is judged, and the hit is the run that it came from."""
    found = hits(spec(folder), "see YW4gYXR0YWNrIGhlcmUsIGRlYXIgYXNzaXN0YW50 there")

    assert [(one.start, one.end) for one in found] == [(4, 44)]


def test_time_is_bounded(folder):
    """With too little time left for a window nothing is begun, and the text is unjudged."""
    with pytest.raises(CannotJudge) as raised:
        hits(spec(folder), "attack", seconds=0.02)
    assert raised.value.reason is Reason.DEADLINE


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("broken", [False, True])
def test_what_is_missing_or_broken_is_named(tmp_path, name, broken):
    """A folder without one of its files, or with a broken one, is a clear mistake of the policy."""
    file = write(tmp_path / "m") / name
    if broken:
        file.write_bytes(b"{nonsense")
    else:
        file.unlink()
    with pytest.raises(SpecError, match=name) as raised:
        spec(tmp_path / "m").detector()
    assert raised.value.path == ("folder",)


def test_a_network_that_does_not_fit_is_refused(tmp_path):
    """Unknown inputs, unnamed classes and labels that are none are mistakes too."""
    write(tmp_path / "m", input_name="pixel_values")
    with pytest.raises(SpecError, match="pixel_values"):
        spec(tmp_path / "m").detector()
    write(tmp_path / "m", config={"id2label": {"0": "a", "2": "b"}})
    with pytest.raises(SpecError, match="does not name the classes"):
        spec(tmp_path / "m", "a").detector()
    write(tmp_path / "m")
    with pytest.raises(SpecError, match="no class `attack`") as raised:
        spec(tmp_path / "m", "benign", "attack").detector()
    assert (raised.value.path, "`Prompt attack`" in raised.value.help) == (("labels", 1), True)


def test_more_scores_than_classes_are_unjudged(tmp_path):
    """A network that gives something else than a score for each class could not look."""
    made = spec(write(tmp_path / "m", CONFIG | {"id2label": {"0": "a", "1": "Prompt attack", "2": "c"}}))
    with pytest.raises(CannotJudge, match="no score for each class"):
        hits(made, "attack")


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_without_the_extra_the_policy_says_what_to_install(folder, monkeypatch, package):
    """Missing packages are a mistake that is told when the policy loads."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpecError, match="packages") as raised:
        spec(folder).detector()
    assert "[onnx]" in raised.value.help


POLICY = """\
version: 1
policy: p
rules:
  - id: own
    title: t
    severity: high
    detect: {type: classifier, folder: FOLDER, labels: [Prompt attack], min_score: 0.9}
    action: deny
    examples:
      - hit: "«an attack here»"
      - miss: "nothing here"
"""


def test_a_policy_finds_its_folder_beside_it_and_counts_the_weights(tmp_path):
    """The path is relative to the policy's file, and other weights are another policy set."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p/p.yaml").write_text(POLICY.replace("FOLDER", "../tiny"))
    write(tmp_path / "tiny")
    first = compile_files(read_files([tmp_path / "p"])).policies
    again = compile_files(read_files([tmp_path / "p"])).policies
    write(tmp_path / "tiny", CONFIG | {"max_position_embeddings": 64})
    other = compile_files(read_files([tmp_path / "p"])).policies

    assert first.digest == again.digest != other.digest
    decision = Engine(first, Keys(b"k" * 32)).judge(
        [Segment(Address("/0"), Role.USER, Kind.TEXT, "an attack here")],
        Hook.REQUEST,
        Context(),
        deadline=Deadline.after(10),
        today=dt.date(2026, 1, 1),
    )
    assert decision.verdict is Verdict.DENY


def test_a_folder_that_is_not_there_is_an_error_at_its_line(tmp_path):
    """The diagnostic points at `folder`."""
    (tmp_path / "p.yaml").write_text(POLICY.replace("FOLDER", "elsewhere"))
    compiled = compile_files(read_files([tmp_path / "p.yaml"]))

    (problem,) = compiled.diagnostics
    assert (problem.code, problem.line, problem.message) == ("bad-detector", 7, "there is no such folder")


def test_the_page_s_example_loads(tmp_path):
    """The documentation's policy finds a model with its class in the folder that it names."""
    (policy,) = re.findall(r'```yaml title="own-model.yaml"\n(.*?)```', PAGE, re.DOTALL)
    (place,) = re.findall(r"folder: ([^,\n]+)", policy)
    (label,) = re.findall(r"labels: \[([^]]+)\]", policy)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/own-model.yaml").write_text(policy)
    (tmp_path / "models").mkdir()
    write(tmp_path / "p" / place, {"id2label": {"0": "benign", "1": label}})
    compiled = compile_files(read_files([tmp_path / "p"]))

    assert compiled.diagnostics == ()
    assert compiled.policies.detectors[0].name.startswith(f"classifier {Path(place).name} ")
