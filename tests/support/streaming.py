"""Makes and reads streams as providers send them."""

import datetime as dt
import json

from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.streams.aws import Reader, message
from guardrails.streams.judge import StreamEngine

__all__ = [
    "TODAY",
    "Deadline",
    "anthropic_events",
    "assembled",
    "bedrock_events",
    "chat_chunks",
    "engine",
    "gemini_chunks",
    "responses_events",
    "streams",
]

TODAY = dt.date(2026, 11, 23)
KEYS = Keys(b"k" * 32)


def engine(rules, head=""):
    """An engine with some rules: the rest of each record by its id."""
    text = f"version: 1\npolicy: streams\n{head}rules:\n"
    text += "".join(f"  - {{id: {n}, title: {n}, severity: high, {rule}}}\n" for n, rule in rules.items())
    compiled = compile_files([load_file(text, "streams.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


def streams(rules, head=""):
    return StreamEngine(engine(rules, head))


def chat_chunks(texts, arguments=()):
    """Chunks of a chat completion that says `texts`, then calls a tool with `arguments`."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta, reason=None):
        data = {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        return f"data: {json.dumps(data)}\n\n".encode()

    yield chunk({"role": "assistant", "content": ""})
    for text in texts:
        yield chunk({"content": text})
    if arguments:
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        yield chunk({"tool_calls": [call]})
        for part in arguments:
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    yield chunk({}, "tool_calls" if arguments else "stop")
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    yield f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\n".encode()
    yield b"data: [DONE]\n\n"


def anthropic_events(texts, arguments=()):
    """Events of a message that says `texts`, then calls a tool with `arguments`."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield _event({"type": "message_start", "message": message})
    yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    yield _event({"type": "ping"})
    for text in texts:
        yield _event(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        )
    yield _event({"type": "content_block_stop", "index": 0})
    if arguments:
        block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
        yield _event({"type": "content_block_start", "index": 1, "content_block": block})
        for part in arguments:
            delta = {"type": "input_json_delta", "partial_json": part}
            yield _event({"type": "content_block_delta", "index": 1, "delta": delta})
        yield _event({"type": "content_block_stop", "index": 1})
    delta = {"stop_reason": "tool_use" if arguments else "end_turn", "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}})
    yield _event({"type": "message_stop"})


def responses_events(texts, arguments=()):
    """Events of a Responses answer that says `texts`, then calls a function with `arguments`."""
    said, asked = "".join(texts), "".join(arguments)
    base = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "error": None}
    base |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "output": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    call = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": {**base, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": message},
        {"type": "response.content_part.added", **place, "part": part},
        *({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in texts),
        {"type": "response.output_text.done", **place, "text": said, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": said}},
    ]
    message = {**message, "status": "completed", "content": [{**part, "text": said}]}
    events.append({"type": "response.output_item.done", "output_index": 0, "item": message})
    output = [message]
    if arguments:
        place = {"item_id": "fc_1", "output_index": 1}
        events.append({"type": "response.output_item.added", "output_index": 1, "item": call})
        events += ({"type": "response.function_call_arguments.delta", **place, "delta": d} for d in arguments)
        events.append({"type": "response.function_call_arguments.done", **place, "arguments": asked})
        call = {**call, "arguments": asked, "status": "completed"}
        events.append({"type": "response.output_item.done", "output_index": 1, "item": call})
        output.append(call)
    events.append(
        {"type": "response.completed", "response": {**base, "status": "completed", "output": output}}
    )
    for number, event in enumerate(events):
        yield _event({**event, "sequence_number": number})


def _event(body):
    return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode()


def gemini_chunks(texts, arguments=()):
    """Chunks of a Gemini candidate that says `texts`, then calls a function with `arguments`, whole."""
    base = {"modelVersion": "m", "responseId": "r1"}

    def chunk(parts, reason=None, **more):
        ended = {} if reason is None else {"finishReason": reason}
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **ended}
        return f"data: {json.dumps({'candidates': [candidate], **more, **base})}\r\n\r\n".encode()

    yield chunk([{"text": "let me think", "thought": True}])
    for text in texts:
        yield chunk([{"text": text}])
    if arguments:
        yield chunk([{"functionCall": {"name": "f", "args": json.loads("".join(arguments))}}])
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    yield chunk([{"text": ""}], "STOP", usageMetadata=usage)


def bedrock_events(texts, arguments=()):
    """Events of a Converse stream that says `texts`, then asks for a tool with `arguments`."""

    def event(name, body):
        headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
        return message(headers, json.dumps({**body, "p": "abcdefg"}).encode())

    yield event("messageStart", {"role": "assistant"})
    for text in texts:
        yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    if arguments:
        start = {"toolUse": {"toolUseId": "t1", "name": "f"}}
        yield event("contentBlockStart", {"contentBlockIndex": 1, "start": start})
        for part in arguments:
            yield event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": part}}})
        yield event("contentBlockStop", {"contentBlockIndex": 1})
    yield event("messageStop", {"stopReason": "tool_use" if arguments else "end_turn"})
    usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
    yield event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})


def _bedrock_assembled(raw):
    text, call = [], []
    for one in Reader().feed(raw):
        delta = json.loads(one.data).get("delta", {})
        text.append(delta.get("text", ""))
        call.append(delta.get("toolUse", {}).get("input", ""))
    return "".join(text), "".join(call)


def assembled(dialect, raw):
    """The text and the arguments that a client puts together of a stream."""
    if dialect == "bedrock":
        return _bedrock_assembled(raw)
    text, call = [], []
    for line in raw.splitlines():
        if not line.startswith(b"data: {"):
            continue
        body = json.loads(line[6:])
        if dialect == "gemini":
            for part in body.get("candidates", [{"content": {"parts": []}}])[0]["content"]["parts"]:
                text.append("" if part.get("thought") else part.get("text", ""))
                call.append(json.dumps(part["functionCall"]["args"]) if "functionCall" in part else "")
        elif dialect == "responses":
            delta = body.get("delta", "")
            text.append(delta if body["type"] == "response.output_text.delta" else "")
            call.append(delta if body["type"] == "response.function_call_arguments.delta" else "")
        elif dialect == "anthropic":
            delta = body.get("delta", {})
            text.append(delta.get("text", ""))
            call.append(delta.get("partial_json", ""))
        else:
            for choice in body.get("choices", ()):
                text.append(choice["delta"].get("content") or "")
                calls = choice["delta"].get("tool_calls", ())
                call.extend(one["function"]["arguments"] for one in calls)
    return "".join(text), "".join(call)
