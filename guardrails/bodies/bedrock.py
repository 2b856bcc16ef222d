"""Amazon Bedrock Converse: parts are told apart by their one member, not by a `type`."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.walk import (
    Reader,
    by_role,
    each,
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
)
from guardrails.model import Kind, Role

_document_text = spoken(text, kind=Kind.DOCUMENT)
_data = spoken(json_value, kind=Kind.DATA)

_texts = each(record({"text": text}))
_document_texts = each(record({"text": _document_text}))
_source = record(
    {"bytes": opaque("document"), "s3Location": left, "text": _document_text, "content": _document_texts}
)
_document = record(
    {
        **names("format"),
        "name": _document_text,
        "context": _document_text,
        "source": _source,
        "citations": record(numbers("enabled")),
    }
)
_citation = record(
    {
        "title": _document_text,
        "source": _document_text,
        "sourceContent": _document_texts,
        "location": left,
    }
)
_search_result = record(
    {
        "source": _document_text,
        "title": _document_text,
        "content": _document_texts,
        "citations": record(numbers("enabled")),
    }
)
_MEDIA: Mapping[str, Reader] = {
    "image": record({**names("format"), "source": opaque("image"), "error": left}),
    "video": record({**names("format"), "source": opaque("video")}),
    "audio": record({**names("format"), "source": opaque("audio"), "error": left}),
    "document": _document,
    "searchResult": _search_result,
}
_answer = spoken(
    each(record({"text": text, "json": json_value, **_MEDIA})),
    Role.TOOL,
    Kind.TOOL_OUTPUT,
)
_guarded = record(
    {
        "text": record({"text": text, **lefts("qualifiers")}),
        "image": opaque("image"),
    }
)
_block = record(
    {
        "text": text,
        **_MEDIA,
        "toolUse": record(
            {**names("toolUseId", "name", "type"), "input": spoken(json_value, kind=Kind.TOOL_INPUT)}
        ),
        "toolResult": record({**names("toolUseId", "status", "type"), "content": _answer}),
        "guardContent": _guarded,
        "reasoningContent": opaque("thinking"),
        "cachePoint": left,
        "citationsContent": record({"content": _texts, "citations": each(_citation)}),
    }
)
_message = by_role({"content": each(_block)})

request: Mapping[str, Reader] = {
    **names("modelId"),
    **lefts("inferenceConfig", "toolConfig", "guardrailConfig", "requestMetadata", "performanceConfig"),
    **lefts("additionalModelResponseFieldPaths", "outputConfig", "serviceTier"),
    "messages": each(_message),
    "system": spoken(each(_block), Role.SYSTEM, Kind.TEXT),
    "promptVariables": mapping(record({"text": text})),
    "additionalModelRequestFields": _data,
}

response: Mapping[str, Reader] = {
    **names("stopReason"),
    **lefts("usage", "metrics", "performanceConfig", "serviceTier", "ResponseMetadata"),
    "output": record({"message": _message}),
    "additionalModelResponseFields": _data,
    "trace": _data,
}
