"""Runs the application: in this process, or in several that share a socket and what was loaded.

Workers are forked once the policies are loaded and proven, so that they share the memory that those
take. The parent serves nothing: it passes signals on, and replaces a worker that died.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn

from service.settings import MULTIPROCESS_FOLDER, Settings, SettingsError, ext_proc_address

Application = Callable[..., Awaitable[None]]
"""Anything that speaks ASGI."""

RESTART_SECONDS = 1.0
"""A worker that died is replaced no sooner than this after it was started."""


def worker_count(settings: Settings) -> int:
    """How many processes serve."""
    return settings.workers or os.cpu_count() or 1


def serve(settings: Settings, *, proxy: bool = False) -> None:
    """Serves until SIGTERM or SIGINT: the hook endpoints, or the proxy.

    Raises `SettingsError` where a setting cannot be used, an address that cannot be bound among them,
    and `guardrails.policy.LoadError` for policies that do not load.
    """
    # A detection thread gives way to the event loop after this long; the default is 5 ms.
    sys.setswitchinterval(0.001)
    with contextlib.ExitStack() as held:
        if worker_count(settings) > 1:
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="guardrails-metrics-"))
            os.environ[MULTIPROCESS_FOLDER] = folder
        # `prometheus_client` reads that variable when it is imported.
        from service import telemetry
        from service.app import create_app
        from service.assembly import settle
        from service.proxy import create_proxy

        listening = held.enter_context(_bound(settings))
        if not proxy:
            held.enter_context(_ext_proc_reserved(settings))
        app: Application = create_proxy(settings) if proxy else create_app(settings)
        settle()
        log = telemetry.logger(settings.log_format)
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        served = {"upstream": settings.upstream} if proxy else {"docs": "/docs"}
        if settings.ext_proc and not proxy:
            served["ext_proc"] = settings.ext_proc
        log.info("serving", url=f"http://{shown}:{port}", **served, workers=worker_count(settings))
        if worker_count(settings) == 1:
            uvicorn.Server(_config(settings, app)).run(sockets=[listening])
        else:
            _Supervisor(settings, app, log, listening).run()


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SettingsError(f"cannot listen at {settings.host}, port {settings.port}: {why}") from None


@contextlib.contextmanager
def _ext_proc_reserved(settings: Settings) -> Iterator[None]:
    """Keeps the address for this process and its workers, which share it. Raises `SettingsError`."""
    address = ext_proc_address(settings)
    if address is None:
        yield
        return
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        # Sharing is open to any process of this user; one that serves there already is found out first.
        socket.create_server(address, family=family).close()
        reserved = socket.socket(family)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SettingsError(f"cannot listen at {settings.ext_proc}: {why}") from None
    with reserved:
        yield


def _config(settings: Settings, app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


class _Supervisor:
    """The parent of the workers."""

    def __init__(self, settings: Settings, app: Application, log: Any, listening: socket.socket) -> None:
        self._settings = settings
        self._app = app
        self._log = log
        self._listening = listening
        self._workers: dict[int, float] = {}  # by process id: when it was started
        self._stopping = False

    def run(self) -> None:
        """Starts the workers and looks after them until they are told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        for _ in range(worker_count(self._settings)):
            self._start()
        while self._workers:
            try:
                process, status = os.wait()
            except ChildProcessError:
                break
            started = self._workers.pop(process, None)
            if started is None:
                continue
            _forget(process)
            if not self._stopping:
                self._log.error("a worker died", code=os.waitstatus_to_exitcode(status))
                time.sleep(max(0.0, started + RESTART_SECONDS - time.monotonic()))
                if not self._stopping:
                    self._start()

    def _start(self) -> None:
        process = os.fork()
        if process:
            self._workers[process] = time.monotonic()
            if self._stopping:
                os.kill(process, signal.SIGTERM)
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            uvicorn.Server(_config(self._settings, self._app)).run(sockets=[self._listening])
            code = 0
        finally:
            # Nothing of the parent's is to be cleaned up by a worker.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        self._pass_on(signal.SIGTERM, None)

    def _pass_on(self, number: int, _frame: object) -> None:
        for process in list(self._workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def _forget(process: int) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
