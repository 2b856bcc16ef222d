"""The proxy as an ASGI application.

A request to a known endpoint is judged before it is sent on, the answer before it is given back; streams
are judged as they come. Whatever else there is passes as it is: headers, paths, query, errors of the
upstream. What cannot be judged is refused, as the policies say.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from guardrails.masking import Restored
from guardrails.model import Context, Hook, Verdict
from service import telemetry, wire
from service.assembly import Assembly
from service.exchange import Ask, given_conversation
from service.inline import JudgedStream, Request, judge_answer
from service.problems import Problem
from service.proxy.routes import Route, error_body, is_stream, named_model, route
from service.restoring import WayBack
from service.settings import Settings, SettingsError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

DIALECT = "proxy"
KEY_HEADER = b"x-guardrails-key"
CONVERSATION_HEADER = b"x-guardrails-conversation"
OWN_PATHS = "/guardrails/"

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
    | {b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_DECODED = frozenset({"", "identity", "gzip", "deflate"})
_CONNECT_SECONDS = 10.0
_CONNECTIONS = 1_000


def create_proxy(settings: Settings) -> Proxy:
    """Loads everything and builds the application.

    Raises `SettingsError`, or `guardrails.policy.LoadError` for policies that do not load.
    """
    return Proxy(settings)


class Proxy:
    """One upstream, one assembly of policies and keys."""

    def __init__(self, settings: Settings) -> None:
        if not settings.upstream:
            raise SettingsError("the proxy needs `upstream`: the address of the gateway or provider")
        try:
            self._upstream = httpx.URL(settings.upstream)
        except httpx.InvalidURL:
            raise SettingsError("setting `upstream` is no URL") from None
        if self._upstream.scheme not in {"http", "https"} or not self._upstream.host:
            raise SettingsError("setting `upstream` must be an http or https URL with a host")
        self._settings = settings
        self._made = Assembly(settings)
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run()

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def made(self) -> Assembly:
        return self._made

    @property
    def client(self) -> httpx.AsyncClient:
        assert self._client is not None
        return self._client

    def target(self, path: bytes, query: bytes) -> httpx.URL:
        """Where a request goes: the upstream's own path stands before the request's."""
        prefix = self._upstream.raw_path.rstrip(b"/")
        return self._upstream.copy_with(raw_path=prefix + path + (b"?" + query if query else b""))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        timeout = httpx.Timeout(self._settings.upstream_seconds, connect=_CONNECT_SECONDS)
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=100)
        # Neither proxies nor credentials from the environment: what the client sent is what is sent on.
        async with (
            httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as client,
            self._made.running(),
        ):
            client.headers.clear()
            self._client = client
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


class _HungUp(Exception):
    """The client has gone."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, proxy: Proxy, scope: Scope, receive: Receive, send: Send) -> None:
        self._proxy = proxy
        self._scope = scope
        self._receive = receive
        self._send = send
        self._service = proxy.made.service
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self._headers.get(b"x-request-id", b"").decode("latin-1")
        parent = self._headers.get(b"traceparent", b"").decode("latin-1")
        self._trace = telemetry.trace(given or None, parent or None)
        self._started = time.perf_counter()
        self._route = route(scope["method"], scope["path"])
        self._provider = self._route.provider if self._route else "openai"
        self._tenant = ""
        self._upstream_seconds = 0.0
        self._answered = False

    async def run(self) -> None:
        if self._scope["path"].startswith(OWN_PATHS):
            await self._own()
            return
        try:
            self._tenant = self._tenant_of_caller()
            if self._route is None:
                await self._pass()
            else:
                await self._judge_both(self._route)
        except Problem as problem:
            self._service.refused(problem, DIALECT, self._trace, self._started)
            await self._refuse(problem.status, problem.detail, problem.retry_after)
        except _HungUp:
            self._service.log.info("client hung up", request_id=self._trace.request_id)
        except Exception as error:  # noqa: BLE001 - its text may hold a part of the message
            telemetry.log_unexpected(self._service.log, error)
            await self._refuse(500, "internal error: the exchange was not judged", None)

    async def _own(self) -> None:
        name = self._scope["path"].removeprefix(OWN_PATHS)
        if name in {"health/live", "health/ready"}:
            state = self._proxy.made.holder.state
            await self._answer(200, _JSON, wire.encode({"status": "ok", "policy": state.digest}))
        elif name == "metrics":
            kind = [(b"content-type", b"text/plain; version=0.0.4")]
            await self._answer(200, kind, self._service.metrics.text())
        else:
            await self._answer(404, _JSON, error_body("openai", 404, "no such page of the proxy"))

    def _tenant_of_caller(self) -> str:
        """Whose policies hold. The provider's credentials are the provider's: they say nothing here."""
        key = self._headers.get(KEY_HEADER)
        tenant = self._service.keys.tenant(None if key is None else key.decode("latin-1"))
        if tenant is None:
            raise Problem(401, "Unauthorized", f"send a known key in `{KEY_HEADER.decode()}`")
        return tenant

    # Passing through

    async def _pass(self) -> None:
        """What is not judged goes through as it is, both ways."""
        has_body = b"content-length" in self._headers or b"transfer-encoding" in self._headers
        async with self._sent(self._sent_on(keep_length=True), self._body() if has_body else None) as answer:
            await self._stream_raw(answer)

    async def _body(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _HungUp
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    async def _stream_raw(self, answer: httpx.Response) -> None:
        await self._start(answer.status_code, _end_to_end(answer.headers.raw, keep=True))
        async for chunk in self._timed(answer.aiter_raw()):
            await self._send_body(chunk)
        await self._end()

    # Judging

    async def _judge_both(self, to: Route) -> None:
        data = await self._read_body()
        asked = Request.of(data)
        path = self._scope["path"]
        context = Context(self._tenant, path, to.provider, asked.model or named_model(path))
        back = await self._service.restoring.exchange(
            self._tenant, asked.body, to.format, self._conversation()
        )
        sent = {} if back is None else back.sent
        judged = await self._service.judge(
            self._tenant, Ask(Hook.REQUEST, context, asked.body, to.format, sent=sent), DIALECT, self._trace
        )
        if judged.decision.verdict is Verdict.DENY:
            await self._deny("the request was stopped by a guardrail")
            return
        streams = to.streams or (asked.streams and to.stream is not None)
        if streams and self._service.refuses_stream(context, self._trace):
            await self._deny("policies that are in force cannot be enforced on a streamed response")
            return
        if back is not None:
            await back.asked(judged.kept)
        if judged.decision.verdict is Verdict.MASK:
            data = wire.encode(judged.body)
        headers = self._sent_on(keep_length=False)
        async with self._sent(headers, data) as answer:
            if answer.status_code >= 300:
                await self._stream_raw(answer)
                return
            if answer.headers.get("content-encoding", "").lower() not in _DECODED:
                raise Problem(
                    502, "Unreadable", "the upstream answered in an encoding that was not asked for"
                )
            if is_stream(answer.headers.get("content-type", "")):
                await self._judge_stream(answer, to, context, back, asked.body)
            else:
                await self._judge_answer(answer, to, context, back, asked.body)

    async def _read_body(self) -> bytes:
        if self._headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Problem(415, "Unsupported encoding", "send the body without a content encoding")
        limit = self._proxy.settings.max_body_bytes
        too_large = Problem(413, "Too large", f"the body is larger than {limit} bytes")
        return await wire.gathered(self._body(), limit, too_large)

    def _conversation(self) -> str | None:
        """What the client or a gateway before it names the conversation."""
        return given_conversation(self._headers.get(CONVERSATION_HEADER, b"").decode("latin-1"))

    async def _judge_answer(
        self,
        answer: httpx.Response,
        to: Route,
        context: Context,
        back: WayBack | None,
        request: object,
    ) -> None:
        limit = self._proxy.settings.max_body_bytes
        too_large = Problem(502, "Too large", f"the upstream's answer is larger than {limit} bytes")
        data = await wire.gathered(self._timed(answer.aiter_bytes()), limit, too_large)
        judged = await judge_answer(
            self._service, context, data, to.format, DIALECT, self._trace, back, request
        )
        self._observe_upstream()
        headers = _end_to_end(answer.headers.raw, keep=False)
        if back is not None:
            headers += _told(back.restorer.count)
        if judged.decision.verdict is Verdict.DENY:
            await self._deny("the response was stopped by a guardrail")
            return
        if judged.body is not None:
            data = wire.encode(judged.body)
        await self._answer(answer.status_code, headers, data)

    async def _judge_stream(
        self,
        answer: httpx.Response,
        to: Route,
        context: Context,
        back: WayBack | None,
        request: object,
    ) -> None:
        reader = to.reader(answer.headers["content-type"])
        if reader is None:
            raise Problem(502, "Unreadable", "the upstream answered with a stream that was not asked for")
        on = self._proxy.made.streams.in_force()
        events = JudgedStream(self._service, on, context, reader, back, request)
        await self._start(answer.status_code, _end_to_end(answer.headers.raw, keep=False))
        try:
            async for chunk in self._timed(answer.aiter_bytes()):
                out = await events.feed(chunk)
                if out:
                    await self._send_body(out)
                if events.denied:
                    break
            else:
                out = await events.close()
                if out:
                    await self._send_body(out)
            await self._end()
        finally:
            self._observe_upstream()
            upstream = round(self._upstream_seconds * 1000, 2)
            events.finished(DIALECT, self._trace, upstream_ms=upstream)

    # The upstream

    @contextlib.asynccontextmanager
    async def _sent(
        self, headers: Headers, content: bytes | AsyncIterator[bytes] | None
    ) -> AsyncIterator[httpx.Response]:
        """The upstream's answer, as soon as its headers are there. Raises `Problem`."""
        scope = self._scope
        url = self._proxy.target(scope["raw_path"], scope["query_string"])
        request = self._proxy.client.build_request(scope["method"], url, headers=headers, content=content)
        begun = time.perf_counter()
        try:
            answer = await self._proxy.client.send(request, stream=True)
        except httpx.TimeoutException:
            raise Problem(504, "Upstream timeout", "the upstream did not answer in time") from None
        except httpx.HTTPError:
            raise Problem(502, "Upstream unreachable", "the upstream cannot be reached") from None
        self._upstream_seconds = time.perf_counter() - begun
        self._service.metrics.upstream.labels("first_byte").observe(self._upstream_seconds)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def _timed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks; the time until each is the upstream's. An upstream that breaks off breaks us off."""
        hung_up = asyncio.ensure_future(self._until_hung_up())
        try:
            while True:
                begun = time.perf_counter()
                coming = asyncio.ensure_future(anext(chunks, None))
                await asyncio.wait({coming, hung_up}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait({coming})
                    raise _HungUp
                self._upstream_seconds += time.perf_counter() - begun
                chunk = coming.result()
                if chunk is None:
                    return
                yield chunk
        except httpx.HTTPError:
            raise Problem(502, "Upstream broke off", "the upstream's answer broke off") from None
        finally:
            hung_up.cancel()

    async def _until_hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _sent_on(self, *, keep_length: bool) -> Headers:
        """The client's headers for the upstream. What is judged must come as it can be read."""
        dropped = _HOP_BY_HOP | {b"host", KEY_HEADER, CONVERSATION_HEADER}
        if not keep_length:
            dropped |= {b"content-length", b"accept-encoding"}
        named = _named_by_connection(self._scope["headers"])
        kept = [(name, value) for name, value in self._scope["headers"] if name not in dropped | named]
        return kept if keep_length else [*kept, (b"accept-encoding", b"identity")]

    def _observe_upstream(self) -> None:
        self._service.metrics.upstream.labels("last_byte").observe(self._upstream_seconds)

    # The client

    async def _deny(self, message: str) -> None:
        await self._answer(400, _JSON, error_body(self._provider, 400, message, denied=True))

    async def _refuse(self, status: int, message: str, retry_after: int | None) -> None:
        if self._answered:
            # Half of an answer is out: the connection is broken off, so that it is not taken for a whole.
            raise ConnectionAbortedError(message) from None
        more = [] if retry_after is None else [(b"retry-after", str(retry_after).encode())]
        await self._answer(status, [*_JSON, *more], error_body(self._provider, status, message))

    async def _answer(self, status: int, headers: Headers, data: bytes) -> None:
        await self._start(status, [*headers, (b"content-length", str(len(data)).encode())])
        await self._send_body(data)
        await self._end()

    async def _start(self, status: int, headers: Headers) -> None:
        self._answered = True
        identified = [*headers, (b"x-guardrails-request-id", self._trace.request_id.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": identified})

    async def _send_body(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


_JSON: Headers = [(b"content-type", b"application/json")]


def _told(count: Restored) -> Headers:
    """How many placeholders came back, for the client; nothing where there were none."""
    told = ((b"x-guardrails-restored", count.values), (b"x-guardrails-not-restored", count.left))
    return [(name, str(number).encode()) for name, number in told if number]


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    listed = b",".join(value for name, value in headers if name.lower() == b"connection")
    return frozenset(one.strip().lower() for one in listed.split(b",") if one.strip())


def _end_to_end(headers: Headers, *, keep: bool) -> Headers:
    """The upstream's headers for the client; without those of a body that is written anew unless `keep`."""
    dropped = _HOP_BY_HOP | _named_by_connection(headers)
    if not keep:
        dropped |= {b"content-length", b"content-encoding"}
    return [(name.lower(), value) for name, value in headers if name.lower() not in dropped]
