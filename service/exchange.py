"""What every hook endpoint does, whatever its dialect: who asks, read, judge, count, log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.exceptions import ClientException, HTTPException

from guardrails import bodies
from guardrails.engine import Engine, Judged
from guardrails.masking import Kept, Restorer
from guardrails.model import Context, Hook, Kind, Reason, Segment, Verdict
from service import telemetry, wire
from service.auth import KeyRing, presented_key
from service.judging import Judging
from service.problems import Problem
from service.restoring import Restoring
from service.settings import Settings
from service.streams import StreamEngines

INLINE_BYTES = 4_096
"""Bodies up to this size are judged at once, without the way to a detection thread."""


class Ask(msgspec.Struct, frozen=True):
    """What a dialect understood of a gateway's payload. `body` may be JSON text (`msgspec.Raw`) still.

    Where there is no body, `texts` are judged; that they are at `/0`, `/1`, ... is how masks find them.
    """

    hook: Hook
    context: Context
    body: object = None
    format: bodies.Format | None = None
    response_unseen: bool = False
    request: object = None  # the body that a response answers, where the gateway shows it
    texts: tuple[Segment, ...] | None = None
    growing: tuple[str, ...] = ()  # texts that may be parts of a stream: how much of each is decided counts
    conversation: str | None = None  # what ties a response in a call of its own to what was sent before
    sent: Mapping[str, Kept] = {}  # what is kept of earlier requests of the conversation
    rewritable: frozenset[Kind] | None = None  # what the gateway takes rewritten texts of, None for all


class Service:
    """What the endpoints share; made once by `service.app.create_app`."""

    def __init__(
        self,
        settings: Settings,
        keys: KeyRing,
        judging: Judging,
        streams: StreamEngines,
        restoring: Restoring,
        metrics: telemetry.Metrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.judging = judging
        self.streams = streams
        self.restoring = restoring
        self.metrics = metrics
        self.log = log

    def tenant(self, request: Request[Any, Any, Any]) -> str:
        """The caller's tenant. Raises `Problem` 401."""
        tenant = self.keys.tenant(presented_key(request.headers))
        if tenant is None:
            raise Problem(401, "Unauthorized", "send a known API key in `x-api-key` or as a bearer token")
        return tenant

    async def payload(self, request: Request[Any, Any, Any]) -> bytes:
        """The request's body. Raises `Problem` 413 or 415."""
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise Problem(415, "Unsupported encoding", "send the body without a content encoding")
        limit = self.settings.max_body_bytes
        too_large = Problem(413, "Too large", f"the body is larger than {limit} bytes")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large
        try:
            return await wire.gathered(request.stream(), limit, too_large)
        except ClientException:
            raise Problem(400, "Incomplete", "the connection closed within the body") from None
        except HTTPException as error:
            raise Problem(error.status_code, "Unreadable", "the body could not be read") from None

    async def judge(self, tenant: str, ask: Ask, dialect: str, trace: telemetry.Trace) -> Judged:
        """Judges off the event loop, counts and logs. Raises `Problem` 429 or 503.

        Of a conversation, values of a request are kept, and those in a response come back.
        """
        talks = ask.conversation is not None and self.restoring.wanted
        if talks and ask.hook is Hook.REQUEST:
            recalled = await self.restoring.recalled(tenant, [ask.conversation or ""])
            ask = msgspec.structs.replace(ask, sent=recalled.kept)

        def work(engine: Engine, deadline: Any, today: Any) -> Judged:
            if ask.texts is not None:
                decision = engine.judge(ask.texts, ask.hook, ask.context, deadline=deadline, today=today)
                masked = bodies.apply([one.text for one in ask.texts], decision.edits)
                body = masked if decision.verdict is Verdict.MASK else None
                return Judged(decision, bodies.Format.GENERIC, body)

            def judge(how: Callable[..., Judged], body: object) -> Judged:
                judged = how(
                    body,
                    ask.hook,
                    ask.context,
                    deadline=deadline,
                    today=today,
                    format=ask.format,
                    response_unseen=ask.response_unseen,
                    sent=ask.sent,
                    request=ask.request,
                )
                if not ask.growing:
                    return judged
                undecided = (
                    self.streams.undecided(one, ask.hook, ask.context, deadline, today) for one in ask.growing
                )
                return msgspec.structs.replace(judged, undecided=tuple(undecided))

            if not isinstance(ask.body, msgspec.Raw):
                return judge(engine.judge_body, ask.body)
            try:
                return judge(engine.judge_json, ask.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return judge(engine.judge_body, wire.decode(bytes(ask.body)))

        self.metrics.in_flight.set(self.judging.in_flight + 1)
        try:
            judged, seconds = await self.judging.run(tenant, work, _in_time if _is_small(ask) else None)
        finally:
            self.metrics.in_flight.set(self.judging.in_flight)
        self.metrics.judged(judged.decision, dialect, seconds)
        if talks and ask.conversation is not None:
            if ask.hook is Hook.REQUEST:
                await self.restoring.keep(tenant, ask.conversation, judged.kept)
            else:
                recalled = await self.restoring.recalled(tenant, [ask.conversation])
                restorer = self.restoring.restorer(tenant, recalled, kinds=ask.rewritable)
                judged = await self.give_back(judged, ask, restorer)
        more = {} if judged.restored is None else telemetry.restored(judged.restored)
        self.log.info(
            "exchange", **telemetry.fields(judged.decision, tenant, dialect, trace, seconds), **more
        )
        return judged

    async def give_back(self, judged: Judged, ask: Ask, restorer: Restorer) -> Judged:
        """A judged response with its placeholders turned back."""
        work = partial(self.restoring.restored, judged, ask.body, restorer)
        return work() if _is_small(ask) else await self.judging.aside(work)

    def refuses_stream(self, context: Context, trace: telemetry.Trace) -> bool:
        """Whether rules in force cannot be enforced on a stream and must be; counts those that need not."""
        left_out = self.streams.in_force().whole.not_on_streams(context)
        for rule in left_out:
            self.metrics.unjudged.labels("streamed").inc()
            self.log.warning("rule not enforced on a stream", request_id=trace.request_id, rule=rule.id)
        return any(rule.deny_streams for rule in left_out)

    def unseen(self, reason: str, dialect: str, tenant: str, trace: telemetry.Trace) -> None:
        """Counts and logs an exchange of which the gateway shows nothing that could be judged."""
        self.metrics.unjudged.labels(reason).inc()
        self.log.info(
            "not enforceable", request_id=trace.request_id, tenant=tenant, dialect=dialect, reason=reason
        )

    def refused(self, problem: Problem, dialect: str, trace: telemetry.Trace, started: float) -> None:
        """Counts and logs a request that got no verdict."""
        self.metrics.problems.labels(dialect, str(problem.status)).inc()
        self.log.warning(
            "problem",
            request_id=trace.request_id,
            trace_id=trace.trace_id,
            dialect=dialect,
            status=problem.status,
            title=problem.title,
            ms=round((time.perf_counter() - started) * 1000, 2),
        )


def _is_small(ask: Ask) -> bool:
    if ask.texts is not None:
        return sum(len(one.text) for one in ask.texts) <= INLINE_BYTES
    return isinstance(ask.body, msgspec.Raw) and len(memoryview(ask.body)) <= INLINE_BYTES


def _in_time(judged: Judged) -> bool:
    """Whether everything was looked at that there was time for."""
    return all(one.reason is not Reason.DEADLINE for one in judged.decision.unjudged)


def given_conversation(name: object) -> str | None:
    """`Ask.conversation` for a name that a gateway gives; None for none."""
    return f"given:{name}" if isinstance(name, str) and name else None


def text(value: object) -> str | None:
    """A member that is a text, else None."""
    return value if isinstance(value, str) else None


def metadata(value: object) -> dict[str, str]:
    """A member that maps names to scalars; whatever else is in it is left out."""
    if not isinstance(value, dict):
        return {}
    return {
        name: one if isinstance(one, str) else wire.encode(one).decode()
        for name, one in value.items()
        if isinstance(one, str | int | float | bool)
    }
