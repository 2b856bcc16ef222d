"""The self-made sample of personal data: its counts must not get worse.

`counts.json` holds what was found and what was flagged wrongly, by file and entity. Where a change makes
them better, write the new ones down: `python tests/evaluation/test_pii_corpus.py`.
"""

import json
import sys
from pathlib import Path

from guardrails.detectors.pii import chosen
from guardrails.evaluation.pii import Record, Tally, finder, measure
from guardrails.evaluation.records import read

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "pii"
COUNTS = CORPUS / "counts.json"


def counts():
    """By file and entity: labels found, and predictions that meet none."""
    entities = chosen(["identifiers"])
    find = finder(entities, 0.5, "en")
    found = {}
    for path in sorted(CORPUS.glob("*.jsonl")):
        tally = Tally(entities)
        measure(find, read(path, Record), tally)
        found[path.name] = {
            entity: {
                "gold": row.gold,
                "found": round(row.recall * row.gold),
                "exact": round(row.exact_f1, 2),
                "false": row.predicted - round(row.precision * row.predicted),
            }
            for entity, row in tally.figures().entities.items()
        }
    return found


def test_counts_do_not_get_worse():
    """Nothing that was found is missed now, and nothing more is flagged."""
    known, now = json.loads(COUNTS.read_text("utf-8")), counts()
    worse = [
        f"{name} {entity}: {before} before, {after} now"
        for name, rows in known.items()
        for entity, before in rows.items()
        for after in [now[name].get(entity, {"found": 0, "exact": 0, "false": 0})]
        if after["found"] < before["found"]
        or after["exact"] < before["exact"]
        or after["false"] > before["false"]
    ]
    new = [
        f"{name} {entity}: {after['false']} false ones now"
        for name, rows in now.items()
        for entity, after in rows.items()
        if entity not in known[name] and after["false"]
    ]

    assert worse + new == []


def test_the_sample_is_large_and_clean_text_is_left_alone():
    """Every identifier has labels, there are hundreds of lines, and none of the clean ones is flagged."""
    known = json.loads(COUNTS.read_text("utf-8"))

    assert sum(1 for path in CORPUS.glob("*.jsonl") for _ in read(path, Record)) > 1_000
    assert len(known["identifiers.jsonl"]) > 150
    assert known["clean.jsonl"]["ALL"]["false"] == 0


if __name__ == "__main__":
    COUNTS.write_text(json.dumps(counts(), indent=1) + "\n", "utf-8")
    sys.exit()
