"""Chunks of OpenAI chat completions and completions, as OpenAI and compatible servers stream them."""

from __future__ import annotations

import msgspec

from guardrails.bodies import Format
from guardrails.streams.events import Channel, ChunkReader, Echo, Path, Reading, ServerSent, Text

# Reasoning is left alone, as in a whole body.
_DELTA = (
    frozenset({"role", "name", "content", "refusal"}),
    frozenset({"tool_calls", "function_call"})
    | {"reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"},
)
_CHOICE = (
    frozenset({"index", "text", "finish_reason", "native_finish_reason", "stop_reason"}),
    frozenset({"delta", "logprobs", "content_filter_results", "token_ids"}),
)
_CHUNK = (
    frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier"})
    | {"provider", "obfuscation"},
    frozenset({"choices", "usage", "prompt_filter_results"}),
)
_CALL = (frozenset({"index", "id", "type"}), frozenset({"function", "custom"}))


class ChatStream(ServerSent):
    """Each choice has its content, its refusal and its tool calls."""

    def __init__(self) -> None:
        self._tools: dict[Channel, str] = {}

    def read(self, _name: str, body: dict[str, object]) -> Reading:
        """What a chunk holds."""
        return _Chunk(body, self._tools).reading(Format.OPENAI_CHAT)

    def denied(self, message: str) -> bytes:
        """An error in place of a chunk, which the SDKs raise."""
        error = {"message": message, "type": "guardrail_denied", "param": None, "code": "content_filter"}
        return b"data: " + msgspec.json.encode({"error": error}) + b"\n\n"


class _Chunk(ChunkReader):
    def __init__(self, body: dict[str, object], tools: dict[Channel, str]) -> None:
        super().__init__(body)
        self._tools = tools
        self._know(body, *_CHUNK)
        for choice, index, path in self._alternatives("choices", body.get("choices")):
            self._choice(choice, index, path)

    def _choice(self, choice: dict[str, object], index: int, path: Path) -> None:
        forget = ((*path, "logprobs"),) if choice.get("logprobs") else ()
        self._text((index, "text"), choice, (*path, "text"), forget)
        self._know(choice, *_CHOICE)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta, index, (*path, "delta"), forget)
        elif delta is not None:
            self.strange = True
        if forget and not any(text.forget == forget for text in self.texts):
            self.echoes.append(Echo(index, *forget))
        if choice.get("finish_reason") is not None:
            self.ends.append(index)

    def _delta(self, delta: dict[str, object], index: object, path: Path, forget: tuple[Path, ...]) -> None:
        self._text((index, "content"), delta, (*path, "content"), forget)
        self._text((index, "refusal"), delta, (*path, "refusal"), forget)
        self._know(delta, *_DELTA)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            # What was said before the calls has most likely ended.
            self.before.append((index, "content"))
            for place, call in enumerate(calls):
                self._call(call, index, (*path, "tool_calls", place), forget)
        elif calls is not None:
            self.strange = True
        function = delta.get("function_call")
        if isinstance(function, dict):
            self.before.append((index, "content"))
            self._know(function, {"name", "arguments"})
            where = (*path, "function_call", "arguments")
            self._text((index, "function"), function, where, forget, arguments=True)
        elif function is not None:
            self.strange = True

    def _call(self, call: object, index: object, path: Path, forget: tuple[Path, ...]) -> None:
        if not isinstance(call, dict):
            self.strange = True
            return
        self._know(call, *_CALL)
        number = call.get("index", path[-1])
        for member, text in (("function", "arguments"), ("custom", "input")):
            inner = call.get(member)
            if isinstance(inner, dict):
                self._know(inner, {"name", text})
                self._text((index, f"call {number}"), inner, (*path, member, text), forget, arguments=True)
            elif inner is not None:
                self.strange = True

    def _text(
        self,
        channel: Channel,
        holder: dict[str, object],
        path: Path,
        forget: tuple[Path, ...] = (),
        *,
        arguments: bool = False,
    ) -> None:
        name = holder.get("name")
        if arguments and isinstance(name, str) and name:
            self._tools[channel] = name
        value = holder.get(str(path[-1]))
        if isinstance(value, str):
            if value or forget:
                tool = self._tools.get(channel) if arguments else None
                self.texts.append(Text(channel, path, value, arguments, tool, forget))
        elif value is not None:
            self.strange = True
