"""The catalogue proves itself: every kind finds what its examples mark, in whatever people paste from."""

from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML

from guardrails.catalogue import secret_kinds
from guardrails.catalogue.secret_kinds import CatalogueError, kinds, load
from guardrails.detectors import SecretSpec
from guardrails.detectors.alone import Alone
from guardrails.detectors.base import Deadline
from guardrails.detectors.secret_proof import WRAPPERS, failures

RECORD = """
- id: acme-token
  title: Acme token
  vendor: Acme
  %s
  examples:
    - hit: 'ACME_TOKEN=«acme_{base62(20)}»'
    - miss: 'ACME_TOKEN=acme_{base62(10)}'
"""


@pytest.fixture(scope="module")
def finder():
    return Alone(SecretSpec(kinds=("*",)).detector())


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_kind_finds_its_examples_with_their_exact_spans(wrapper, finder):
    """In a wrapper each hit is found just where it is marked, and no miss is found."""
    wrong = [
        (kind.id, *failure) for kind in kinds().values() for failure in failures(kind, finder, (wrapper,))
    ]

    assert wrong == []


def test_a_record_that_fails_its_example_is_told(finder):
    """A proof says which example does not hold, and what was found instead."""
    (kind,) = load("acme.yaml", RECORD % "pattern: 'acme-(?P<secret>[A-Za-z0-9]{20})'")

    alone = Alone(finder.detector.__class__([kind], 0.5))
    wrong = failures(kind, alone)

    assert [(name, example.hit is not None) for name, example, _ in wrong] == [("plain", True)]
    assert "found []" in wrong[0][2]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pattern: 'acme_[a-z]{9}'\n  reader: seed-phrase", "exactly one of"),
        ("pattern: 'acme_[a-z]{9}'\n  severity: dire", "unknown severity `dire`"),
        ("assigned: {names: [acme], value: '['}", "`value` does not parse"),
        ("pattern: 'acme_[a-z]{9}'\n  keyword: acme", "unknown field `keyword`"),
    ],
)
def test_a_wrong_record_is_refused_by_name(how, message):
    """A record that makes no sense names its file and says what is wrong."""
    with pytest.raises(CatalogueError, match=r"acme\.yaml, record 1") as caught:
        load("acme.yaml", RECORD % how)

    assert message in str(caught.value)


def test_an_assigned_kind_takes_its_pair_before_the_generic_one(finder):
    """A value that a vendor's name betrays is called after the vendor, and only so."""
    hits = finder.hits(f"DD_API_KEY={'0f1e2d3c4b5a69788796a5b4c3d2e1f9'}", Deadline.after(5))

    assert [hit.label for hit in hits] == ["DATADOG_API_KEY"]


def test_one_span_is_one_kind(finder):
    """What stands in a header is called after its vendor, and after the header where none is known."""
    token = "ghp_" + "8sK2mPq7Zx4LwVbN3tRyHcJ6fDgA1eUo9iXk"

    hits = finder.hits(f"Authorization: Bearer {token}", Deadline.after(5))
    other = finder.hits(f"Authorization: Bearer {token[4:]}", Deadline.after(5))

    assert [hit.label for hit in hits] == ["GITHUB_PERSONAL_ACCESS_TOKEN"]
    assert [hit.label for hit in other] == ["AUTHORIZATION_HEADER"]


def test_the_records_are_yaml_as_policies_are():
    """The fast reader of the records reads what the strict one does, which also refuses a key given twice."""
    for file in sorted(Path(secret_kinds.__file__).parent.glob("secrets/*.yaml")):
        strict = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))

        assert load(file.name, file.read_text("utf-8")) == [
            msgspec.convert(record, secret_kinds.SecretKind) for record in strict
        ]
