"""The Litestar application."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router

from guardrails import __version__
from service import problems, telemetry, wire
from service.assembly import Assembly
from service.dialects import LOOKS, ROUTES
from service.dialects.route import OPERATORS_STATUS, Answer, Call, Errand, Look, Payload, Question, Route
from service.exchange import Service
from service.policies import PolicyHolder
from service.problems import Problem
from service.settings import Settings, ext_proc_address

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
    made = Assembly(settings)
    service, holder, metrics, log = made.service, made.holder, made.metrics, made.log

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with made.running(), _ext_proc(made):
            yield

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


@contextlib.asynccontextmanager
async def _ext_proc(made: Assembly) -> AsyncIterator[None]:
    address = ext_proc_address(made.settings)
    if address is None:
        yield
        return
    # gRPC must not be in a process that is forked into workers: it is imported in each of them.
    from service.extproc import serving

    async with serving(made, address):
        yield


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
                telemetry.log_unexpected(service.log, error)
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


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    title = {404: "Not found", 405: "Method not allowed"}.get(status, "Not accepted")
    return problems.response(Problem(status, title, "see /docs for the endpoints"))


def _unexpected(log: Any) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    def handle(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        telemetry.log_unexpected(log, error)
        return problems.response(_INTERNAL)

    return handle
