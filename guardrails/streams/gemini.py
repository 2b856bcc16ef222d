"""Chunks of Gemini's streamGenerateContent, as server-sent events (`alt=sse`)."""

from __future__ import annotations

import msgspec

from guardrails.bodies import Format
from guardrails.streams.events import ChunkReader, Echo, Path, Reading, ServerSent, Text

_PART = frozenset({"text", "thoughtSignature", "thought_signature"})
_LOGPROBS = ("logprobsResult", "logprobs_result")
_CANDIDATE = (
    frozenset({"index", "finishReason", "tokenCount", "avgLogprobs"}),
    frozenset({"content", "safetyRatings", *_LOGPROBS}),
)
_CHUNK = (
    frozenset({"modelVersion", "responseId", "createTime"}),
    frozenset({"candidates", "usageMetadata", "promptFeedback", "modelStatus"}),
)


class GeminiStream(ServerSent):
    """The text parts of each candidate are one text; a function call comes whole."""

    def read(self, _name: str, body: dict[str, object]) -> Reading:
        """What a chunk holds."""
        return _Chunk(body).reading(Format.GEMINI)

    def denied(self, message: str) -> bytes:
        """An error in place of a chunk, which the SDK raises."""
        error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
        return b"data: " + msgspec.json.encode({"error": error}) + b"\n\n"


class _Chunk(ChunkReader):
    def __init__(self, body: dict[str, object]) -> None:
        super().__init__(body)
        self._know(body, *_CHUNK)
        for candidate, index, path in self._alternatives("candidates", body.get("candidates", [])):
            self._candidate(candidate, index, path)

    def _candidate(self, candidate: dict[str, object], index: int, path: Path) -> None:
        self._know(candidate, *_CANDIDATE)
        # A chunk may have those of its own tokens, or the last one those of all.
        self.echoes += [Echo(index, (*path, name)) for name in _LOGPROBS if candidate.get(name)]
        content = candidate.get("content", {})
        parts = content.get("parts", []) if isinstance(content, dict) else None
        if isinstance(content, dict) and isinstance(parts, list):
            self._know(content, {"role"}, {"parts"})
            for place, part in enumerate(parts):
                self._part(part, index, (*path, "content", "parts", place))
        else:
            self.strange = True
        if candidate.get("finishReason") is not None:
            self.ends.append(index)

    def _part(self, part: object, index: object, path: Path) -> None:
        if not isinstance(part, dict) or not isinstance(part.get("text", ""), str):
            self.strange = True
            return
        if part.get("thought") is True and part.keys() <= _PART | {"thought"}:
            return  # reasoning is left alone, as in a whole body
        self._know(part, _PART)
        if part.get("text"):
            self.texts.append(Text((index, "text"), (*path, "text"), part["text"]))
