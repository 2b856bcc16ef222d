"""The records of the catalogue: in order, complete, and proven in what people paste from."""

import re
from collections import Counter
from pathlib import Path

import pytest

from guardrails.catalogue.secret_kinds import CatalogueError, kinds, load
from guardrails.catalogue.validators import class_mix
from guardrails.detectors import SecretSpec
from guardrails.detectors.alone import Alone
from guardrails.detectors.secret_proof import failures

FOLDER = Path(__file__).resolve().parents[2] / "guardrails" / "catalogue" / "secrets"
FILES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
VENDORS = [one for one in FILES if one not in {"assignments", "structures"}]
WRAPPERS = ("plain", "json", "cat -n", "log")
FINDER = Alone(SecretSpec(kinds=("*",)).detector())

MAKER = re.compile(r"\{(\w+|\[(?:[^\]\\]|\\.)+\])\(\d*\)\}")
FILLER = re.compile(r"X{4,}|x{4,}|0{4,}")
RUN = re.compile(r"[A-Za-z0-9]{32,}")

RECORD = """
- id: acme-key
  title: 'Acme API key'
  vendor: 'Acme'
  {how}
  examples:
    - hit: 'key: «acme_7»'
"""


def records(vendor):
    return load(f"{vendor}.yaml", (FOLDER / f"{vendor}.yaml").read_text("utf-8"))


def test_the_catalogue_is_as_large_as_promised():
    """At least four hundred kinds have a vendor of their own."""
    assert len([one for one in kinds().values() if one.vendor not in {"any", "IETF"}]) >= 400


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_file_is_one_vendor_in_order(vendor):
    """Records stand by id, of one vendor, each with a reference, a hit and a miss."""
    found = records(vendor)

    assert [one.id for one in found] == sorted(one.id for one in found)
    assert len({one.vendor for one in found}) == 1
    for one in found:
        assert all(reference.startswith("https://") for reference in one.references)
        assert one.references
        assert Counter(example.hit is not None for example in one.examples).keys() == {True, False}
        assert len([example for example in one.examples if example.hit]) >= 2


@pytest.mark.parametrize("name", FILES)
def test_a_kind_proves_itself(name):
    """Every hit is found with its exact span, a vendor's also in JSON, `cat -n` and a log; no miss is."""
    wrappers = WRAPPERS if name in VENDORS else ("plain",)
    wrong = [failure for kind in records(name) for failure in failures(kind, FINDER, wrappers)]

    assert wrong == []


@pytest.mark.parametrize("name", FILES)
def test_no_live_looking_value_is_in_the_files(name):
    """Examples are templates: without their makers no long run of letters and digits is left."""
    for kind in records(name):
        for example in kind.examples:
            fixed = FILLER.sub(" ", MAKER.sub(" ", example.hit or example.miss))

            assert not [run for run in RUN.findall(fixed) if class_mix(run)]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("score: 0.9", "exactly one of `token`, `pattern`, `assigned` and `reader`"),
        ("token: 'acme_[0-9]'\n  pattern: 'acme_[0-9]'", "exactly one of"),
        ("token: 'acme_[0-9]'\n  validators: [checksum]", "unknown validator `checksum`"),
    ],
)
def test_a_record_that_is_wrong_is_named(how, message):
    """The error says the file, the record and what is wrong."""
    with pytest.raises(CatalogueError, match=message) as caught:
        load("acme.yaml", RECORD.format(how=how))

    assert "acme.yaml" in str(caught.value)
    assert "acme-key" in str(caught.value)
