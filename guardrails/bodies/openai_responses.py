"""The OpenAI Responses API: items in, items out."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.blocks import answer, block, content, instructions, message
from guardrails.bodies.walk import (
    Reader,
    Voice,
    Walk,
    each,
    json_text,
    json_value,
    left,
    lefts,
    mapping,
    names,
    numbers,
    opaque,
    record,
    spoken,
    text,
    typed,
)
from guardrails.model import Kind, Role

_asked = spoken(json_value, Role.ASSISTANT, Kind.TOOL_INPUT)
_asked_text = spoken(json_text, Role.ASSISTANT, Kind.TOOL_INPUT)
_answered = spoken(text, Role.TOOL, Kind.TOOL_OUTPUT)
_answered_json = spoken(json_value, Role.TOOL, Kind.TOOL_OUTPUT)
_found = spoken(json_value, Role.TOOL, Kind.DATA)

_COMMON: Mapping[str, Reader] = {
    **names("id", "type", "status", "call_id", "name", "server_label", "namespace", "container_id"),
    **names("approval_request_id", "created_by", "execution"),
}


def _item(table: Mapping[str, Reader]) -> Reader:
    return record({**_COMMON, **table})


_hit = record(
    {
        **names("file_id", "vector_store_id"),
        **numbers("score"),
        "attributes": _found,
        "filename": _found,
        "text": _found,
        "content": _found,
    }
)
_screenshot = record(
    {**names("type", "file_id", "detail"), "image_url": opaque("image")},
)
_logs = typed(
    {
        "logs": record({**names("type"), "logs": _answered}),
        "image": record({**names("type"), "url": opaque("image")}),
    }
)

_item_reader = typed(
    {
        "message": message,
        "function_call": _item({"arguments": _asked_text}),
        "function_call_output": _item({"output": answer}),
        "custom_tool_call": _item({"input": _asked_text}),
        "custom_tool_call_output": _item({"output": answer}),
        "mcp_call": _item({"arguments": _asked_text, "output": _answered, "error": _answered_json}),
        "mcp_list_tools": _item({"tools": left, "error": _answered_json}),
        "mcp_approval_request": _item({"arguments": _asked_text}),
        "mcp_approval_response": _item(
            {"reason": spoken(text, Role.USER, Kind.TEXT), **numbers("approve")},
        ),
        "local_shell_call": _item({"action": _asked}),
        "local_shell_call_output": _item({"output": _answered}),
        "shell_call": _item({"action": _asked, **lefts("environment"), **numbers("max_output_length")}),
        "shell_call_output": _item({"output": _answered_json, **numbers("max_output_length")}),
        "apply_patch_call": _item({"operation": _asked}),
        "apply_patch_call_output": _item({"output": _answered}),
        "computer_call": _item({"action": _asked, "actions": _asked, **lefts("pending_safety_checks")}),
        "computer_call_output": _item({"output": _screenshot, **lefts("acknowledged_safety_checks")}),
        "reasoning": _item(
            dict.fromkeys(("summary", "content", "encrypted_content"), opaque("thinking")),
        ),
        "compaction": _item({"encrypted_content": opaque("encrypted")}),
        "file_search_call": _item({"queries": _asked, "results": each(_hit)}),
        "web_search_call": _item({"action": _asked, "results": _found}),
        "image_generation_call": _item(
            {
                "result": opaque("image"),
                "revised_prompt": _asked,
                **names("background", "output_format", "quality", "size", "action"),
            }
        ),
        "code_interpreter_call": _item({"code": _asked, "outputs": each(_logs)}),
        "item_reference": record(names("id", "type")),
    },
    untyped=message,
)


def item(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """One item; content parts stand among them where a client left the message out."""
    tag = value.get("type") if isinstance(value, dict) else None
    if isinstance(tag, str) and tag in _BARE_PARTS:
        block(walk, pointer, value, voice)
    else:
        _item_reader(walk, pointer, value, voice)


_BARE_PARTS = frozenset({"text", "input_text", "output_text", "input_image", "input_file", "refusal"})
_items = each(item)


def _input(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    (text if isinstance(value, str) else _items)(walk, pointer, value, voice)


def _instructions(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A string, or items that each speak for themselves."""
    (_items if isinstance(value, list) else instructions)(walk, pointer, value, voice)


_SETTINGS: Mapping[str, Reader] = {
    **names("model", "user", "safety_identifier", "service_tier", "truncation", "previous_response_id"),
    **names("prompt_cache_key", "prompt_cache_retention"),
    **numbers("temperature", "top_p", "stream", "store", "background", "parallel_tool_calls"),
    **numbers("max_output_tokens", "max_tool_calls", "top_logprobs"),
    **numbers("presence_penalty", "frequency_penalty"),
    **lefts("tools", "tool_choice", "metadata", "include", "reasoning", "text", "stream_options"),
    **lefts("conversation", "context_management"),
    "instructions": _instructions,
    "prompt": record({**names("id", "version"), "variables": mapping(spoken(content, Role.USER))}),
}

request: Mapping[str, Reader] = {**_SETTINGS, "input": _input}

response: Mapping[str, Reader] = {
    **_SETTINGS,
    **names("id", "object", "status"),
    **numbers("created_at", "completed_at"),
    **lefts("usage", "incomplete_details", "billing"),
    "error": record({**names("code", "type", "param"), "message": text}),
    "output": each(item),
    "output_text": text,
}
