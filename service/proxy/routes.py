"""Which requests are judged, how their streams are read, and how each provider says no."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guardrails.bodies import Format
from guardrails.streams.anthropic import AnthropicStream
from guardrails.streams.chat import ChatStream
from guardrails.streams.events import Dialect
from guardrails.streams.responses import ResponsesStream


class Route(msgspec.Struct, frozen=True):
    """An endpoint whose bodies are judged. `stream` reads its event streams; None: it has none."""

    format: Format
    provider: str
    stream: Callable[[], Dialect] | None = None


_ROUTES = {
    "/chat/completions": Route(Format.OPENAI_CHAT, "openai", ChatStream),
    "/completions": Route(Format.OPENAI_COMPLETIONS, "openai", ChatStream),
    "/embeddings": Route(Format.OPENAI_EMBEDDINGS, "openai"),
    "/responses": Route(Format.OPENAI_RESPONSES, "openai", ResponsesStream),
    "/messages": Route(Format.ANTHROPIC_MESSAGES, "anthropic", AnthropicStream),
    "/messages/count_tokens": Route(Format.ANTHROPIC_MESSAGES, "anthropic"),
}


def route(method: str, path: str) -> Route | None:
    """The endpoint of a request, wherever a gateway has it: None for what is passed through."""
    if method != "POST":
        return None
    path = path.rstrip("/")
    longest_first = sorted(_ROUTES, key=len, reverse=True)
    return next((_ROUTES[one] for one in longest_first if path.endswith(one)), None)


_ANTHROPIC_TYPES = {401: "authentication_error", 413: "request_too_large", 429: "rate_limit_error"}


def error_body(provider: str, status: int, message: str, *, denied: bool = False) -> bytes:
    """An error as the provider's SDK expects it."""
    if provider == "anthropic":
        kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})
    kind = "guardrail_denied" if denied else "guardrail_error"
    code = "content_filter" if denied else None
    error = {"message": message, "type": kind, "param": None, "code": code}
    return msgspec.json.encode({"error": error})
