"""The HTTP hook with the shipped policies, against a bare Litestar echo of the same body."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import servers, workloads
from benchmarks.report import Row

SIZES: dict[str, Callable[[int], dict[str, object]]] = {
    "1 KB chat": lambda seed: workloads.chat(1_000, seed),
    "16 KB of code": lambda seed: workloads.retrieval(16_000, seed),
    "64 KB of code": lambda seed: workloads.retrieval(64_000, seed),
}


def run() -> list[Row]:
    rows: list[Row] = []
    with servers.echo() as echo, servers.guard() as guard:
        for name, make in SIZES.items():
            floor = servers.measure(echo, _bodies(make))
            new = servers.measure(guard, _enveloped(make))
            known = servers.measure(guard, _enveloped(lambda _, make=make: make(0)))
            rows += [
                Row.of(f"{name}, new", new, floor),
                Row.of(f"{name}, known", known, floor),
            ]
        long = workloads.conversation(110, seed=1)
        floor = servers.measure(echo, _bodies(lambda _: long))
        known = servers.measure(guard, _enveloped(lambda _: long))
        rows.append(Row.of("1 MB agent conversation, known", known, floor))
        growing = servers.measure(guard, _enveloped(lambda seed: _with_new_turn(long, seed)))
        rows.append(Row.of("1 MB agent conversation, last two messages new", growing, floor))
        masked = _with_mail(long)
        known = servers.measure(guard, _enveloped(lambda _: masked))
        rows.append(Row.of("1 MB agent conversation, known, ten spans masked", known, floor))
        rows.append(Row("memory of the service", guard.memory() / 1e6, "MB", None))
    return rows


def _bodies(make: Callable[[int], dict[str, object]]) -> Callable[[int], bytes]:
    return _kept(lambda seed: workloads.encoded(make(seed)))


def _enveloped(make: Callable[[int], dict[str, object]]) -> Callable[[int], bytes]:
    return _kept(lambda seed: b'{"body":' + workloads.encoded(make(seed)) + b"}")


def _kept(make: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Making a large body takes longer than judging it: the same object for the same seed."""
    made: dict[int, bytes] = {}

    def payload(seed: int) -> bytes:
        if seed not in made:
            made[seed] = make(seed)
        return made[seed]

    return payload


def _with_new_turn(body: dict[str, object], seed: int) -> dict[str, object]:
    messages = body["messages"]
    assert isinstance(messages, list)
    turn = workloads.conversation(1, seed=seed + 5)["messages"]
    assert isinstance(turn, list)
    return {**body, "messages": [*messages, *turn[1:]]}


def _with_mail(body: dict[str, object]) -> dict[str, object]:
    messages = body["messages"]
    assert isinstance(messages, list)
    said = [{"role": "user", "content": f"mail user{number}@example.com"} for number in range(10)]
    return {**body, "messages": [*messages, *said]}
