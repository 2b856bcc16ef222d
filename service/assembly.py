"""What every application of the service is made of: policies, keys, metrics, log, detection threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from guardrails.cache import Cache
from guardrails.engine import JudgeCache
from guardrails.masking import Keys
from service import telemetry
from service.auth import KeyRing, load_keys
from service.exchange import Service
from service.judges import Judges, load_judges
from service.judging import Judging
from service.policies import PolicyHolder
from service.restoring import Restoring
from service.settings import Settings, SettingsError, cache_of, ext_proc_address, is_loopback, secret_of
from service.shared_memory import SharedMemory
from service.streams import StreamEngines
from service.vault import vault_of


class Assembly:
    """The parts of one application, loaded and checked."""

    def __init__(self, settings: Settings) -> None:
        """Raises `SettingsError`, or `guardrails.policy.LoadError` for policies that do not load."""
        self.settings = settings
        self.log = telemetry.logger(settings.log_format)
        self.keys = load_keys(Path(settings.keys_file)) if settings.keys_file else KeyRing()
        self.metrics = telemetry.Metrics()
        records = load_judges(Path(settings.judges_file)) if settings.judges_file else ()
        self.judges = Judges(records, self.metrics.judges)
        secret = _keys(settings, self.log)
        self.holder = PolicyHolder(
            Path(settings.policies),
            secret,
            cache_of(settings),
            lambda loaded: self._reloaded(loaded=loaded),
            _memory(settings, secret),
            self.judges.providers,
        )
        self.metrics.watch(self.holder.memory)
        self.metrics.in_force(self.holder.state.digest)
        if self.keys.open:
            ext_proc = ext_proc_address(settings)
            for host in (settings.host, *(ext_proc[:1] if ext_proc else ())):
                if not is_loopback(host):
                    raise SettingsError(f"binding {host} needs API keys: set `keys_file`")
            self.log.warning("no API keys: every caller on this machine is tenant `default`")
        self.streams = StreamEngines(self.holder, cache_of(settings))
        self.judging = Judging(self.holder, settings, self.judges)
        self.restoring = Restoring(self.holder, vault_of(settings, secret), self.metrics, self.log)
        self.service = Service(
            settings, self.keys, self.judging, self.streams, self.restoring, self.metrics, self.log
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Detection threads, and reloading on a signal and on changes, while the application runs."""
        self.judging.open()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            # Not in a thread other than the main one, where tests run the service.
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self.holder.reload))
        seconds = self.settings.reload_seconds
        watch = asyncio.create_task(self.holder.watch(seconds)) if seconds else None
        try:
            async with self.judges.running():
                yield
        finally:
            if watch:
                watch.cancel()
            await asyncio.to_thread(self.judging.close)

    def _reloaded(self, *, loaded: bool) -> None:
        self.metrics.reloads.labels("loaded" if loaded else "refused").inc()
        state = self.holder.state
        if loaded:
            self.streams.reloaded()
            settle()
            self.metrics.in_force(state.digest)
            self.log.info("policies reloaded", policy=state.digest)
        else:
            self.log.error("policies not reloaded; the last good set stays in force", problem=state.problem)


def settle() -> None:
    """Takes what is loaded out of the garbage collector's sight.

    A full collection of it takes tens of milliseconds, in which a worker answers nobody, and writes to
    memory that workers share.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
