"""The Litestar application."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
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
from service import problems, telemetry, wire
from service.auth import KeyRing, load_keys
from service.dialects import LOOKS, ROUTES
from service.dialects.route import OPERATORS_STATUS, Answer, Call, Errand, Look, Payload, Question, Route
from service.exchange import Service
from service.judging import Judging
from service.policies import PolicyHolder
from service.problems import Problem
from service.settings import Settings, SettingsError, cache_of, is_loopback, secret_of
from service.shared_memory import SharedMemory

_ASSETS = "/docs/assets"

_INTERNAL = Problem(500, "Internal error", "the exchange was not judged")


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
            *(handler for route in ROUTES for handler in _endpoint(service, route)),
            *(handler for look in LOOKS for handler in _look(look)),
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


def _endpoint(service: Service, route: Route) -> list[Any]:
    """The handlers of a route: one for its path, one for its aliases."""

    async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        started = time.perf_counter()
        trace = telemetry.trace(request.headers.get("x-request-id"), request.headers.get("traceparent"))
        payload: Payload = {}
        try:
            tenant = service.tenant(request)
            payload = wire.decode_object(await service.payload(request), *route.left)
            answer = await judge(payload, Call(tenant, request.headers, _parameters(request)), trace)
        except Exception as error:
            problem = error if isinstance(error, Problem) else _INTERNAL
            if problem is not error:
                if route.refused is None:
                    raise
                log_unexpected(service.log, error)
            service.refused(problem, route.name, trace, started)
            if route.refused is None or (problem.status in OPERATORS_STATUS and not route.always):
                return problems.response(problem, trace.request_id)
            answer = route.refused(problem, payload)
        answered = answer if isinstance(answer, Answer) else Answer(answer)
        return Response(
            wire.encode(answered.body),
            status_code=answered.status,
            media_type=MediaType.JSON,
            headers={"X-Request-Id": trace.request_id, "traceparent": trace.traceparent},
        )

    async def judge(payload: Payload, call: Call, trace: telemetry.Trace) -> object:
        asked = route.read(payload, call)
        if isinstance(asked, Question):
            return asked.write(await service.judge(call.tenant, asked.ask, route.name, trace))
        if isinstance(asked, Errand):
            return await asyncio.to_thread(asked.run)
        if asked.unseen:
            service.unseen(asked.unseen, route.name, call.tenant, trace)
        return asked

    described = post(
        route.path,
        status_code=200,
        operation_class=route.operation,
        operation_id=_operation_id("POST", route.path),
        summary=route.summary,
        tags=[route.tag],
    )
    handlers = [described(handle)]
    if route.aliases:
        handlers.append(post(list(route.aliases), status_code=200, include_in_schema=False)(handle))
    return handlers


def _parameters(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in request.path_params.items()}


def _look(look: Look) -> list[Any]:
    def handle() -> object:
        return look.answer()

    described = get(
        look.path,
        sync_to_thread=True,
        summary=look.summary,
        operation_id=_operation_id("GET", look.path),
        tags=["drop-ins"],
        security=[{}],
    )
    handlers = [described(handle)]
    if look.aliases:
        handlers.append(get(list(look.aliases), sync_to_thread=True, include_in_schema=False)(handle))
    return handlers


def _operation_id(method: str, path: str) -> str:
    return method.lower() + "".join(part.title() for part in re.findall(r"[A-Za-z0-9]+", path))


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
        return problems.response(_INTERNAL)

    return handle
