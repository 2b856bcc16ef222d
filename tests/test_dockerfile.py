"""The Dockerfile keeps its promises, as far as can be seen without building it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()


def arguments(instruction):
    return [line.split(None, 1)[1] for line in LINES if line.startswith(instruction + " ")]


def test_it_is_multi_stage_locked_and_not_root():
    """Two stages; packages by hash; a numeric user other than 0; a health check."""
    assert len(arguments("FROM")) == 2
    assert any("--require-hashes" in one for one in arguments("RUN"))
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", arguments("USER")[-1])
    assert arguments("HEALTHCHECK")
    assert arguments("ADD") == []


def test_what_it_copies_is_there():
    """Every source of a COPY from the build context exists."""
    for line in arguments("COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_every_requirement_is_locked_by_version_and_hash_without_an_address():
    """The lock files name versions and hashes, and no place to download from."""
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text("utf-8")
        assert "http" + "://" not in text
        assert "http" + "s://" not in text
        packages = re.findall(r"^[a-z0-9].*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert packages
        assert all("==" in one and "--hash=sha256:" in one for one in packages)
