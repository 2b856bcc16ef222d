"""Collects labelled source code: `python -m training.code.collect OUT.jsonl.gz`.

Downloads the packages of `packages.txt` with the ordinary clients (`pip`, `npm`, `apt-get`), and takes from
each some files of every language, which their endings tell. (`pip` runs the build script of a source package to
read its metadata; run the recipe where that does no harm.)
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ENDINGS = {
    "py": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "tsx": "typescript",
    "java": "java",
    "c": "c",
    "cc": "cpp",
    "cpp": "cpp",
    "hpp": "cpp",
    "cxx": "cpp",
    "cs": "csharp",
    "go": "go",
    "rs": "rust",
    "rb": "ruby",
    "php": "php",
    "sh": "shell",
    "bash": "shell",
    "zsh": "shell",
    "bats": "shell",
    "sql": "sql",
    "html": "html",
    "htm": "html",
    "css": "css",
    "json": "other",
    "yaml": "other",
    "yml": "other",
    "toml": "other",
    "md": "other",
    "rst": "other",
    "txt": "other",
    "xml": "other",
    "cfg": "other",
}
"""`other` is what stands beside code and is none of its languages: data, documents, settings."""

FILES = 60
"""Files of one language from one package."""

CHARS = 24_000
"""Characters of one file."""

_LEFT_OUT = re.compile(r"\.min\.|/(?:dist|vendor|node_modules|locale|third_party)/|\.d\.ts$|-lock\.|\.map$")
_SHEBANG = re.compile(rb"#!.{0,40}\b(?:ba|z|da|k)?sh\b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    lines = (Path(__file__).parent / "packages.txt").read_text("utf-8").splitlines()
    with gzip.open(out, "wt", encoding="utf-8") as sink:
        for line in lines:
            if line.startswith("#"):
                continue
            registry, package, split = line.split()
            count = 0
            for language, text in files(registry, package):
                record = {"text": text, "language": language, "package": package, "split": split}
                sink.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
            print(package, count, flush=True)


def files(registry: str, package: str) -> Iterator[tuple[str, str]]:
    """Language and text of some files of a package; none where it cannot be had."""
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in _members(registry, package, Path(folder)):
            language = _language(name, data)
            if language is None or _LEFT_OUT.search(name):
                continue
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                continue
            longest = max(map(len, text.splitlines()), default=0)
            if len(text) >= 200 and longest < 1_000:
                found.setdefault(language, []).append(text[:CHARS])
    chosen = random.Random(package)
    for language, texts in sorted(found.items()):
        chosen.shuffle(texts)
        yield from ((language, text) for text in texts[:FILES])


def _language(name: str, data: bytes) -> str | None:
    ending = name.rpartition("/")[2].rpartition(".")[2].lower()
    language = ENDINGS.get(ending)
    if language is None and _SHEBANG.match(data):
        return "shell"
    if language == "html" and not re.search(
        rb"<(?:!doctype|html|head|body|div|form|table|ul|p)\b", data, re.I
    ):
        return None
    return language


def _members(registry: str, package: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    commands = {
        "pypi": [[sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation",
                  "--no-binary", ":all:", package],
                 [sys.executable, "-m", "pip", "download", "-q", "--no-deps", package]],
        "npm": [["npm", "pack", "--silent", package]],
        "apt": [["apt-get", "download", "-qq", package]],
    }[registry]  # fmt: skip
    for command in commands:
        if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0:
            break
    for file in folder.iterdir():
        if file.suffix == ".deb":
            data = subprocess.run(
                ["dpkg-deb", "--fsys-tarfile", file], check=True, capture_output=True
            ).stdout
            yield from _tar(data)
        elif file.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(file) as archive:
                yield from ((one.filename, archive.read(one)) for one in archive.infolist())
        else:
            yield from _tar(file.read_bytes())


def _tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for one in archive:
            if one.isfile() and one.size < 1_000_000 and (inner := archive.extractfile(one)):
                yield one.name, inner.read()


if __name__ == "__main__":
    main()
