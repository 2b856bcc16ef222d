"""Presidio's YAML recognisers in a policy: their patterns under our limits."""

import pytest
from looking import hits, marked

from guardrails.detectors.base import CannotJudge, SpecError
from guardrails.detectors.pii import PiiSpec
from guardrails.model import Reason
from guardrails.policy.compile import LoadError, load_set

RECOGNIZERS = r"""
recognizers:
  - name: Badge recogniser
    supported_entity: BADGE
    supported_languages:
      - language: en
        context: [badge, staff pass]
      - language: de
        context: [dienstausweis]
    patterns:
      - name: badge (weak)
        regex: '\bB-\d{5}\b'
        score: 0.3
  - name: Titles
    supported_entity: HONORIFIC
    deny_list: [Mr., Mrs., "Prof. Dr."]
    deny_list_score: 0.7
  - name: Only German
    supported_entity: AZ
    supported_language: de
    patterns: [{name: az, regex: 'AZ \d{1,9}/\d\d', score: 0.6}]
  - name: Not now
    supported_entity: BADGE
    enabled: false
    patterns: [{name: any, regex: 'B', score: 1.0}]
  - name: UuidRecognizer
    type: predefined
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(RECOGNIZERS)
    return path


def detector(file, *entities, **more):
    return PiiSpec(entities=entities, recognizers=str(file), **more).detector()


def test_patterns_and_context_words_of_a_file(file):
    """A pattern below the threshold counts with a whole context word near it."""
    looking = detector(file, "BADGE")

    assert (
        marked(looking, "his badge «B-12345», B-1".replace("«", "").replace("»", ""))
        == "his badge «B-12345», B-1"
    )
    assert marked(looking, "row B-12345 of the badgeless") == "row B-12345 of the badgeless"
    (hit,) = hits(looking, "staff pass b-12345")
    assert (hit.label, hit.score) == ("BADGE", 0.65)
    assert hit.why == "pattern badge (weak) of Badge recogniser, context word staff pass"


def test_deny_lists_find_whole_words(file):
    """A deny list finds its entries, in any case, not within words."""
    assert marked(detector(file, "HONORIFIC"), "ask Prof. Dr. Ada and mrs. X, not MrsX") == (
        "ask «Prof. Dr.» Ada and «mrs.» X, not MrsX"
    )


def test_context_words_go_by_language(file):
    """The words of another language announce nothing."""
    assert hits(detector(file, "BADGE"), "Dienstausweis B-12345") == []
    assert len(hits(detector(file, "BADGE", language="de"), "Dienstausweis B-12345")) == 1


def test_an_entity_of_another_language_is_an_error(file):
    """A recogniser that would never run is said so when the policy loads."""
    with pytest.raises(SpecError, match="not for texts in `en`") as caught:
        detector(file, "AZ")

    assert caught.value.path == ("entities", 0)
    assert len(hits(detector(file, "AZ", language="de"), "Az 12/24")) == 1


def test_predefined_recognisers_and_our_own_entities_take_part(file):
    """A predefined recogniser is asked for by its entity, beside entities of ours."""
    found = hits(
        detector(file, "UUID", "EMAIL_ADDRESS"), "550E8400-E29B-41D4-A716-446655440000 ada@example.com"
    )

    assert [one.label for one in found] == ["UUID", "EMAIL_ADDRESS"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "recognizers: [{name: X, supported_entity: X, patterns: [{name: p, regex: 'a+b', score: 1}]}]",
            "upper bound",
        ),
        (
            "recognizers: [{name: X, supported_entity: X, patterns: [{name: p, regex: '(a', score: 1}]}]",
            "parse",
        ),
        ("recognizers: [{name: X, supported_entity: X}]", "no `patterns`"),
        ("recognizers: [{name: X, deny_list: [a]}]", "supported_entity"),
        ("recognizers: [{name: X, supported_entity: X, deny_lst: [a]}]", "deny_lst"),
        ("recognizers: [{name: NobodyRecognizer, type: predefined}]", "NobodyRecognizer"),
        ("- a\n- b", "recognisers"),
        ("a: [", "recognisers"),
    ],
)
def test_a_file_that_cannot_be_run_is_an_error(tmp_path, content, said):
    """What is wrong with a file is said with the file's and the recogniser's name, at the policy's key."""
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(SpecError) as caught:
        detector(path, "X")

    assert caught.value.path == ("recognizers",)
    assert said in caught.value.message
    assert "own.yaml" in caught.value.message


def test_a_missing_file_is_an_error(tmp_path):
    """A file that is not there is an error at the key that names it."""
    with pytest.raises(SpecError, match="no such file"):
        detector(tmp_path / "none.yaml", "X")


def test_a_pattern_that_runs_out_of_time_is_not_judged(tmp_path):
    """A pattern that backtracks for too long leaves the text unjudged; it is never skipped."""
    path = tmp_path / "own.yaml"
    expression = "(?:(?:ab){1,9}|(?:ba){1,9}|a|b){1,60}d(?=e)"
    pattern = f"{{name: p, regex: '{expression}', score: 1}}"
    path.write_text(f"recognizers: [{{name: X, supported_entity: X, patterns: [{pattern}]}}]")
    looking = detector(path, "X")
    with pytest.raises(CannotJudge) as caught:
        hits(looking, "ab" * 300 + "d", seconds=0.3)
    assert caught.value.reason in (Reason.PATTERN_TIMEOUT, Reason.DEADLINE)


POLICY = """
version: 1
policy: own
rules:
  - id: pii.badge
    title: A badge
    severity: low
    detect: {type: pii, entities: [BADGE], recognizers: own.yaml}
    action: mask
    mask: {with: placeholder}
    examples:
      - hit: "badge «B-12345»"
      - miss: "badge 12345"
"""


def test_a_policy_names_the_file_beside_it(file, tmp_path):
    """The path is relative to the policy's file, and the file is not taken for a policy."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    policies = load_set([tmp_path])

    assert [rule.id for rule in policies.rules] == ["pii.badge"]


def test_the_file_is_part_of_the_digest(file, tmp_path):
    """Another score in the file is another policy set."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    before = load_set([tmp_path]).digest
    file.write_text(RECOGNIZERS.replace("0.7", "0.8"))

    assert load_set([tmp_path]).digest != before


def test_errors_point_at_the_policy(tmp_path):
    """A file that is not there is reported with the line of the policy that names it."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    with pytest.raises(LoadError) as caught:
        load_set([tmp_path / "policy.yaml"])

    (problem,) = caught.value.diagnostics
    assert (problem.line, problem.code) == (8, "bad-detector")
