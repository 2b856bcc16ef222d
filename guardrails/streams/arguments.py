"""A tool call's arguments as they arrive: JSON text, of which each literal is a text of its own.

Only what stands within string literals is masked, spelt so that the JSON stays valid; escapes are never
cut. A text that turns out to be no JSON is judged as plain text from there on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from guardrails.bodies import jsontext
from guardrails.bodies.walk import has_many_digits, is_telling_key
from guardrails.detectors.base import Deadline
from guardrails.masking import Replacement, apply_plan
from guardrails.streams.judge import Judge, Released

Channel: TypeAlias = Callable[[], Judge]

_SPACE = re.compile(r"[ \t\n\r]+")
_NUMBER = re.compile(r"[0-9eE+.\-]+")
_WORD = re.compile(r"[a-z]+")
_WORDS = frozenset({"true", "false", "null"})
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_HIGH = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z")


class _NotJsonError(ValueError):
    """The text is no JSON."""


class ArgumentsJudge:
    """As a `TextJudge`, for arguments. Offsets are those of the JSON text as it is written."""

    def __init__(self, channel: Channel) -> None:
        """`channel` begins a text of the stream: each literal is one."""
        self._channel = channel
        self._text = ""  # what is not given out yet
        self._base = 0  # where that begins
        self._at = 0  # up to where it is read
        self._edits: list[Replacement] = []
        self._plain: Judge | None = None
        self._literal: _Literal | None = None
        self._frames: list[str] = []  # what closes each open object or array
        self._expects = "value"  # or "key", "key or close", "colon", "more", "end"
        self._started = False

    def feed(self, text: str, deadline: Deadline) -> Released:
        """Takes more of the text. Raises `Denied`."""
        self._text += text
        return self._go_on(deadline, last=False)

    def settle(self, deadline: Deadline) -> Released:
        """Nothing more is to come, as far as one knows. Raises `Denied`."""
        return self._go_on(deadline, last=True)

    def _go_on(self, deadline: Deadline, *, last: bool) -> Released:
        if self._plain is None:
            try:
                self._read(deadline, last=last)
            except _NotJsonError:
                self._stop_reading(deadline)
        if self._plain is not None:
            self._read_plainly(deadline, last=last)
        return self._give(self._decided())

    def _read(self, deadline: Deadline, *, last: bool) -> None:
        while self._at < len(self._text):
            before = self._at
            if self._literal is not None:
                self._read_literal(deadline, last=last)
            else:
                self._read_mark(deadline, last=last)
            if self._at == before:
                break
        if last and self._literal is not None:
            self._edits += self._literal.settle(deadline)

    def _read_mark(self, deadline: Deadline, *, last: bool) -> None:
        text, at = self._text, self._at
        space = _SPACE.match(text, at)
        if space:
            self._at = space.end()
            return
        mark = text[at]
        if not self._started and mark not in "[{":
            raise _NotJsonError
        self._started = True
        if mark == '"' and self._expects in {"value", "value or close", "key", "key or close"}:
            is_key = self._expects.startswith("key")
            self._literal = _Literal(self._channel, self._base + at + 1, is_key)
            self._at += 1
        elif mark in "[{" and self._expects.startswith("value"):
            self._frames.append("]" if mark == "[" else "}")
            self._expects = "value or close" if mark == "[" else "key or close"
            self._at += 1
        elif (
            mark in "]}"
            and self._frames[-1:] == [mark]
            and self._expects
            in {
                "more",
                "value or close" if mark == "]" else "key or close",
            }
        ):
            self._frames.pop()
            self._after_value()
            self._at += 1
        elif mark == "," and self._expects == "more" and self._frames:
            self._expects = "value" if self._frames[-1] == "]" else "key"
            self._at += 1
        elif mark == ":" and self._expects == "colon":
            self._expects = "value"
            self._at += 1
        elif self._expects.startswith("value"):
            self._read_bare(deadline, last=last)
        else:
            raise _NotJsonError

    def _read_bare(self, deadline: Deadline, *, last: bool) -> None:
        """A number, which may be an identifier, or a word."""
        found = _NUMBER.match(self._text, self._at) or _WORD.match(self._text, self._at)
        if found is None:
            raise _NotJsonError
        if found.end() == len(self._text) and not last:
            return
        word = found[0]
        if word[0].isalpha():
            if word not in _WORDS:
                raise _NotJsonError
        elif has_many_digits(word):
            masked, edits = _whole(self._channel(), word, deadline)
            if edits:
                start = self._base + found.start()
                quoted = f'"{jsontext.encode(masked)}"'
                self._edits.append(Replacement(start, start + len(word), quoted))
        self._at = found.end()
        self._after_value()

    def _after_value(self) -> None:
        self._expects = "more" if self._frames else "end"

    def _read_literal(self, deadline: Deadline, *, last: bool) -> None:
        literal, text = self._literal, self._text
        assert literal is not None
        units: list[str] = []
        ends: list[int] = []
        at = self._at
        closed = False
        while at < len(text):
            plain = _PLAIN.match(text, at)
            if plain:
                units.append(plain[0])
                ends += range(at + 1, plain.end() + 1)
                at = plain.end()
                continue
            if text[at] == '"':
                closed = True
                break
            pair = _PAIR.match(text, at)
            escape = pair or _ESCAPE.match(text, at)
            half = None if pair or last else _HALF_PAIR.match(text, at)
            if half or (escape is None and not last and _CUT.match(text, at)):
                break
            if escape is None:
                raise _NotJsonError
            units.append(jsontext.decode(f'"{escape[0]}"'))
            ends.append(escape.end())
            at = escape.end()
        self._at = at
        self._edits += literal.feed("".join(units), [self._base + one for one in ends], deadline)
        if closed:
            self._edits += literal.settle(deadline)
            self._literal = None
            self._at += 1
            if literal.is_key:
                self._expects = "colon"
            else:
                self._after_value()

    def _decided(self) -> int:
        if self._plain is not None:
            return self._base  # it gives out by itself
        return self._base + self._at if self._literal is None else self._literal.decided

    def _stop_reading(self, deadline: Deadline) -> None:
        """From here on it is plain text; what was read of a literal is decided first."""
        if self._literal is not None:
            self._edits += self._literal.settle(deadline)
            self._literal = None
        self._plain = self._channel()
        self._plain_base = self._base + self._at
        self._plain_fed = self._plain_base
        self._plain_given = self._plain_base

    def _read_plainly(self, deadline: Deadline, *, last: bool) -> None:
        assert self._plain is not None
        new = self._text[self._plain_fed - self._base :]
        self._plain_fed += len(new)
        given = [self._plain.feed(new, deadline)]
        if last:
            given.append(self._plain.settle(deadline))
        for one in given:
            self._edits += [
                Replacement(edit.start + self._plain_base, edit.end + self._plain_base, edit.text)
                for edit in one.edits
            ]
            self._plain_given = one.end + self._plain_base

    def _give(self, end: int) -> Released:
        if self._plain is not None:
            end = self._plain_given
        start = self._base
        edits = tuple(one for one in self._edits if one.end <= end)
        self._edits = [one for one in self._edits if one.end > end]
        relative = [Replacement(one.start - start, one.end - start, one.text) for one in edits]
        text = apply_plan(self._text[: end - start], relative)
        self._text = self._text[end - start :]
        self._at -= end - start
        self._base = end
        return Released(start, end, text, edits)


class _Literal:
    """A string literal under way: its text is judged by itself, edits are put where it is written."""

    def __init__(self, channel: Channel, start: int, is_key: bool) -> None:
        self.is_key = is_key
        self.decided = start
        self._channel = channel
        self._judge = None if is_key else channel()
        self._key = ""
        self._ends = [start]  # where each character that is not decided ends in the JSON text
        self._first = 0  # the number of the first of them

    def feed(self, text: str, ends: list[int], deadline: Deadline) -> list[Replacement]:
        self._ends += ends
        if self._judge is None:
            self._key += text  # only a key that says something is judged, and that shows at its end
            return []
        return self._moved(self._judge.feed(text, deadline))

    def settle(self, deadline: Deadline) -> list[Replacement]:
        if self._judge is not None:
            return self._moved(self._judge.settle(deadline))
        if is_telling_key(self._key):
            judge = self._channel()
            fed = judge.feed(self._key, deadline)
            rest = judge.settle(deadline)
            return [*self._moved(fed), *self._moved(rest)]
        self.decided = self._ends[-1]
        return []

    def _moved(self, given: Released) -> list[Replacement]:
        edits = [
            Replacement(self._end(one.start), self._end(one.end), jsontext.encode(one.text))
            for one in given.edits
        ]
        self.decided = self._end(given.end)
        self._ends = self._ends[given.end - self._first :]
        self._first = given.end
        return edits

    def _end(self, count: int) -> int:
        """Where the first `count` characters of the text end."""
        return self._ends[count - self._first]


def _whole(judge: Judge, text: str, deadline: Deadline) -> tuple[str, tuple[Replacement, ...]]:
    """A text that is there as a whole: what is given out for it, and the edits."""
    fed, rest = judge.feed(text, deadline), judge.settle(deadline)
    return fed.text + rest.text, (*fed.edits, *rest.edits)
