"""Counting tokens with a tokenizer that is kept in a file (the package of the extra `onnx`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from guardrails.detectors.base import Deadline, SpecError

_PIECE = 20_000
"""Characters that are turned into tokens at a time: between two of them the deadline is looked at."""

INSTALL = "install `llm-traffic-guardrails[onnx]`"


class Tokens:
    """A `tokenizer.json` as models come with it. Nothing is downloaded. Safe in several threads."""

    def __init__(self, file: Path) -> None:
        """Raises `SpecError` when the package or the file is missing, or the file is no tokenizer."""
        try:
            import tokenizers
        except ImportError:
            raise SpecError(("tokenizer",), "a package that counts tokens is not there", INSTALL) from None
        try:
            data = file.read_bytes()
        except OSError:
            raise SpecError(
                ("tokenizer",), "there is no such file", "the path is relative to the policy's file"
            ) from None
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(data.decode("utf-8"))
        except Exception:  # noqa: BLE001 - the package raises nothing narrower
            raise SpecError(("tokenizer",), "the file is no tokenizer", "it is a `tokenizer.json`") from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.fingerprint = hashlib.sha256(data).hexdigest()[:16]

    def beyond(self, text: str, most: int, deadline: Deadline) -> int | None:
        """Where the first token beyond `most` begins, in characters; None where there are no more.

        Longer texts are counted in pieces that end at white space where there is some, so that a count is
        exact to about a token for every piece. Raises `CannotJudge` at the deadline.
        """
        # Lone surrogates are no text to the tokenizer; what stands for them is as long.
        text = text.encode("utf-8", "replace").decode("utf-8")
        left, at = most, 0
        while at < len(text):
            deadline.check()
            end = min(at + _PIECE, len(text))
            if end < len(text):
                end = max(text.rfind(" ", at + _PIECE // 2, end), text.rfind("\n", at + _PIECE // 2, end))
                end = end if end > at else at + _PIECE
            offsets = self._tokenizer.encode(text[at:end], add_special_tokens=False).offsets
            if len(offsets) > left:
                return at + offsets[left][0]
            left -= len(offsets)
            at = end
        return None
