"""One HTTP exchange, as Envoy tells of it message by message.

A whole body is judged before anything of it passes: where bodies are buffered Envoy holds it, in full duplex
the answer about the headers is withheld until then. A response that is a stream of events is judged as it
comes.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

from guardrails.model import Context, Hook, Verdict
from service import telemetry, wire
from service.assembly import Assembly
from service.exchange import Ask, given_conversation
from service.extproc import messages
from service.extproc.messages import BUFFERED, DUPLEX, NONE, STREAMED, Half
from service.inline import JudgedStream, Request, judge_answer
from service.problems import Problem
from service.proxy.routes import Route, error_body, is_stream, named_model, route
from service.restoring import WayBack

DIALECT = "envoy"
ATTRIBUTES = "envoy.filters.http.ext_proc"
ROUTE_NAME = "xds.route_name"
CONVERSATION = "x-guardrails-conversation"

_DENIED_REQUEST = "the request was stopped by a guardrail"
_DENIED_RESPONSE = "the response was stopped by a guardrail"
_DENIED_STREAM = "policies that are in force cannot be enforced on a streamed response"


class Exchange:
    """The state of one exchange. `over` is set once Envoy was told the last thing about it."""

    def __init__(self, made: Assembly, tenant: str) -> None:
        self.over = False
        self._made = made
        self._service = made.service
        self._tenant = tenant
        self._trace = telemetry.trace(None, None)
        self._started = time.perf_counter()
        self._told = False  # what the request is for
        self._route: Route | None = None
        self._context = Context(tenant)
        self._request = Half("request", BUFFERED)
        self._response = Half("response", BUFFERED)
        self._judges_request = False
        self._judges_response = False
        self._parts: list[bytes] = []  # of the body that is collected
        self._size = 0
        self._events: JudgedStream | None = None
        self._conversation: str | None = None
        self._asked: object = None  # the request's body
        self._back: WayBack | None = None  # what comes back in the response

    async def take(self, message: Any) -> list[Any]:
        """The answers to a message."""
        try:
            return await self._taken(message)
        except Problem as problem:
            self._service.refused(problem, DIALECT, self._trace, self._started)
            retry = {} if problem.retry_after is None else {"retry-after": str(problem.retry_after)}
            return self._refuse(problem.status, problem.detail, retry)

    async def _taken(self, message: Any) -> list[Any]:
        kind = message.WhichOneof("request")
        if not (self._told or kind == "request_headers"):
            raise Problem(500, "Misconfigured", "Envoy must send the headers of requests")
        match kind:
            case "request_headers":
                return self._request_headers(message)
            case "request_body":
                return await self._request_body(message.request_body)
            case "request_trailers":
                rest = await self._judge_request(last=False) if self._judges_request else []
                return [*rest, self._request.trailers()]
            case "response_headers":
                return self._response_headers(message.response_headers)
            case "response_body":
                return await self._response_body(message.response_body)
            case "response_trailers":
                return [*await self._response_rest(), self._response.trailers()]
        return []

    def end(self) -> None:
        """Envoy has no more to tell."""
        if self._events is not None:
            self._events.finished(DIALECT, self._trace)

    # The request

    def _request_headers(self, message: Any) -> list[Any]:
        headers = messages.headers_of(message.request_headers)
        method = headers.get(":method")
        if method is None or (method == "POST" and ":path" not in headers):
            raise Problem(500, "Misconfigured", "Envoy must send the headers `:method` and `:path`")
        self._told = True
        path = unquote(headers.get(":path", "").partition("?")[0])
        self._trace = telemetry.trace(headers.get("x-request-id"), headers.get("traceparent"))
        self._route = route(method, path)
        if message.HasField("protocol_config"):
            self._request.mode = message.protocol_config.request_body_mode
            self._response.mode = message.protocol_config.response_body_mode
        if self._route is None:
            override = messages.NOTHING_MORE if self._request.mode == BUFFERED else None
            return [self._request.headers(override=override)]
        self._conversation = given_conversation(headers.get(CONVERSATION))
        self._context = self._context_of(message.attributes, path, self._route)
        modes = {self._request.mode, self._response.mode}
        if not modes <= {BUFFERED, DUPLEX, NONE} or self._request.mode == NONE:
            raise Problem(500, "Misconfigured", "Envoy must send bodies as BUFFERED or FULL_DUPLEX_STREAMED")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "Unsupported encoding", "send the body without a content encoding")
        if message.request_headers.end_of_stream:
            raise Problem(400, "Not JSON", "the request has no body")
        self._judges_request, self._judges_response = True, self._response.mode != NONE
        return [] if self._request.mode == DUPLEX else [self._request.headers(_AS_IT_CAN_BE_READ, _OURS)]

    def _context_of(self, attributes: Any, path: str, to: Route) -> Context:
        """Who speaks, as Envoy's configuration says: its route's name and the attributes that it sends."""
        sent = attributes[ATTRIBUTES].fields.items() if ATTRIBUTES in attributes else ()
        told = {name: value.string_value for name, value in sent if value.string_value}
        return Context(self._tenant, told.get(ROUTE_NAME) or path, to.provider, named_model(path), told)

    async def _request_body(self, body: Any) -> list[Any]:
        if not self._judges_request:
            kept = body.body if self._request.mode == DUPLEX else None
            return self._request.body(kept, last=body.end_of_stream)
        self._collect(body.body, 413, "the body is larger than {} bytes")
        if self._request.mode == DUPLEX and not body.end_of_stream:
            return []
        return await self._judge_request(last=True)

    async def _judge_request(self, *, last: bool) -> list[Any]:
        self._judges_request = False
        assert self._route is not None
        data = self._collected()
        asked = Request.of(data)
        self._asked = asked.body
        self._context = Context(
            self._tenant,
            self._context.route,
            self._route.provider,
            asked.model or self._context.model,
            self._context.metadata,
        )
        self._back = await self._service.restoring.exchange(
            self._tenant, asked.body, self._route.format, self._conversation
        )
        ask = Ask(
            Hook.REQUEST,
            self._context,
            asked.body,
            self._route.format,
            response_unseen=self._response.mode == NONE,
            sent={} if self._back is None else self._back.sent,
        )
        judged = await self._service.judge(self._tenant, ask, DIALECT, self._trace)
        if judged.decision.verdict is Verdict.DENY:
            return self._refuse(400, _DENIED_REQUEST, denied=True)
        streams = self._route.streams or (asked.streams and self._route.stream is not None)
        if streams and self._service.refuses_stream(self._context, self._trace):
            return self._refuse(400, _DENIED_STREAM, denied=True)
        if self._back is not None:
            await self._back.asked(judged.kept)
        masked = wire.encode(judged.body) if judged.decision.verdict is Verdict.MASK else None
        if self._request.mode == BUFFERED:
            return self._request.body(masked, last=last)
        headers = self._request.headers(_AS_IT_CAN_BE_READ, (*_OURS, *_LENGTH))
        return [headers, *self._request.body(data if masked is None else masked, last=last)]

    # The response

    def _response_headers(self, message: Any) -> list[Any]:
        headers = messages.headers_of(message)
        identified = {"x-guardrails-request-id": self._trace.request_id}
        # Where Envoy does not send the status, it may be one that is judged.
        if message.end_of_stream or not headers.get(":status", "2").startswith("2"):
            self._judges_response = False
        if self._route is None or not self._judges_response:
            return [self._response.headers()]
        if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise Problem(502, "Unreadable", "the upstream answered in an encoding that was not asked for")
        content_type = headers.get("content-type", "")
        if not is_stream(content_type):
            return [] if self._response.mode == DUPLEX else [self._response.headers(identified)]
        reader = self._route.reader(content_type)
        if reader is None:
            raise Problem(502, "Unreadable", "the upstream answered with a stream that was not asked for")
        on = self._made.streams.in_force()
        self._events = JudgedStream(self._service, on, self._context, reader, self._back, self._asked)
        if self._response.mode == DUPLEX:
            return [self._response.headers(identified, _LENGTH)]
        # Where Envoy may not change its mode, all events come in one message: that is answered alike.
        self._response.mode = STREAMED
        return [self._response.headers(identified, _LENGTH, messages.BODY_AS_IT_COMES)]

    async def _response_body(self, body: Any) -> list[Any]:
        if not self._judges_response:
            kept = body.body if self._response.mode == DUPLEX else None
            return self._response.body(kept, last=body.end_of_stream)
        if self._events is not None:
            return await self._response_events(self._events, body)
        self._collect(body.body, 502, "the upstream's answer is larger than {} bytes")
        if self._response.mode == DUPLEX and not body.end_of_stream:
            return []
        return await self._judge_response(last=True)

    async def _response_events(self, events: JudgedStream, body: Any) -> list[Any]:
        if events.denied:
            # In full duplex the body has ended; else each message is answered, by nothing.
            return [] if self._response.mode == DUPLEX else self._response.body(b"", last=body.end_of_stream)
        given = await events.feed(body.body)
        if body.end_of_stream and not events.denied:
            given += await events.close()
        return self._response.body(given, last=body.end_of_stream or events.denied)

    async def _judge_response(self, *, last: bool) -> list[Any]:
        self._judges_response = False
        assert self._route is not None
        data = self._collected()
        judged = await judge_answer(
            self._service,
            self._context,
            data,
            self._route.format,
            DIALECT,
            self._trace,
            self._back,
            self._asked,
        )
        if judged.decision.verdict is Verdict.DENY:
            return self._refuse(400, _DENIED_RESPONSE, denied=True)
        rewritten = None if judged.body is None else wire.encode(judged.body)
        if self._response.mode == BUFFERED:
            return self._response.body(rewritten, last=last)
        headers = self._response.headers({"x-guardrails-request-id": self._trace.request_id}, _LENGTH)
        return [headers, *self._response.body(data if rewritten is None else rewritten, last=last)]

    async def _response_rest(self) -> list[Any]:
        """What is still withheld of a response that ends with trailers."""
        if not self._judges_response:
            return []
        if self._events is None:
            return await self._judge_response(last=False)
        given = b"" if self._events.denied else await self._events.close()
        if given and self._response.mode != DUPLEX:
            raise Problem(502, "Unreadable", "the stream of events ended within an event")
        return self._response.body(given, last=False) if given else []

    # Both

    def _collect(self, data: bytes, status: int, message: str) -> None:
        limit = self._service.settings.max_body_bytes
        self._parts.append(data)
        self._size += len(data)
        if self._size > limit:
            raise Problem(status, "Too large", message.format(limit))

    def _collected(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return data

    def _refuse(
        self, status: int, message: str, headers: dict[str, str] | None = None, *, denied: bool = False
    ) -> list[Any]:
        """An error as the provider's SDK expects it, in place of the upstream's answer."""
        self.over = True
        provider = self._route.provider if self._route else "openai"
        body = error_body(provider, status, message, denied=denied)
        more = {"content-type": "application/json", "x-guardrails-request-id": self._trace.request_id}
        details = "guardrail_denied" if denied else "guardrail_error"
        return [messages.at_once(status, body, details, {**more, **(headers or {})})]


_AS_IT_CAN_BE_READ = {"accept-encoding": "identity"}
_LENGTH = ("content-length",)
_OURS = (CONVERSATION,)  # what is not the upstream's
