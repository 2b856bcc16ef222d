"""The policy set in force: loaded, watched, replaced as a whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from guardrails.engine import Engine, JudgeCache
from guardrails.masking import Keys
from guardrails.policy.compile import LoadError
from guardrails.policy.examples import load_proven


class ReloadState(msgspec.Struct, frozen=True):
    """How the last reload went. `problem` is None when the set in force is the one on disk."""

    digest: str
    reloads: int
    failures: int
    problem: str | None = None


class PolicyHolder:
    """Holds one engine and swaps it in one assignment.

    A set is in force only once every rule has judged its own examples.
    A folder that does not load, or is gone, leaves the last good set in force.
    """

    def __init__(
        self,
        path: Path,
        keys: Keys,
        cache: Path | None,
        seen: Callable[[bool], None],
        memory: JudgeCache | None = None,
        providers: Mapping[str, str] = {},
    ) -> None:
        """Loads the first set. `memory` serves one engine after the other.

        `providers` are those that rules may ask, by name, with what their answers hang on.

        Raises `guardrails.policy.LoadError`.
        """
        self._path = path
        self._keys = keys
        self._cache = cache
        self._seen = seen
        self.memory = memory
        self._providers = providers
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self.engine = self._load()
        self.state = ReloadState(self.engine.policies.digest, 0, 0)

    def _load(self) -> Engine:
        policies = load_proven([self._path], cache=self._cache, providers=self._providers.keys())
        return Engine(policies, self._keys, self.memory, self._providers)

    def reload(self) -> bool:
        """Reads the policies again; False when they do not load and the old set stays."""
        with self._lock:
            stamp = _stamp(self._path)
            try:
                engine = self._load()
            except LoadError as error:
                self.state = msgspec.structs.replace(
                    self.state, failures=self.state.failures + 1, problem=error.summary()
                )
                loaded = False
            else:
                self.engine = engine
                self.state = ReloadState(engine.policies.digest, self.state.reloads + 1, self.state.failures)
                loaded = True
            self._stamp = stamp
        self._seen(loaded)
        return loaded

    def changed(self) -> bool:
        """Whether the files differ from those last read."""
        return _stamp(self._path) != self._stamp

    async def watch(self, seconds: float) -> None:
        """Reloads on change, for as long as the service runs."""
        while True:
            await asyncio.sleep(seconds)
            if await asyncio.to_thread(self.changed):
                await asyncio.to_thread(self.reload)


def _stamp(path: Path) -> str:
    """Changes when any policy file does: names and contents, not times, which deployments forge."""
    state = hashlib.sha256()
    try:
        files = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]
        for file in files:
            state.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    except OSError as error:
        return f"unreadable {error.errno}"
    return state.hexdigest()
