"""The Litestar application."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router

from guardrails import __version__
from guardrails.cache import Cache
from guardrails.engine import JudgeCache
from guardrails.masking import Keys
from guardrails.model import Hook
from service import problems, telemetry, wire
from service.auth import KeyRing, load_keys
from service.dialects import own, portkey
from service.exchange import Service
from service.judging import Judging
from service.openapi import HookOperation, PortkeyOperation
from service.policies import PolicyHolder
from service.problems import Problem
from service.settings import Settings, SettingsError, cache_of, is_loopback, secret_of
from service.shared_memory import SharedMemory

_ASSETS = "/docs/assets"


class Readiness(msgspec.Struct, frozen=True):
    """Whether verdicts can be given, from which policies, and whether the last reload failed."""

    ready: bool
    policy: str
    reloads: int
    reload_failures: int
    problem: str | None = None


def create_app(settings: Settings) -> Litestar:
    """Loads everything and builds the application.

    Raises `SettingsError`, or `guardrails.policy.LoadError` for policies that do not load.
    """
    log = telemetry.logger(settings.log_format)
    keys = load_keys(Path(settings.keys_file)) if settings.keys_file else KeyRing()
    metrics = telemetry.Metrics()
    secret = _keys(settings, log)
    holder = PolicyHolder(
        Path(settings.policies),
        secret,
        cache_of(settings),
        lambda loaded: _reloaded(holder, metrics, log, loaded=loaded),
        _memory(settings, secret),
    )
    metrics.watch(holder.memory)
    metrics.in_force(holder.state.digest)
    if keys.open:
        if not is_loopback(settings.host):
            raise SettingsError(f"binding {settings.host} needs API keys: set `keys_file`")
        log.warning("no API keys: every caller on this machine is tenant `default`")
    judging = Judging(holder, settings)
    service = Service(settings, keys, judging, metrics, log)

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        judging.open()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            # Not in a thread other than the main one, where tests run the service.
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, holder.reload))
        watch = (
            asyncio.create_task(holder.watch(settings.reload_seconds)) if settings.reload_seconds else None
        )
        try:
            yield
        finally:
            if watch:
                watch.cancel()
            await asyncio.to_thread(judging.close)

    return Litestar(
        route_handlers=[
            *_hook_endpoints(service),
            *_operations(holder, metrics),
            # From the package: the page must work where nothing else can be reached.
            create_static_files_router(
                _ASSETS, [str(files("swagger_ui") / "static")], include_in_schema=False
            ),
        ],
        lifespan=[lifespan],
        exception_handlers={Exception: _unexpected(log), HTTPException: _http},
        openapi_config=OpenAPIConfig(
            title="Guardrails for LLM traffic",
            version=__version__,
            description="Hook endpoints that an LLM gateway calls before a request and after a response.",
            path="/docs",
            render_plugins=[
                SwaggerRenderPlugin(
                    path="/",
                    js_url=f"{_ASSETS}/swagger-ui-bundle.js",
                    css_url=f"{_ASSETS}/swagger-ui.css",
                    standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
                    favicon=f"<link rel='icon' type='image/png' href='{_ASSETS}/favicon-32x32.png'>",
                )
            ],
            components=Components(
                security_schemes={
                    "apiKey": SecurityScheme(type="apiKey", name="x-api-key", security_scheme_in="header"),
                    "bearer": SecurityScheme(type="http", scheme="bearer"),
                }
            ),
            security=[{"apiKey": []}, {"bearer": []}],
        ),
        request_max_body_size=None,  # counted where the body is read, so that a dialect can answer it
        logging_config=None,
        debug=False,
    )


def _hook_endpoints(service: Service) -> list[Any]:
    async def hook(request: Request[Any, Any, Any], which: Hook) -> Response[bytes]:
        async def judge(trace: telemetry.Trace) -> dict[str, object]:
            tenant = service.tenant(request)
            ask = own.read(wire.decode_object(await service.payload(request), *own.BODIES), which, tenant)
            return own.write(await service.judge(tenant, ask, own.NAME, trace))

        return await _answered(service, request, own.NAME, judge)

    @post("/v1/hooks/before-request", status_code=200, operation_class=HookOperation, tags=["hooks"])
    async def before_request(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Judge a request before it goes to the model."""
        return await hook(request, Hook.REQUEST)

    @post("/v1/hooks/after-response", status_code=200, operation_class=HookOperation, tags=["hooks"])
    async def after_response(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Judge a response before it goes to the client."""
        return await hook(request, Hook.RESPONSE)

    @post("/v1/gateways/portkey", status_code=200, operation_class=PortkeyOperation, tags=["gateways"])
    async def portkey_webhook(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The Portkey gateway's webhook guardrail, both directions."""

        async def judge(trace: telemetry.Trace) -> dict[str, object]:
            tenant = service.tenant(request)
            try:
                ask = portkey.read(
                    wire.decode_object(await service.payload(request), *portkey.BODIES), tenant
                )
                return portkey.write(await service.judge(tenant, ask, portkey.NAME, trace))
            except portkey.StreamedResponse:
                service.metrics.unjudged.labels("no_body").inc()
                service.log.info(
                    "streamed response not enforceable", request_id=trace.request_id, tenant=tenant
                )
                return portkey.streamed()
            except Problem as problem:
                if problem.status in portkey.OPERATORS_STATUS:
                    raise
                service.refused(problem, portkey.NAME, trace, time.perf_counter())
                return portkey.refused(problem)
            except Exception as error:  # noqa: BLE001
                # A 500 would let the exchange pass there.
                log_unexpected(service.log, error)
                return portkey.refused(Problem(500, "Internal error", "the exchange was not judged"))

        return await _answered(service, request, portkey.NAME, judge)

    return [before_request, after_response, portkey_webhook]


async def _answered(
    service: Service,
    request: Request[Any, Any, Any],
    dialect: str,
    judge: Callable[[telemetry.Trace], Awaitable[dict[str, object]]],
) -> Response[bytes]:
    """Runs a dialect's handler; a `Problem` becomes problem details."""
    started = time.perf_counter()
    trace = telemetry.trace(request.headers.get("x-request-id"), request.headers.get("traceparent"))
    try:
        answer = await judge(trace)
    except Problem as problem:
        service.refused(problem, dialect, trace, started)
        return problems.response(problem, trace.request_id)
    return Response(
        wire.encode(answer),
        media_type=MediaType.JSON,
        headers={"X-Request-Id": trace.request_id, "traceparent": trace.traceparent},
    )


def _operations(holder: PolicyHolder, metrics: telemetry.Metrics) -> list[Any]:
    @get("/health/live", tags=["operation"], security=[{}])
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok", "version": __version__}

    @get("/health/ready", tags=["operation"], security=[{}])
    async def ready() -> Readiness:
        """Verdicts can be given: the policies in force have passed their own examples."""
        state = holder.state
        return Readiness(True, state.digest, state.reloads, state.failures, state.problem)

    @get("/metrics", media_type="text/plain; version=0.0.4", tags=["operation"], security=[{}])
    async def prometheus() -> bytes:
        """Prometheus metrics."""
        return metrics.text()

    return [live, ready, prometheus]


def _keys(settings: Settings, log: Any) -> Keys:
    secret = secret_of(settings)
    if secret is None:
        log.warning("no secret: placeholders and fingerprints change at every start; set GUARDRAILS_SECRET")
        secret = secrets.token_bytes(32)
    try:
        return Keys(secret)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _memory(settings: Settings, keys: Keys) -> JudgeCache | None:
    if settings.shared_memory is None:
        return Cache(settings.memory_bytes) if settings.memory_bytes else None
    if secret_of(settings) is None:
        raise SettingsError("`shared_memory` needs a secret that all who share it have: set `secret_file`")
    if not settings.memory_bytes:
        raise SettingsError("`shared_memory` needs `memory_bytes`: it is read through that")
    try:
        return SharedMemory(settings.memory_bytes, settings.shared_memory, keys)
    except ValueError:
        raise SettingsError("`shared_memory` must be an address as `redis://HOST:PORT/0`") from None


def _reloaded(holder: PolicyHolder, metrics: telemetry.Metrics, log: Any, *, loaded: bool) -> None:
    metrics.reloads.labels("loaded" if loaded else "refused").inc()
    if loaded:
        metrics.in_force(holder.state.digest)
        log.info("policies reloaded", policy=holder.state.digest)
    else:
        log.error("policies not reloaded; the last good set stays in force", problem=holder.state.problem)


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    title = {404: "Not found", 405: "Method not allowed"}.get(status, "Not accepted")
    return problems.response(Problem(status, title, "see /docs for the endpoints"))


def log_unexpected(log: Any, error: Exception) -> None:
    """Logs the type and place of an exception; its text may hold a part of the message."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else ""
    log.error("unexpected error", error=type(error).__name__, where=where)


def _unexpected(log: Any) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    def handle(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        log_unexpected(log, error)
        return problems.response(Problem(500, "Internal error", "the exchange was not judged"))

    return handle
