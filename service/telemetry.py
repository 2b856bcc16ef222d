"""Metrics and the one log line per exchange. Neither ever holds a matched value."""

from __future__ import annotations

import collections
import logging
import os
import re
import secrets
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from guardrails.engine import Decision, JudgeCache
from guardrails.masking import Restored
from service.settings import MULTIPROCESS_FOLDER, LogFormat
from service.shared_memory import SharedMemory

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Trace(msgspec.Struct, frozen=True):
    """Who asked: a request id, and the W3C trace the request belongs to."""

    request_id: str
    trace_id: str
    span_id: str
    flags: str = "01"

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


# A caller's id is carried only where it cannot carry anything else.
_REQUEST_ID = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{7,63}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def trace(request_id: str | None, traceparent: str | None) -> Trace:
    """The caller's ids where they are well formed, fresh ones otherwise; the span is always new."""
    given = _TRACEPARENT.fullmatch(traceparent or "")
    return Trace(
        request_id=request_id if request_id and _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(16),
        trace_id=given.group(1) if given else secrets.token_hex(16),
        span_id=secrets.token_hex(8),
        flags=given.group(2) if given else "01",
    )


class Metrics:
    """Counters and histograms of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Finding the child of some labels takes longer than counting does.
        self._of: Callable[..., Any] = lru_cache(maxsize=4_096)(
            lambda metric, *labels: metric.labels(*labels)
        )
        one = self.registry
        self.verdicts = Counter(
            "guardrails_verdicts", "Exchanges judged.", ["hook", "dialect", "verdict"], registry=one
        )
        self.findings = Counter(
            "guardrails_findings", "Findings by rule.", ["rule", "action", "mode"], registry=one
        )
        self.unjudged = Counter(
            "guardrails_unjudged", "What could not be looked at, by reason.", ["reason"], registry=one
        )
        self.placeholders = Counter(
            "guardrails_placeholders",
            "Placeholders in responses: turned back (`values`), or why not.",
            ["outcome"],
            registry=one,
        )
        self.vault_failures = Counter(
            "guardrails_vault_failures", "Calls of the vault that failed.", registry=one
        )
        self.judges = Counter(
            "guardrails_judge_answers",
            "Questions to providers: `answered`, or `failed` where no answer came that counts.",
            ["provider", "outcome"],
            registry=one,
        )
        self.problems = Counter(
            "guardrails_problems", "Requests answered without a verdict.", ["dialect", "status"], registry=one
        )
        self.stages = Histogram(
            "guardrails_stage_seconds", "Time by stage.", ["stage"], buckets=_SECONDS, registry=one
        )
        self.exchanges = Histogram(
            "guardrails_exchange_seconds",
            "Time of a judged exchange, waiting included.",
            ["hook"],
            buckets=_SECONDS,
            registry=one,
        )
        self.upstream = Histogram(
            "guardrails_upstream_seconds",
            "Time that the proxy's upstream took: to its first byte, and until its last.",
            ["until"],
            buckets=(*_SECONDS, 15.0, 60.0, 300.0),
            registry=one,
        )
        self.reloads = Counter(
            "guardrails_policy_reloads", "Reloads of the policies.", ["outcome"], registry=one
        )
        self.in_flight = Gauge(
            "guardrails_in_flight",
            "Exchanges judged or waiting now.",
            registry=one,
            multiprocess_mode="livesum",
        )
        self.policy = Gauge(
            "guardrails_policy_info",
            "The policy set in force.",
            ["digest"],
            registry=one,
            multiprocess_mode="livemax",
        )
        self.memory = Gauge(
            "guardrails_memory_lookups",
            "Messages and texts looked up in memory.",
            ["outcome"],
            registry=one,
            multiprocess_mode="livesum",
        )
        self.memory_bytes = Gauge(
            "guardrails_memory_bytes",
            "Bytes of that memory in use.",
            registry=one,
            multiprocess_mode="livesum",
        )
        self._memory: JudgeCache | None = None
        self._digest = ""

    def in_force(self, digest: str) -> None:
        """Shows which policy set is in force."""
        if MULTIPROCESS_FOLDER not in os.environ:
            self.policy.clear()
        elif self._digest:
            self.policy.labels(self._digest).set(0)  # what is shared cannot be taken back
        self._digest = digest
        self.policy.labels(digest).set(1)

    def watch(self, memory: JudgeCache | None) -> None:
        """Shows how the memory of messages does."""
        self._memory = memory

    def text(self) -> bytes:
        """The Prometheus exposition, of all workers where there are several."""
        self._show_memory()
        if MULTIPROCESS_FOLDER not in os.environ:
            return bytes(generate_latest(self.registry))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(together))

    def _show_memory(self) -> None:
        if self._memory is not None:
            self._of(self.memory, "hit").set(self._memory.hits)
            self._of(self.memory, "miss").set(self._memory.misses)
            self.memory_bytes.set(self._memory.size())
            if isinstance(self._memory, SharedMemory):
                self._of(self.memory, "store_failure").set(self._memory.failures)

    def judged(self, decision: Decision, dialect: str, seconds: float) -> None:
        """Counts one decision."""
        if MULTIPROCESS_FOLDER in os.environ:
            self._show_memory()  # to the worker that is asked for all of them
        hook = decision.hook.value
        self._of(self.verdicts, hook, dialect, decision.verdict.word).inc()
        self._of(self.exchanges, hook).observe(seconds)
        for stage, spent in decision.timings.items():
            self._of(self.stages, stage).observe(spent)
        for mode, findings in (("enforce", decision.findings), ("shadow", decision.shadow)):
            counts = collections.Counter((finding.rule, finding.action.word) for finding in findings)
            for (rule, action), count in counts.items():
                self._of(self.findings, rule, action, mode).inc(count)
        for failure in decision.unjudged:
            self._of(self.unjudged, failure.reason.value).inc()


def logger(format: LogFormat) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes one line an event to standard error."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return log


def fields(decision: Decision, tenant: str, dialect: str, trace_: Trace, seconds: float) -> dict[str, object]:
    """What the log line of a judged exchange says. Names, counts and digests: no text of the message.

    The model's name is left out: the caller writes it, so it could carry anything.
    """
    return {
        "request_id": trace_.request_id,
        "trace_id": trace_.trace_id,
        "tenant": tenant,
        "dialect": dialect,
        "hook": decision.hook.value,
        "verdict": decision.verdict.word,
        "rules": decision.rules(),
        "findings": len(decision.findings),
        "shadow": sorted({finding.rule for finding in decision.shadow}),
        "excused": len(decision.excused),
        "unjudged": sorted({failure.reason.value for failure in decision.unjudged}),
        "unknown_shapes": len(decision.unknown),
        "segments": decision.segments,
        "characters": decision.characters,
        "policy": decision.policy[:19],
        "ms": round(seconds * 1000, 2),
    }


def restored(count: Restored) -> dict[str, int]:
    """What the log line of a response says of its placeholders."""
    return {"restored": count.values, "not_restored": count.left}


def log_unexpected(log: Any, error: Exception) -> None:
    """Logs the type and place of an exception; its text may hold a part of the message."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else ""
    log.error("unexpected error", error=type(error).__name__, where=where)


def _json(event: object, **_: object) -> str:
    return msgspec.json.encode(event).decode()
