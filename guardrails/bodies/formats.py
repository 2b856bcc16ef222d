"""The formats a body can be in."""

from __future__ import annotations

from enum import Enum


class Format(str, Enum):
    """A provider's JSON; `GENERIC` is any JSON."""

    OPENAI_CHAT = "openai.chat"
    OPENAI_COMPLETIONS = "openai.completions"
    OPENAI_EMBEDDINGS = "openai.embeddings"
    OPENAI_RESPONSES = "openai.responses"
    ANTHROPIC_MESSAGES = "anthropic.messages"
    GEMINI = "gemini.generate_content"
    BEDROCK_CONVERSE = "bedrock.converse"
    GENERIC = "generic"
