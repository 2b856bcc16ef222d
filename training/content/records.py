"""Labelled texts, from files and made up, in one shape."""

from __future__ import annotations

import gzip
import json
import random
from importlib import metadata
from pathlib import Path

import msgspec


class Text(msgspec.Struct, frozen=True):
    """`span`: where the attack stands, in characters; None: not known or all of it."""

    text: str
    label: int
    source: str
    category: str
    span: tuple[int, int] | None = None


def read(path: Path, source: str | None = None) -> list[Text]:
    """The records of one file. With `source`, data of another kind: its texts are harmless here."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [
            Text(
                record["text"],
                int(record["label"]) if source is None else 0,
                source or record["source"],
                str(record.get("category", "harmless")),
                tuple(record["span"]) if "span" in record else None,
            )
            for record in map(json.loads, lines)
        ]


def cut(
    texts: list[Text], seed: int, lengths: tuple[int, ...] = (300, 800, 2000, 6000), most: int = 4000
) -> list[Text]:
    """Stretches of long harmless texts, of several lengths."""
    r = random.Random(seed)
    out: list[Text] = []
    for one in texts:
        at = 0
        while at < len(one.text) and len(out) < most:
            length = r.choice(lengths)
            out.append(msgspec.structs.replace(one, text=one.text[at : at + length]))
            at += length
    return out


PERMISSIVE = ("MIT", "BSD", "Apache", "ISC")


def installed(requirements: Path) -> list[Text]:
    """The descriptions of the packages that the lock file names and that are installed and freely licensed."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    names = sorted(
        {line.split("==")[0].split("[")[0] for line in lines if "==" in line and line[0].isalpha()}
    )
    out = []
    for name in names:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        classifiers = [one for one in about.get_all("Classifier", []) if one.startswith("License")]
        licence = " ".join([about.get("License-Expression") or about.get("License") or "", *classifiers])
        if any(one in licence for one in PERMISSIVE) and not any(one in licence for one in ("GPL", "MPL")):
            text = about.get("Description") or about.get_payload()
            if isinstance(text, str) and text.strip():
                out.append(Text(text, 0, "packages", "harmless"))
    return out
