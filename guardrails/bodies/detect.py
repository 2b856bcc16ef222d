"""Which format a body is in, from its shape alone."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from guardrails.bodies.formats import Format
from guardrails.model import Hook

_RESPONSES_ONLY = frozenset(
    {
        "instructions",
        "tools",
        "stream",
        "store",
        "max_output_tokens",
        "previous_response_id",
        "reasoning",
        "text",
        "include",
        "conversation",
        "background",
        "truncation",
        "prompt",
    }
)
_BEDROCK_FIELDS = frozenset(
    {"modelId", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields"}
)
_BEDROCK_PARTS = frozenset(
    {"text", "toolUse", "toolResult", "cachePoint", "guardContent", "reasoningContent", "document", "image"}
)
_ANTHROPIC_BLOCKS = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "document", "server_tool_use", "image"}
)
_ANTHROPIC_FIELDS = frozenset({"system", "anthropic_version", "stop_sequences", "thinking"})
_CHAT_ROLES = frozenset({"system", "developer", "tool", "function"})


class Traits(msgspec.Struct, frozen=True):
    """What messages tell of their format: roles, tags of their parts, whether a part is Bedrock's."""

    roles: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    is_untyped: bool = False

    def __or__(self, other: Traits) -> Traits:
        if other.roles <= self.roles and other.tags <= self.tags and other.is_untyped <= self.is_untyped:
            return self
        return Traits(self.roles | other.roles, self.tags | other.tags, self.is_untyped or other.is_untyped)


def traits(messages: object) -> Traits:
    """The traits of the messages of a conversation."""
    tags: set[str] = set()
    is_untyped = False
    for part in _parts(messages):
        tag = part.get("type")
        if isinstance(tag, str):
            tags.add(tag)
        elif not part.keys().isdisjoint(_BEDROCK_PARTS):
            is_untyped = True
    return Traits(frozenset(_roles(messages)), frozenset(tags), is_untyped)


def detect(body: object, hook: Hook, seen: Traits | None = None) -> Format:
    """Name the format of a body; `GENERIC` when its shape is none that we know.

    `seen` are the traits of its messages, where they are known and the body is without them.
    """
    if not isinstance(body, dict):
        return Format.GENERIC
    return _request(body, seen) if hook is Hook.REQUEST else _response(body)


def _request(body: dict[str, object], seen: Traits | None) -> Format:
    if seen is not None or "messages" in body:
        return _conversation(body, seen or traits(body["messages"]))
    if "contents" in body:
        return Format.GEMINI
    if "input" in body:
        return _input(body)
    prompt = body.get("prompt")
    if isinstance(prompt, str | list):
        return Format.OPENAI_COMPLETIONS
    if isinstance(prompt, dict) or "instructions" in body:
        return Format.OPENAI_RESPONSES
    return Format.GENERIC


def _conversation(body: dict[str, object], seen: Traits) -> Format:
    if not body.keys().isdisjoint(_BEDROCK_FIELDS) or (seen.is_untyped and not seen.tags):
        return Format.BEDROCK_CONVERSE
    if _CHAT_ROLES & seen.roles:
        return Format.OPENAI_CHAT
    if not body.keys().isdisjoint(_ANTHROPIC_FIELDS) or seen.tags & _ANTHROPIC_BLOCKS or _has_schemas(body):
        return Format.ANTHROPIC_MESSAGES
    return Format.OPENAI_CHAT


def _has_schemas(body: dict[str, object]) -> bool:
    tools = body.get("tools")
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and "input_schema" in tool for tool in tools
    )


def _roles(messages: object) -> set[str]:
    if not isinstance(messages, list):
        return set()
    roles = (message.get("role") for message in messages if isinstance(message, dict))
    return {role for role in roles if isinstance(role, str)}


def _parts(messages: object) -> Iterator[dict[str, object]]:
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def _input(body: dict[str, object]) -> Format:
    items = body["input"]
    model = body.get("model")
    if not body.keys().isdisjoint(_RESPONSES_ONLY):
        return Format.OPENAI_RESPONSES
    if isinstance(items, str):
        named = isinstance(model, str) and "embed" in model.lower()
        return Format.OPENAI_EMBEDDINGS if named else Format.OPENAI_RESPONSES
    if isinstance(items, list) and items and not any(isinstance(item, dict) for item in items):
        return Format.OPENAI_EMBEDDINGS
    return Format.OPENAI_RESPONSES


def _response(body: dict[str, object]) -> Format:
    choices = body.get("choices")
    if isinstance(choices, list):
        plain = any(isinstance(choice, dict) and "text" in choice for choice in choices)
        return Format.OPENAI_COMPLETIONS if plain else Format.OPENAI_CHAT
    if "candidates" in body:
        return Format.GEMINI
    output = body.get("output")
    if isinstance(output, dict) and "message" in output:
        return Format.BEDROCK_CONVERSE
    if isinstance(output, list):
        return Format.OPENAI_RESPONSES
    if body.get("type") == "message":
        return Format.ANTHROPIC_MESSAGES
    return Format.OPENAI_EMBEDDINGS if _has_vectors(body.get("data")) else Format.GENERIC


def _has_vectors(data: object) -> bool:
    return isinstance(data, list) and any(isinstance(row, dict) and "embedding" in row for row in data)
