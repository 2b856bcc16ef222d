"""OpenAI embeddings. A response holds numbers only, and they are not read."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.openai_chat import ANSWER
from guardrails.bodies.openai_completions import prompt
from guardrails.bodies.walk import Reader, each, left, names, numbers, record

request: Mapping[str, Reader] = {
    **names("model", "encoding_format", "user", "input_type", "truncate", "task_type"),
    **numbers("dimensions"),
    "input": prompt,
}

response: Mapping[str, Reader] = {
    **ANSWER,
    "data": each(record({**names("object"), **numbers("index"), "embedding": left})),
}
