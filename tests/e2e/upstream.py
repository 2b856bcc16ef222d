"""A small model provider on loopback: OpenAI chat, embeddings and Anthropic messages, streamed or not.

It answers with what the test scripted, else by echoing the last text, and keeps every request.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream:
    """Started on construction; `close` ends it."""

    def __init__(self):
        self.requests = []
        self.answer = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(raw)
                outer.requests.append((self.path, body))
                if body.get("stream"):
                    return self._send(b"".join(_events(self.path, _last_text(body))), "text/event-stream")
                return self._send(
                    json.dumps(_reply(self.path, outer.answer or _last_text(body))).encode(),
                    "application/json",
                )

            def _send(self, data, kind):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self):
        """Forgets requests and scripted answers."""
        self.requests.clear()
        self.answer = None

    def close(self):
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()


def _last_text(body):
    if "input" in body:
        return str(body["input"])
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else " ".join(str(one.get("text", "")) for one in content)


def _reply(path, text):
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        return {
            "object": "list",
            "model": "e",
            "data": data,
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    if path.endswith("/messages"):
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [
                {"type": "text", "text": text},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": f"echo {text}"}},
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _events(path, text):
    if path.endswith("/messages"):
        message = {**_reply(path, ""), "content": [], "stop_reason": None}
        events = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
        for one in events:
            yield f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode()
        return
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    for delta, reason in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        chunk = {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"
