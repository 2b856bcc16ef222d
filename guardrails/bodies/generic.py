"""JSON of no format we know: every leaf is data, spoken by whoever speaks at this hook."""

from __future__ import annotations

from guardrails.bodies.walk import Walk


def read(walk: Walk, body: object) -> None:
    """Walk a whole body."""
    walk.unknown_shape("", body, walk.default)
