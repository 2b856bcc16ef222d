"""Anthropic messages."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.blocks import content
from guardrails.bodies.openai_chat import request as chat_request
from guardrails.bodies.walk import Reader, lefts, names

# The same table: a gateway that translates may send either format's settings with either's messages.
request: Mapping[str, Reader] = chat_request

response: Mapping[str, Reader] = {
    **names("id", "type", "role", "model", "stop_reason", "stop_sequence"),
    **lefts("usage", "container", "context_management", "stop_details"),
    "content": content,
}
