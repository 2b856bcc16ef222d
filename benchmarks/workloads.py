"""Texts to measure on: source files of the Python that runs this, made into what agents and chats send."""

from __future__ import annotations

import json
import random
import sysconfig
from functools import lru_cache
from pathlib import Path

CHAT = (
    "Could you explain how the session store decides which entries to drop first, and whether the "
    "order changes when two workers write at once? A short example would help me to see the point. "
)


@lru_cache(maxsize=1)
def sources() -> tuple[str, ...]:
    """Python source files, a few megabytes, always the same for one Python."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(one for one in folder.glob("*.py") if 4_000 < one.stat().st_size < 200_000)
    return tuple(one.read_text("utf-8", "replace") for one in files)


def code(characters: int, seed: int = 0) -> str:
    """Source code of that length, another for every seed."""
    source = random.Random(seed)
    parts: list[str] = []
    size = 0
    while size < characters:
        text = source.choice(sources())
        start = source.randrange(len(text))
        parts.append(text[start : start + source.randrange(1_000, 8_000)])
        size += len(parts[-1])
    return "\n".join(parts)[:characters]


def chat(characters: int, seed: int = 0) -> dict[str, object]:
    """A chat request with one message of prose; the seed makes it another text."""
    text = f"Question {seed}: " + CHAT * (characters // len(CHAT) + 1)
    return {"model": "m", "messages": [{"role": "user", "content": text[:characters]}]}


def retrieval(characters: int, seed: int = 0) -> dict[str, object]:
    """A chat request with a system prompt and a long context of code."""
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Answer from the context."},
            {"role": "user", "content": code(characters, seed)},
        ],
    }


def conversation(turns: int, seed: int = 0, per_turn: int = 8_000) -> dict[str, object]:
    """A coding agent's request in the Anthropic format after so many turns, each of which read a file."""
    messages: list[dict[str, object]] = [{"role": "user", "content": [{"type": "text", "text": CHAT}]}]
    for turn in range(turns):
        call = f"toolu_{turn:024d}"
        path = f"/repo/src/module_{turn}.py"
        messages += [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": f"Let me read module {turn} next."},
                    {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": path}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": call,
                        "content": [{"type": "text", "text": code(per_turn, seed * 1_000 + turn)}],
                    }
                ],
            },
        ]
    return {
        "model": "m",
        "max_tokens": 8192,
        "stream": True,
        "system": [{"type": "text", "text": "You are a coding agent. " * 200}],
        "messages": messages,
    }


def encoded(body: dict[str, object]) -> bytes:
    return json.dumps(body).encode()
