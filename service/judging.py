"""Runs the engine off the event loop, under a deadline, with bounded queues."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from service.judges import Judges
from service.policies import PolicyHolder
from service.problems import Problem
from service.settings import Settings

T = TypeVar("T")

INLINE_SECONDS = 0.005
"""How long a small exchange may hold up the others before it goes to a thread."""

ASKING_SHARE = 0.75
"""The part of the time left for which providers' answers are waited for: what follows takes time too."""


class Judging:
    """One pool of detection threads for the process. Load beyond the limits is refused at once."""

    def __init__(self, holder: PolicyHolder, settings: Settings, judges: Judges) -> None:
        self._judges = judges
        self._pool: ThreadPoolExecutor | None = None
        self._holder = holder
        self._settings = settings
        self._tenants: Counter[str] = Counter()

    def open(self) -> None:
        """Starts the threads; an application may be started again after it was closed."""
        threads = self._settings.threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="judge")

    @property
    def in_flight(self) -> int:
        return self._tenants.total()

    async def run(
        self,
        tenant: str,
        work: Callable[[Engine, Deadline, dt.date], T],
        finished: Callable[[T], bool] | None = None,
    ) -> tuple[T, float]:
        """Runs `work` in a detection thread; gives its result and the seconds since it was asked for.

        With `finished` the work is small: it is tried at once for `INLINE_SECONDS`, which saves the way
        to a thread and back, and goes to a thread only when its result is not `finished`.
        Where rules ask providers, their answers are waited for outside the threads, and the work is done
        again with them. Raises `Problem` 503 or 429 with `Retry-After` when too much is under way.
        """
        if self.in_flight >= self._settings.max_in_flight:
            raise Problem(503, "Overloaded", "too many exchanges are being judged", retry_after=1)
        if self._tenants[tenant] >= self._settings.max_in_flight_per_tenant:
            raise Problem(
                429, "Too many requests", "this tenant has too many exchanges under way", retry_after=1
            )
        started = time.perf_counter()
        deadline = Deadline.after(self._settings.deadline_seconds)
        inquiry = self._judges.inquiry()
        engine = self._holder.engine.hearing(inquiry)
        result = await self._once(tenant, work, finished, engine, deadline)
        if inquiry.open:
            self._tenants[tenant] += 1
            try:
                await inquiry.ask(deadline.left() * ASKING_SHARE)
            finally:
                self._leave(tenant)
            result = await self._once(tenant, work, finished, engine, deadline)
        return result, time.perf_counter() - started

    async def _once(
        self,
        tenant: str,
        work: Callable[[Engine, Deadline, dt.date], T],
        finished: Callable[[T], bool] | None,
        engine: Engine,
        deadline: Deadline,
    ) -> T:
        today = self.today()
        if finished is not None:
            tried = work(engine, Deadline.after(min(INLINE_SECONDS, deadline.left())), today)
            if finished(tried):
                return tried
        self._tenants[tenant] += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, engine, deadline, today)
        # Counted until the thread is done, even when the caller has hung up.
        future.add_done_callback(lambda _: self._leave(tenant))
        return await asyncio.shield(future)

    def today(self) -> dt.date:
        """The date by which exceptions are in force."""
        return dt.datetime.now(dt.UTC).date()

    async def aside(self, work: Callable[[], T]) -> T:
        """Runs `work` of an exchange under way in a detection thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Waits for what is under way."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=False)

    def _leave(self, tenant: str) -> None:
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]
