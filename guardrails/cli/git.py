"""What git says has changed: whole files with the lines that are new in them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import rich_click as click

_HUNK = re.compile(rb"(?m)^@@ -[0-9]+(?:,[0-9]+)? \+([0-9]+)(?:,([0-9]+))? @@")


class Changed(msgspec.Struct, frozen=True):
    """A file with changes. `added` are the new lines as `[first, last]`, counted from 1."""

    name: str
    data: bytes
    added: tuple[tuple[int, int], ...]

    def holds(self, first: int, last: int) -> bool:
        """Whether any of the lines from `first` to `last` is new."""
        return any(start <= last and first <= end for start, end in self.added)


def staged(paths: Sequence[str]) -> Iterator[Changed]:
    """The files that the next commit changes, as it would store them. Raises `click.UsageError`."""
    yield from _changed(["--cached"], paths, lambda name: _git("show", f":{name}"))


def since(revision: str, paths: Sequence[str]) -> Iterator[Changed]:
    """The files of the working tree that differ from a revision. Raises `click.UsageError`."""
    if revision.startswith("-"):
        raise click.UsageError(f"`{revision}` is no revision")
    top = Path(_git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    yield from _changed([revision], paths, lambda name: (top / name).read_bytes())


def _changed(what: Sequence[str], paths: Sequence[str], content: Callable[[str], bytes]) -> Iterator[Changed]:
    diff = ["diff", "--no-ext-diff", "--no-color", "--no-renames", "--diff-filter=d", *what]
    names = _git(*diff, "--name-only", "-z", "--", *paths).split(b"\0")
    for name in (os.fsdecode(one) for one in names if one):
        hunks = _git(*diff, "--unified=0", "--", f":(top,literal){name}")
        added = []
        for found in _HUNK.finditer(hunks):
            first, count = int(found[1]), int(found[2] or 1)
            if count:
                added.append((first, first + count - 1))
        if added:
            yield Changed(name, content(name), tuple(added))


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise click.UsageError("git is not installed") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise click.UsageError(f"git {arguments[0]}: {said[0] if said else 'failed'}")
    return done.stdout
