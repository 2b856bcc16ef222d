"""A small model provider on loopback: OpenAI chat, embeddings and Anthropic messages, streamed or not.

It answers with what the test scripted (a text, the parts of a stream, a failure, a function of the request),
else by echoing the last text, and keeps every request. `calls` says whether the answer has a tool call; by
default only Anthropic messages that are not streamed have one.
"""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE = object()
"""In a scripted stream: what follows waits for `Upstream.pause`."""


class Upstream:
    """Started on construction; `close` ends it."""

    def __init__(self):
        self.requests = []
        self.answer = None
        self.calls = None
        self.parts = None
        self.script = None
        self.headers = {}
        self.seen = []
        self.raw = []
        self.failure = None
        self.pause = None
        self.wait = PAUSE
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                raw = self._read()
                body = json.loads(raw)
                outer.requests.append((self.path, body))
                outer.raw.append(raw)
                outer.seen.append(dict(self.headers))
                if outer.script is not None:
                    made = outer.script(body)
                    if isinstance(made, list):
                        return self._stream(made)
                    return self._send(json.dumps(made).encode(), "application/json")
                if outer.failure:
                    return self._send(outer.failure[1], "application/json", outer.failure[0])
                if outer.parts is not None:
                    return self._stream(outer.parts)
                text = outer.answer or _last_text(body)
                if body.get("stream"):
                    return self._send(b"".join(_events(self.path, text)), "text/event-stream")
                reply = _reply(self.path, text, outer.calls)
                return self._send(json.dumps(reply).encode(), "application/json")

            def _read(self):
                if self.headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def do_GET(self):
                outer.requests.append((self.path, None))
                outer.seen.append(dict(self.headers))
                self._send(json.dumps({"object": "list", "data": []}).encode(), "application/json")

            def _stream(self, parts):
                self.send_response(200)
                binary = self.path.endswith("/converse-stream")
                kind = "application/vnd.amazon.eventstream" if binary else "text/event-stream; charset=utf-8"
                self.send_header("content-type", kind)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for part in parts:
                    if part is PAUSE:
                        outer.pause.wait(20)
                        continue
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def _send(self, data, kind, status=200):
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                if outer.headers.get("content-encoding") == "gzip":
                    data = gzip.compress(data)
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
        self.calls = None
        self.seen.clear()
        self.raw.clear()
        self.answer = self.parts = self.failure = self.script = None
        self.headers = {}
        self.pause = threading.Event()

    def close(self):
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()


def _last_text(body):
    if "input" in body:
        return str(body["input"])
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else " ".join(str(one.get("text", "")) for one in content)


def _reply(path, text, calls=None):
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        return {
            "object": "list",
            "model": "e",
            "data": data,
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    if path.endswith("/messages"):
        content = [
            {"type": "text", "text": text},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": f"echo {text}"}},
        ]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": content[:1] if calls is False else content,
            "stop_reason": "end_turn" if calls is False else "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    message = {"role": "assistant", "content": text}
    if calls:
        function = {"name": "Bash", "arguments": json.dumps({"command": f"echo {text}"})}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _pieces(text):
    """A text as a model streams it: a word and the space before it at a time."""
    return re.findall(r" ?[^ ]+| +", text) or [""]


def _events(path, text):
    if path.endswith("/messages"):
        message = {**_reply(path, ""), "content": [], "stop_reason": None}
        events = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in _pieces(text)
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
        for one in events:
            yield f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode()
        return
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas = [({"role": "assistant", "content": piece}, None) for piece in _pieces(text)]
    for delta, reason in (*deltas, ({}, "stop")):
        chunk = {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"
