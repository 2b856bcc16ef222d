"""Placeholders in a text that arrives bit by bit: turned back after the text has been judged.

The judge sees what the model said; what comes back was the sender's own and is not judged again. Held back
is only what could still become a placeholder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from guardrails.detectors.base import Deadline
from guardrails.masking import Destination, Replacement, Restorer, apply_plan
from guardrails.streams.judge import Denied, Judge, Released


class RestoringText:
    """One text of a stream, judged by `judge` and then restored."""

    def __init__(self, judge: Judge, restorer: Restorer, to: Destination) -> None:
        self._judge = judge
        self._restorer = restorer
        self._to = to
        self._text = ""  # what is not given out yet
        self._base = 0  # where that begins
        self._edits: list[Replacement] = []  # the judge's, in what is not given out yet

    def feed(self, text: str, deadline: Deadline) -> Released:
        """Takes more of the text. Raises `Denied`."""
        self._text += text
        return self._given(partial(self._judge.feed, text, deadline), last=False)

    def settle(self, deadline: Deadline) -> Released:
        """Gives out what is held back: nothing more is to come, as far as one knows. Raises `Denied`."""
        return self._given(partial(self._judge.settle, deadline), last=True)

    def _given(self, judge: Callable[[], Released], *, last: bool) -> Released:
        try:
            return self._give(judge(), last=last)
        except Denied as denied:
            if denied.released is not None:
                denied.released = self._give(denied.released, last=False)
            raise

    def _give(self, decided: Released, *, last: bool) -> Released:
        start = self._base
        self._edits += decided.edits
        text = self._text[: decided.end - start]
        judged = [Replacement(one.start - start, one.end - start, one.text) for one in self._edits]
        # No placeholder is read across what the judge replaced.
        read = apply_plan(text, [Replacement(at.start, at.end, "\0" * (at.end - at.start)) for at in judged])
        size = len(text) if last else self._restorer.settled(read)
        edits = self._restorer.replacements(read[:size], self._to)
        if judged:
            edits = sorted([*edits, *(self._back(one) for one in judged if one.end <= size)])
        self._text = self._text[size:]
        self._base += size
        self._edits = [one for one in self._edits if one.end > self._base]
        return Released(
            start,
            start + size,
            apply_plan(text[:size], edits),
            tuple(Replacement(one.start + start, one.end + start, one.text) for one in edits),
        )

    def _back(self, masked: Replacement) -> Replacement:
        """What the judge replaced, where it was the sender's own value after all."""
        found = self._restorer.replacements(masked.text, self._to)
        self._restorer.ignore([masked.text])
        return Replacement(masked.start, masked.end, apply_plan(masked.text, found))
