"""Judging an exchange on its way: what the proxy and the service for Envoy have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import msgspec

from guardrails.bodies import Format
from guardrails.detectors.base import Deadline
from guardrails.engine import Decision, Judged
from guardrails.model import Context, Hook
from guardrails.streams.events import Dialect, EventStream
from guardrails.streams.judge import Stream, StreamEngine
from service import telemetry, wire
from service.exchange import INLINE_BYTES, Ask, Service
from service.problems import Problem
from service.restoring import WayBack


class Request(msgspec.Struct, frozen=True):
    """A request's body as far as it must be read before it is judged, and whether it asks for a stream."""

    body: object
    model: str | None
    streams: bool

    @classmethod
    def of(cls, data: bytes) -> Request:
        """Raises `Problem` 400 where it is no JSON object."""
        try:
            said = msgspec.json.decode(data, type=_Said)
            body: object = msgspec.Raw(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = wire.decode_object(data)
            said = _Said(body.get("model"), body.get("stream"))
        return cls(body, said.model if isinstance(said.model, str) else None, said.stream is True)


class _Said(msgspec.Struct):
    model: object = None
    stream: object = None


async def judge_answer(
    service: Service,
    context: Context,
    data: bytes,
    format: Format,
    dialect: str,
    trace: telemetry.Trace,
    back: WayBack | None,
    request: object,
) -> Judged:
    """Judges the body of an upstream's answer to a `request`; by `back` values come back in it.

    Raises `Problem`, 502 where the body is no JSON object.
    """
    unreadable = Problem(502, "Unreadable", "the upstream's answer is no JSON object")
    if not data.lstrip(b" \t\r\n").startswith(b"{"):
        raise unreadable
    try:
        ask = Ask(Hook.RESPONSE, context, msgspec.Raw(data), format, request=request)
        judged = await service.judge(context.tenant, ask, dialect, trace)
    except Problem as problem:
        if problem.status == 400:
            raise unreadable from None
        raise
    if back is not None:
        judged = await service.give_back(judged, ask, back.restorer)
        await back.answered(data)
    return judged


class JudgedStream:
    """A provider's stream of events, judged as it comes, counted and logged once it has ended."""

    def __init__(
        self,
        service: Service,
        on: StreamEngine,
        context: Context,
        reader: Dialect,
        back: WayBack | None,
        request: object,
    ) -> None:
        """An answer to a `request`. `reader` reads its events; by `back` values come back in it."""
        self._service = service
        self._reader = reader
        self._back = back
        self._context = context
        self._stream = Stream(on, context, service.judging.today(), request=request)
        self._events = EventStream(self._stream, reader, None if back is None else back.restorer)
        self._seconds = 0.0

    @property
    def denied(self) -> bool:
        """Whether it has ended early; nothing more is given out then."""
        return self._events.denied is not None

    async def feed(self, chunk: bytes) -> bytes:
        """Takes more of the stream and gives what can be sent on."""
        given = await self._judged(len(chunk), partial(self._events.feed, chunk))
        if self._back is not None:
            await self._back.heard(self._reader)
        return given

    async def close(self) -> bytes:
        """The upstream has ended the stream; gives the rest."""
        return await self._judged(0, self._events.close)

    def finished(self, dialect: str, trace: telemetry.Trace, **more: object) -> None:
        """Counts the stream and logs it, with `more` in the line."""
        decision: Decision = self._stream.decision()
        self._service.metrics.judged(decision, dialect, self._seconds)
        fields = telemetry.fields(decision, self._context.tenant, dialect, trace, self._seconds)
        if self._back is not None:
            self._service.restoring.counted(self._back.restorer.count)
            fields |= telemetry.restored(self._back.restorer.count)
        self._service.log.info("exchange", **fields, streamed=True, **more)

    async def _judged(self, size: int, work: Callable[[Deadline], bytes]) -> bytes:
        """A small piece is judged at once; what takes longer must not hold up others."""
        begun = time.perf_counter()
        deadline = Deadline.after(self._service.settings.deadline_seconds)
        if size + self._stream.held <= INLINE_BYTES:
            given = work(deadline)
        else:
            given = await self._service.judging.aside(partial(work, deadline))
        self._seconds += time.perf_counter() - begun
        return given
