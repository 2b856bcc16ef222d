"""From a body to its segments."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from guardrails.bodies import (
    anthropic_messages,
    bedrock,
    gemini,
    generic,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from guardrails.bodies.detect import detect
from guardrails.bodies.formats import Format
from guardrails.bodies.walk import Reader, ToolCall, Walk, read_members
from guardrails.model import Hook, Opaque, Reason, Segment, Unjudged

_TABLES: Mapping[tuple[Format, Hook], Mapping[str, Reader]] = {
    (format, hook): module.request if hook is Hook.REQUEST else module.response
    for format, module in (
        (Format.OPENAI_CHAT, openai_chat),
        (Format.OPENAI_COMPLETIONS, openai_completions),
        (Format.OPENAI_EMBEDDINGS, openai_embeddings),
        (Format.OPENAI_RESPONSES, openai_responses),
        (Format.ANTHROPIC_MESSAGES, anthropic_messages),
        (Format.GEMINI, gemini),
        (Format.BEDROCK_CONVERSE, bedrock),
    )
    for hook in Hook
}


class Reading(msgspec.Struct, frozen=True):
    """What a body holds.

    `unknown` are the pointers of shapes that no format describes; their texts are among the segments,
    as data. `opaque` is left alone by contract, `unjudged` could not be read. `calls` are the tool calls as a
    whole, beside the segments of what is in them. Pointers repeat the
    body's own member names: they are no safer to log than its texts.
    """

    format: Format
    segments: tuple[Segment, ...]
    unknown: tuple[str, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    calls: tuple[ToolCall, ...] = ()


def read(body: object, hook: Hook, format: Format | None = None) -> Reading:
    """Find every text of a decoded body, in document order. Never raises on JSON, however mistyped.

    Without a `format` the body's shape decides.
    """
    walk = Walk(hook)
    format = format or detect(body, hook)
    table = _TABLES.get((format, hook))
    if body is None:
        walk.unjudged.append(Unjudged(Reason.NO_BODY))
    elif table is None or not isinstance(body, dict):
        generic.read(walk, body)
        format = Format.GENERIC
    else:
        read_members(walk, "", body, walk.default, table)
    return Reading(
        format,
        tuple(walk.segments),
        tuple(walk.unknown),
        tuple(walk.opaque),
        tuple(walk.unjudged),
        tuple(walk.calls),
    )
