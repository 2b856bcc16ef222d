"""Proves the records of the catalogue: each finds what its examples mark, and nothing in what they miss."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from guardrails.catalogue.makers import expand
from guardrails.catalogue.secret_kinds import KindExample, SecretKind
from guardrails.detectors.alone import Alone
from guardrails.detectors.base import CannotJudge, Deadline

SECONDS = 10.0
"""Time for one example, in seconds."""

Wrapper = Callable[[str], str]


def _lines(prefix: Callable[[int], str]) -> Wrapper:
    def wrap(text: str) -> str:
        return "\n".join(prefix(number) + line for number, line in enumerate(text.split("\n"), 1))

    return wrap


def _json(text: str) -> str:
    return json.dumps({"id": 7, "content": text}, ensure_ascii=False)


def _quoted(text: str) -> str:
    return "".join(part if part in "«»" else quote(part, safe="") for part in re.split("([«»])", text))


WRAPPERS: dict[str, Wrapper] = {
    "plain": lambda text: text,
    "json": _json,
    "json twice": lambda text: _json(_json(text)),
    "xml": lambda text: f"<log><line>{html.escape(text, quote=False)}</line></log>",
    "yaml": lambda text: "steps:\n  - run: |\n" + _lines(lambda _: "      ")(text),
    "cat -n": _lines(lambda number: f"{number:6}\t"),
    "diff": _lines(lambda _: "+"),
    "url": lambda text: f"https://host.example/search?q={_quoted(text)}&page=2",
    "flag": lambda text: f"tool --verbose --data '{text}' --retries 3",
    "log": lambda text: f"2026-11-23T10:00:00.123Z INFO [main] sent: {text} (retries=3)",
}
"""What people paste from. Each keeps the marks of a template where they belong."""

_MARK = re.compile("[«»]")


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its marks, and the spans between them."""
    places = [found.start() - number for number, found in enumerate(_MARK.finditer(text))]
    return _MARK.sub("", text), list(zip(places[::2], places[1::2], strict=True))


def failures(
    kind: SecretKind, finder: Alone, wrappers: Iterable[str] = ("plain",)
) -> list[tuple[str, KindExample, str]]:
    """What does not hold of a kind's examples: the wrapper, the example, and what was found instead.

    `finder` must look for the kind, among any others.
    """
    wrong = []
    for example in kind.examples:
        for name in wrappers if example.hit is not None else ("plain",):
            template = expand(example.hit or example.miss or "", kind.id)
            text, expected = marked(WRAPPERS[name](template))
            try:
                hits = finder.hits(text, Deadline.after(SECONDS))
            except CannotJudge as failure:
                wrong.append((name, example, str(failure)))
                continue
            found = sorted({(hit.start, hit.end) for hit in hits if hit.label == kind.label})
            if found != expected:
                wrong.append((name, example, f"found {found}, expected {expected}"))
    return wrong
