"""Lines and columns of a text, and excerpts that mark a place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

_WIDTH = 100
_HIDDEN = "•"


class Lines:
    """Where the lines of a text begin. Lines and columns count from 1, in code points."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def excerpt(self, start: int, end: int, hidden: Sequence[tuple[int, int]]) -> str:
        """The line of `start` with the span marked below it, and every hidden span dotted out."""
        line, column = self.place(start)
        begin = self._starts[line - 1]
        finish = self._text.find("\n", begin)
        finish = len(self._text) if finish < 0 else finish
        chars = [char if char.isprintable() else " " for char in self._text[begin:finish]]
        for first, last in hidden:
            for at in range(max(first, begin), min(last, finish)):
                chars[at - begin] = _HIDDEN
        left = max(0, column - 1 - _WIDTH // 3)
        shown = "".join(chars[left : left + _WIDTH])
        marks = max(1, min(end, finish) - start)
        caret = " " * (column - 1 - left) + "^" * max(1, min(marks, _WIDTH - (column - 1 - left)))
        gutter = str(line)
        return f"  {gutter} | {shown}\n  {' ' * len(gutter)} | {caret}\n"
