"""The way back: a placeholder in a response becomes the value again that it stands for.

Only what was kept of the request, or of the conversation, comes back, and only where the rules that masked
it say so. A placeholder that the model made up stands for nothing and is left alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec

from guardrails import bodies
from guardrails.bodies.pointer import member, tokens
from guardrails.masking.keys import Keys
from guardrails.masking.placeholders import beginnings, is_own, may_have, written
from guardrails.masking.plan import Replacement
from guardrails.model import Edit, Hook, Kind, Role


class Kept(msgspec.Struct, frozen=True):
    """A value that a placeholder stands for, what it is, and the rules that masked it: each has a say."""

    value: str
    label: str
    rules: tuple[str, ...]


class Destination(msgspec.Struct, frozen=True):
    """Where in a response a placeholder stands. `tool` names the tool whose input it is in."""

    role: Role
    kind: Kind
    tool: str | None = None


Permits: TypeAlias = Callable[[tuple[str, ...], Destination], bool]
"""Whether rules let a value that they masked go back to a destination."""


class Restored(msgspec.Struct, frozen=True):
    """How many placeholders of a response came back, and how many did not; each counts once.

    `withheld`: the policy does not let them; `unknown`: no value is kept for them; `unavailable`: what is
    kept could not be looked up.
    """

    values: int = 0
    withheld: int = 0
    unknown: int = 0
    unavailable: int = 0

    @property
    def left(self) -> int:
        """How many did not come back."""
        return self.withheld + self.unknown + self.unavailable


class Restorer:
    """Restores the texts of one response. `away`: more may be kept than could be looked up."""

    def __init__(
        self, keys: Keys, tenant: str, kept: Mapping[str, Kept], permits: Permits, *, away: bool = False
    ) -> None:
        self._keys = keys
        self._tenant = tenant
        self.kept = kept
        self._names = sorted(kept)
        self._permits = permits
        self._away = away
        self._values: set[str] = set()
        self._withheld: set[str] = set()
        self._unknown: set[str] = set()

    @property
    def count(self) -> Restored:
        """What was done so far."""
        unknown = len(self._unknown)
        known = (len(self._values), len(self._withheld))
        return Restored(*known, 0, unknown) if self._away else Restored(*known, unknown)

    def replacements(self, text: str, to: Destination) -> list[Replacement]:
        """What comes back in a text, ascending."""
        found: list[Replacement] = []
        for span, name in written(text, self._is_known):
            kept = self.kept.get(name)
            if kept is None:
                self._unknown.add(name)
            elif self._permits(kept.rules, to):
                self._values.add(name)
                found.append(Replacement(span.start, span.end, kept.value))
            else:
                self._withheld.add(name)
        return found

    def settled(self, text: str) -> int:
        """Up to where no more text makes another placeholder."""
        if not may_have(text):
            return len(text)
        whole = [span for span, _ in written(text, self._is_known)]
        for start, begun in beginnings(text):
            inside = any(span.start <= start < span.end for span in whole)
            if not inside and self._may_be(text[start:], begun):
                return start
        return len(text)

    def ignore(self, names: Iterable[str]) -> None:
        """Placeholders of values that the response itself brought are not missing anywhere."""
        self._unknown -= set(names)

    def _is_known(self, name: str) -> bool:
        return name in self.kept or is_own(self._keys, self._tenant, name)

    def _may_be(self, text: str, begun: str) -> bool:
        """Whether it could become one that is kept, or any of ours as the service writes it."""
        at = bisect_left(self._names, begun)
        if at < len(self._names) and self._names[at].startswith(begun):
            return True
        return text == begun and "MASKED_".startswith(begun[: len("MASKED_")])


def restore_body(
    body: object, format: bodies.Format, restorer: Restorer, masked: Iterable[Edit] = ()
) -> object:
    """The response with its placeholders turned back; the same object where there are none.

    `masked` are the edits that were made in it.
    """
    return bodies.apply(body, restoring_edits(body, format, restorer, masked))


def restoring_edits(
    body: object, format: bodies.Format, restorer: Restorer, masked: Iterable[Edit] = ()
) -> list[Edit]:
    """The edits that `restore_body` makes."""
    edits: list[Edit] = []
    for segment in bodies.read(body, Hook.RESPONSE, format).segments:
        tool = _tool(body, segment.address.pointer) if segment.kind is Kind.TOOL_INPUT else None
        to = Destination(segment.role, segment.kind, tool)
        edits += [
            Edit(segment.address, one.start, one.end, one.text)
            for one in restorer.replacements(segment.text, to)
        ]
    restorer.ignore(edit.text for edit in masked)
    return edits


_ASKED = frozenset({"arguments", "input", "args", "action", "actions", "operation", "code", "queries"})
"""The members that hold what a tool is asked to do, in all formats."""


def _tool(body: object, pointer: str) -> str | None:
    """The name of the tool whose input is at a pointer; of a tool without a name its type."""
    value = body
    for token in tokens(pointer):
        if token in _ASKED and isinstance(value, dict):
            name = value.get("name", value.get("type"))
            return name if isinstance(name, str) else None
        value = member(value, token)
    return None
