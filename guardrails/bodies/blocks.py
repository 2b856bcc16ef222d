"""Content parts that carry a `type`: OpenAI chat and Responses parts, Anthropic blocks.

One table serves all of them, because gateways translate between these formats and clients mix them:
a body that two formats can read gives the same texts in both.
"""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.walk import (
    Reader,
    Voice,
    Walk,
    by_role,
    each,
    json_text,
    json_value,
    left,
    lefts,
    logprobs,
    name,
    names,
    number,
    numbers,
    opaque,
    record,
    spoken,
    text,
    texts,
    typed,
)
from guardrails.model import Kind, Role


def block(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """One content part or block."""
    _BLOCK(walk, pointer, value, voice)


def content(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """What a message, a tool or a document says: a string, a block or a list of blocks."""
    if isinstance(value, str):
        walk.text(pointer, value, voice)
    elif isinstance(value, dict):
        block(walk, pointer, value, voice)
    else:
        _BLOCKS(walk, pointer, value, voice)


answer = spoken(content, Role.TOOL, Kind.TOOL_OUTPUT)
"""What a tool answered."""

_data = spoken(text, kind=Kind.DATA)
_answered = spoken(text, Role.TOOL, Kind.TOOL_OUTPUT)
_document = spoken(content, kind=Kind.DOCUMENT)
_document_text = spoken(text, kind=Kind.DOCUMENT)
_asked = spoken(json_value, kind=Kind.TOOL_INPUT)
_asked_text = spoken(json_text, kind=Kind.TOOL_INPUT)

_url_citation = record(
    {
        **names("type"),
        **numbers("start_index", "end_index"),
        **dict.fromkeys(("url", "title", "content"), _data),
    }
)
annotation = record(
    {
        **names("type", "file_id", "container_id"),
        **numbers("index", "start_index", "end_index"),
        **dict.fromkeys(("url", "title", "filename"), _data),
        **texts("text", "quote"),
        "url_citation": _url_citation,
    }
)
"""An OpenAI annotation: where a piece of the text comes from."""

_citation = record(
    {
        **names("type", "file_id"),
        **numbers(
            "document_index",
            "start_char_index",
            "end_char_index",
            "start_page_number",
            "end_page_number",
            "start_block_index",
            "end_block_index",
            "search_result_index",
        ),
        **texts("cited_text"),
        **dict.fromkeys(("document_title", "title", "source", "url"), _data),
        "encrypted_index": opaque("encrypted"),
    }
)


def _citations(walk: Walk, pointer: str, value: object, voice: Voice) -> None:
    """A text has a list of citations, a document says whether it wants some."""
    (_CITED if isinstance(value, list) else _CITING)(walk, pointer, value, voice)


_CITED = each(_citation)
_CITING = record(numbers("enabled"))

# What any block may carry beside its own members.
_COMMON: Mapping[str, Reader] = {**lefts("type", "cache_control"), **names("id", "status")}


def _shape(table: Mapping[str, Reader]) -> Reader:
    return record({**_COMMON, **table})


_text = _shape(
    {
        "text": text,
        "citations": _citations,
        "annotations": each(annotation),
        "logprobs": logprobs,
    }
)
_image = _shape(
    {
        **dict.fromkeys(("source", "image_url", "image", "data"), opaque("image")),
        **names("detail", "file_id", "mime_type", "media_type"),
    }
)
_audio = _shape(dict.fromkeys(("input_audio", "audio", "audio_url", "data"), opaque("audio")))
_video = _shape(dict.fromkeys(("video_url", "video", "input_video", "data"), opaque("video")))
_file = _shape(
    {
        "file": record({"file_data": opaque("file"), "filename": _data, **names("file_id", "format")}),
        "file_data": opaque("file"),
        "filename": _data,
        "file_url": _data,
        **names("file_id", "detail"),
    }
)
_tool_use = _shape({**names("name", "server_name"), "input": _asked, "caller": left})
_result_fields: Mapping[str, Reader] = {**names("tool_use_id"), **numbers("is_error"), "caller": left}
_tool_result = _shape({**_result_fields, "content": answer})
_source = typed(
    {
        "text": record({**names("type", "media_type"), "data": _document_text}),
        "content": record({**names("type"), "content": _document}),
        "base64": record({**names("type", "media_type"), "data": opaque("document")}),
        "url": record({**names("type"), "url": _data}),
        "file": record(names("type", "file_id")),
    }
)
_document_block = _shape(
    {
        "source": _source,
        "title": _document_text,
        "context": _document_text,
        "citations": _citations,
    }
)
_search_result = _shape(
    {
        "source": _document_text,
        "title": _document_text,
        "content": _document,
        "citations": _citations,
    }
)
_web_result = _shape(
    {"url": _answered, "title": _answered, "encrypted_content": opaque("encrypted"), "page_age": name}
)
_program_output = _shape(
    {
        "stdout": _answered,
        "stderr": _answered,
        "encrypted_stdout": opaque("encrypted"),
        "return_code": number,
        "content": answer,
    }
)
_editor_result = _shape(
    {
        **names("file_type"),
        **numbers("num_lines", "start_line", "total_lines", "is_file_update"),
        **numbers("old_start", "old_lines", "new_start", "new_lines"),
        "content": answer,
        "lines": each(_answered),
    }
)
_result_error = _shape({**names("error_code"), "error_message": _answered})
_thinking = _shape(
    {
        **dict.fromkeys(("thinking", "data", "text", "reasoning", "content", "summary"), opaque("thinking")),
        "signature": opaque("signature"),
    }
)

_TABLE: dict[str, Reader] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text"), _text),
    "refusal": _shape({"refusal": text}),
    **dict.fromkeys(("image", "image_url", "input_image", "output_image"), _image),
    **dict.fromkeys(("audio", "audio_url", "input_audio", "output_audio"), _audio),
    **dict.fromkeys(("video", "video_url", "input_video"), _video),
    **dict.fromkeys(("file", "input_file"), _file),
    **dict.fromkeys(("thinking", "redacted_thinking", "reasoning", "reasoning_text"), _thinking),
    **dict.fromkeys(("tool_use", "server_tool_use", "mcp_tool_use"), _tool_use),
    **dict.fromkeys(
        (
            "tool_result",
            "mcp_tool_result",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
        ),
        _tool_result,
    ),
    "document": _document_block,
    "search_result": _search_result,
    "web_search_result": _web_result,
    "web_fetch_result": _shape({"url": _answered, "content": answer, "retrieved_at": name}),
    **dict.fromkeys(
        ("code_execution_result", "bash_code_execution_result", "encrypted_code_execution_result"),
        _program_output,
    ),
    **dict.fromkeys(
        (
            "text_editor_code_execution_view_result",
            "text_editor_code_execution_create_result",
            "text_editor_code_execution_str_replace_result",
        ),
        _editor_result,
    ),
    **dict.fromkeys(
        (
            "web_search_tool_result_error",
            "web_fetch_tool_result_error",
            "code_execution_tool_result_error",
            "bash_code_execution_tool_result_error",
            "text_editor_code_execution_tool_result_error",
            "tool_search_tool_result_error",
        ),
        _result_error,
    ),
    **dict.fromkeys(
        ("code_execution_output", "bash_code_execution_output", "container_upload"),
        _shape(names("file_id")),
    ),
    "tool_search_tool_search_result": _shape({"tool_references": left}),
    "tool_reference": _shape(names("tool_name")),
    "compaction": _shape({"content": text, "encrypted_content": opaque("encrypted")}),
}

_BLOCK = typed(_TABLE)
_BLOCKS = each(block)

_function = record(
    {
        **names("name"),
        "arguments": _asked_text,
        "parsed_arguments": left,
        "thought_signature": opaque("signature"),
    }
)
_tool_call = record(
    {
        **names("id", "type"),
        **numbers("index"),
        "function": _function,
        "custom": record({**names("name"), "input": _asked_text}),
        "extra_content": opaque("signature"),
        "cache_control": left,
    }
)

message = by_role(
    {
        **names("id", "type", "name", "status", "phase", "tool_call_id", "stop_reason"),
        **numbers("prefix"),
        "content": content,
        "refusal": text,
        "tool_calls": each(_tool_call),
        "function_call": _function,
        "audio": opaque("audio"),
        "images": opaque("image"),
        **dict.fromkeys(
            ("reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"), opaque("thinking")
        ),
        "content_blocks": content,
        "annotations": each(annotation),
        "cache_control": left,
    }
)
"""A message of OpenAI chat, of Responses or of Anthropic."""

instructions = spoken(content, Role.SYSTEM, Kind.TEXT)
"""What the operator says beside the messages."""
