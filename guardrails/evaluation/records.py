"""Labelled data: JSON Lines, plain or gzipped, one record a line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

Record = TypeVar("Record")


class RecordError(Exception):
    """A line that is no record. Names the file and the line; holds nothing of the text."""


def read(path: Path, type: type[Record]) -> Iterator[Record]:
    """The records of one file (`.jsonl`, `.jsonl.gz`), decoded as `type`; blank lines are passed over.

    Raises `RecordError` for a line that does not fit, `OSError` when the file cannot be read.
    """
    decoder = msgspec.json.Decoder(type)
    number = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        try:
            for number, line in enumerate(lines, 1):  # noqa: B007 - for the message below
                if line.strip():
                    yield decoder.decode(line)
        except msgspec.DecodeError as error:
            raise RecordError(f"{path}:{number}: {error}") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RecordError(f"{path}: the compressed data is damaged after line {number}") from error
