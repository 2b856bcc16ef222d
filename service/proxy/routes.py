"""Which requests are judged, how their streams are read, and how each provider says no."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from guardrails.bodies import Format
from guardrails.streams.anthropic import AnthropicStream
from guardrails.streams.bedrock import BedrockStream
from guardrails.streams.chat import ChatStream
from guardrails.streams.events import Dialect
from guardrails.streams.gemini import GeminiStream
from guardrails.streams.responses import ResponsesStream


class Route(msgspec.Struct, frozen=True):
    """An endpoint whose bodies are judged. `stream` reads its event streams; None: it has none.

    `streams` says that its answer always is one; elsewhere the request asks for it.
    """

    format: Format
    provider: str
    stream: Callable[[], Dialect] | None = None
    streams: bool = False

    def reader(self, content_type: str) -> Dialect | None:
        """What reads an event stream of a content type; None for what the endpoint does not answer with."""
        made = self.stream() if self.stream else None
        return made if made is not None and content_type.lower().startswith(made.content_type) else None


_ROUTES = {
    "/chat/completions": Route(Format.OPENAI_CHAT, "openai", ChatStream),
    "/completions": Route(Format.OPENAI_COMPLETIONS, "openai", ChatStream),
    "/embeddings": Route(Format.OPENAI_EMBEDDINGS, "openai"),
    "/responses": Route(Format.OPENAI_RESPONSES, "openai", ResponsesStream),
    "/messages": Route(Format.ANTHROPIC_MESSAGES, "anthropic", AnthropicStream),
    "/messages/count_tokens": Route(Format.ANTHROPIC_MESSAGES, "anthropic"),
    ":generateContent": Route(Format.GEMINI, "gemini"),
    ":streamGenerateContent": Route(Format.GEMINI, "gemini", GeminiStream, streams=True),
    "/converse": Route(Format.BEDROCK_CONVERSE, "bedrock"),
    "/converse-stream": Route(Format.BEDROCK_CONVERSE, "bedrock", BedrockStream, streams=True),
}


_LONGEST_FIRST = sorted(((end.lower(), one) for end, one in _ROUTES.items()), key=lambda one: -len(one[0]))


def route(method: str, path: str) -> Route | None:
    """The endpoint of a request, wherever a gateway has it: None for what is passed through.

    A path is taken as lenient servers take it: in any case, escaped, with empty segments and dots.
    """
    if method.upper() != "POST":
        return None
    path = posixpath.normpath(unquote(path)).lower()
    return next((one for end, one in _LONGEST_FIRST if path.endswith(end)), None)


_STREAMS = ("text/event-stream", BedrockStream.content_type)


def is_stream(content_type: str) -> bool:
    """Whether an answer of a content type is a stream of events."""
    return content_type.lower().startswith(_STREAMS)


_NAMED = re.compile(r"/models?/([^/:]+)[/:]")


def named_model(path: str) -> str | None:
    """The model that a path names, as those of Gemini and Bedrock do."""
    found = _NAMED.search(path)
    return found[1] if found else None


_GEMINI_STATES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_BEDROCK_TYPES = {
    401: "AccessDeniedException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_ANTHROPIC_TYPES = {401: "authentication_error", 413: "request_too_large", 429: "rate_limit_error"}


def error_body(provider: str, status: int, message: str, *, denied: bool = False) -> bytes:
    """An error as the provider's SDK expects it."""
    if provider == "anthropic":
        kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})
    if provider == "gemini":
        state = _GEMINI_STATES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
        return msgspec.json.encode({"error": {"code": status, "message": message, "status": state}})
    if provider == "bedrock":
        other = "ValidationException" if status < 500 else "InternalServerException"
        return msgspec.json.encode({"__type": _BEDROCK_TYPES.get(status, other), "message": message})
    kind = "guardrail_denied" if denied else "guardrail_error"
    code = "content_filter" if denied else None
    error = {"message": message, "type": kind, "param": None, "code": code}
    return msgspec.json.encode({"error": error})
