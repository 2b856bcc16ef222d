"""OpenAI (legacy) completions."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.openai_chat import ANSWER, SETTINGS, choice
from guardrails.bodies.walk import Reader, Voice, Walk, each, spoken, text
from guardrails.model import Kind, Opaque, Role

_text = spoken(text, Role.USER, Kind.INPUT)


def prompt(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A string, a list of strings, or token numbers, which say nothing without a tokeniser."""
    if not isinstance(value, list):
        _text(walk, pointer, value, voice)
    elif _are_tokens(value):
        walk.opaque.append(Opaque(pointer, "tokens"))
    else:
        for index, item in enumerate(value):
            if isinstance(item, list) and _are_tokens(item):
                walk.opaque.append(Opaque(f"{pointer}/{index}", "tokens"))
            else:
                _text(walk, f"{pointer}/{index}", item, voice)


def _are_tokens(value: list[object]) -> bool:
    return bool(value) and all(isinstance(item, int) and 0 <= item < 10_000_000 for item in value)


request: Mapping[str, Reader] = {**SETTINGS, "prompt": prompt, "suffix": _text}

response: Mapping[str, Reader] = {**ANSWER, "choices": each(choice)}
