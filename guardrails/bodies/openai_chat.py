"""OpenAI chat completions, and what gateways and compatible servers add to them."""

from __future__ import annotations

from collections.abc import Mapping

from guardrails.bodies.blocks import content, instructions, message
from guardrails.bodies.walk import (
    Reader,
    each,
    lefts,
    logprobs,
    names,
    numbers,
    record,
    spoken,
    text,
)
from guardrails.model import Kind, Role

# The settings of OpenAI and Anthropic alike: a body that both can read gives the same texts in both.
SETTINGS: Mapping[str, Reader] = {
    **names("model", "user", "safety_identifier", "service_tier", "reasoning_effort", "verbosity"),
    **names("prompt_cache_key", "prompt_cache_retention", "anthropic_version", "inference_geo", "speed"),
    **numbers("temperature", "top_p", "top_k", "min_p", "n", "seed", "stream", "store", "max_tokens"),
    **numbers("max_completion_tokens", "logprobs", "top_logprobs", "presence_penalty"),
    **numbers("frequency_penalty", "repetition_penalty", "parallel_tool_calls", "echo", "best_of"),
    **lefts("tools", "functions", "tool_choice", "function_call", "response_format", "stop"),
    **lefts("stop_sequences", "stream_options", "metadata", "logit_bias", "modalities", "audio"),
    **lefts("web_search_options", "reasoning", "thinking", "container", "mcp_servers", "betas"),
    **lefts("anthropic_beta", "context_management", "output_config", "output_format", "cache_control"),
}

# What stands around the choices of every OpenAI answer.
ANSWER: Mapping[str, Reader] = {
    **names("id", "object", "model", "system_fingerprint", "service_tier", "provider"),
    **numbers("created"),
    **lefts("usage", "prompt_filter_results", "metadata"),
}

request: Mapping[str, Reader] = {
    **SETTINGS,
    "messages": each(message),
    "system": instructions,
    "prediction": record({**names("type"), "content": spoken(content, Role.USER, Kind.TEXT)}),
}

choice = record(
    {
        **names("finish_reason", "native_finish_reason", "stop_reason"),
        **numbers("index"),
        **lefts("content_filter_results", "token_ids"),
        "message": message,
        "delta": message,
        "text": text,
        "logprobs": logprobs,
    }
)

response: Mapping[str, Reader] = {**ANSWER, "choices": each(choice)}
