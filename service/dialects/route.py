"""What a dialect is made of: routes, each with how a payload is read and how a verdict is written.

`service.app` registers every route of every dialect's `ROUTES` with one handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from litestar.openapi.spec import Operation

from guardrails.engine import Decision, Judged
from guardrails.model import Address, Kind, Role, Segment, Verdict
from service.exchange import Ask
from service.problems import Problem

OPERATORS_STATUS = frozenset({401, 429, 503})
"""Problems that only an operator can bring about or mend: they keep their HTTP status.

All others could be brought about by whoever writes a message, and are answered as a denial.
"""

ON_MASK = "x-guardrails-on-mask"
"""A header that an operator may set where a gateway drops masks: `block` denies instead of masking."""


class Call(msgspec.Struct, frozen=True):
    """One call of a route, without its payload. Names of headers are lower case."""

    tenant: str
    headers: Mapping[str, str] = {}
    parameters: Mapping[str, str] = {}  # of the path

    @property
    def blocks_masks(self) -> bool:
        return self.headers.get(ON_MASK, "").strip().lower() == "block"


class Answer(msgspec.Struct, frozen=True):
    """An answer that needs no judging, or a denial with a status of its own.

    `unseen` is the `Reason` why there was nothing to judge where there should have been something.
    """

    body: object
    status: int = 200
    unseen: str | None = None


class Errand(msgspec.Struct, frozen=True):
    """Work that judges nothing but takes time: it is done off the event loop. It may raise `Problem`."""

    run: Callable[[], Answer]


class Question(msgspec.Struct, frozen=True):
    """What is to be judged, and how the verdict is written in this call's dialect."""

    ask: Ask
    write: Callable[[Judged], object]


Payload: TypeAlias = dict[str, object]
Read: TypeAlias = Callable[[Payload, Call], Question | Answer | Errand]


class Route(msgspec.Struct, frozen=True):
    """One endpoint of a dialect.

    `read` raises `Problem`. `refused` writes a denial for what was not judged, with the payload as far as it
    was read (else it is empty); without it the caller gets problem details. A dialect whose gateway takes any
    failure for an allow refuses `always`, whatever the status. Members of the payload named in `left` stay
    JSON text (`msgspec.Raw`) where they are objects or arrays. `aliases` are more paths of the same, out of
    the API description.
    """

    path: str
    name: str
    summary: str
    read: Read
    operation: type[Operation]
    refused: Callable[[Problem, Payload], object] | None = None
    always: bool = False
    left: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    tag: str = "gateways"


class Look(msgspec.Struct, frozen=True):
    """An endpoint to GET that tells nothing of any message, so that it needs no key."""

    path: str
    summary: str
    answer: Callable[[], object]
    aliases: tuple[str, ...] = ()


def texts(*spoken: tuple[Role, Kind, str]) -> tuple[Segment, ...]:
    """Texts without a body around them. The first one's pointer is `/0`."""
    return tuple(
        Segment(Address(f"/{number}"), role, kind, text) for number, (role, kind, text) in enumerate(spoken)
    )


def rewritten(judged: Judged, ask: Ask) -> list[str]:
    """The texts of `ask`, masked where the verdict is `mask`."""
    if judged.decision.verdict is Verdict.MASK and isinstance(judged.body, list):
        return [str(text) for text in judged.body]
    return [segment.text for segment in ask.texts or ()]


def number_of(pointer: str) -> int:
    """The place of a text among those of `texts`."""
    return int(pointer.split("/", 2)[1])


def refusal(problem: Problem) -> str:
    """`Decision.reason` for what got no verdict."""
    return f"guardrails: not judged: {problem.title.lower()}"


def unjudged(decision: Decision) -> bool:
    """Whether something that could not be looked at leads to the denial."""
    return decision.verdict is Verdict.DENY and bool(decision.unjudged)


def member(payload: Payload, name: str) -> str:
    """A member that must be a text. Raises `Problem` 400."""
    value = payload.get(name)
    if not isinstance(value, str):
        raise Problem(400, "Bad member", f"`{name}` must be a text")
    return value
