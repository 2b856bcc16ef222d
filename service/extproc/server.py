"""The gRPC server. It runs beside the HTTP service, in the same event loop, on the same policies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as proto

from service import telemetry
from service.assembly import Assembly
from service.auth import presented_key
from service.extproc.exchange import DIALECT, Exchange
from service.problems import Problem

_HEADROOM = 1 << 20  # for what a message holds besides a body


@contextlib.asynccontextmanager
async def serving(made: Assembly, address: tuple[str, int]) -> AsyncIterator[None]:
    """Serves at a host and port, which workers share, while the application runs."""
    settings = made.settings
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", settings.max_body_bytes + _HEADROOM)]
    )
    proto.add_ExternalProcessorServicer_to_server(_Processor(made), server)
    host, port = address
    server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(settings.shutdown_seconds)


class _Processor(proto.ExternalProcessorServicer):  # type: ignore[misc]
    def __init__(self, made: Assembly) -> None:
        self._made = made

    async def Process(self, requests: Any, call: Any) -> AsyncIterator[Any]:  # noqa: N802 - the protocol's name
        """One HTTP exchange."""
        service = self._made.service
        tenant = service.keys.tenant(presented_key(dict(call.invocation_metadata())))
        if tenant is None:
            problem = Problem(401, "Unauthorized", "")
            service.refused(problem, DIALECT, telemetry.trace(None, None), time.perf_counter())
            await call.abort(
                grpc.StatusCode.UNAUTHENTICATED, "send a known API key in the metadata, as `x-api-key`"
            )
            return
        exchange = Exchange(self._made, tenant)
        try:
            async for message in requests:
                for answer in await exchange.take(message):
                    yield answer
                if exchange.over:
                    return
        except Exception as error:  # noqa: BLE001 - its text may hold a part of the message
            telemetry.log_unexpected(service.log, error)
            await call.abort(grpc.StatusCode.INTERNAL, "the exchange was not judged")
        finally:
            exchange.end()
