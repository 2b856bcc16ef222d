"""What masked values come back in a response, and what is kept for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from guardrails import bodies
from guardrails.bodies import Format
from guardrails.engine import Judged
from guardrails.masking import Destination, Kept, Restored, Restorer, restoring_edits
from guardrails.masking.vault import Vault, VaultError
from guardrails.model import Kind, Verdict
from guardrails.streams.events import Dialect
from guardrails.streams.responses import ResponsesStream
from service import wire
from service.policies import PolicyHolder
from service.telemetry import Metrics


class Restoring:
    """Made once for an application. Whatever the vault does, an exchange goes on."""

    def __init__(
        self,
        holder: PolicyHolder,
        vault: Vault | None,
        metrics: Metrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._holder = holder
        self._vault = vault
        self._metrics = metrics
        self._log = log

    @property
    def wanted(self) -> bool:
        """Whether the policies in force let any value come back."""
        return self._holder.engine.policies.restores

    async def keep(self, tenant: str, conversation: str, kept: Mapping[str, Kept]) -> None:
        """Keeps values for later calls of a conversation, where there is a vault."""
        if self._vault is None or not kept:
            return
        try:
            await asyncio.to_thread(self._vault.keep, tenant, conversation, kept, time.time())
        except VaultError as error:
            self._failed(error)

    async def recalled(self, tenant: str, conversations: Iterable[str]) -> Recalled:
        """What is kept of conversations."""
        kept: dict[str, Kept] = {}
        away = False
        for conversation in conversations if self._vault else ():
            assert self._vault is not None
            try:
                kept |= await asyncio.to_thread(self._vault.find, tenant, conversation, time.time())
            except VaultError as error:
                self._failed(error)
                away = True
        return Recalled(kept, away)

    def restorer(
        self,
        tenant: str,
        recalled: Recalled,
        kept: Mapping[str, Kept] | None = None,
        kinds: frozenset[Kind] | None = None,
    ) -> Restorer:
        """For a response: it gets back what was recalled, and what its own request masked.

        `kinds` are those that can be rewritten, None for all.
        """
        engine = self._holder.engine

        def permits(rules: tuple[str, ...], to: Destination) -> bool:
            return (kinds is None or to.kind in kinds) and engine.policies.permits(rules, to)

        known = {**recalled.kept, **(kept or {})}
        return Restorer(engine.keys, tenant, known, permits, away=recalled.away)

    async def exchange(self, tenant: str, body: object, format: Format, given: str | None) -> WayBack | None:
        """For an exchange of which both halves pass here, by its request `body`.

        `given` names its conversation, None where nobody did. None: no policy lets anything come back.
        """
        if not self.wanted:
            return None
        names = _Names.of(body) if format is Format.OPENAI_RESPONSES else _Names()
        ongoing = [one for one in (given, names.ongoing()) if one is not None]
        previous = names.previous_response_id
        known = [*ongoing, *([_response(previous)] if isinstance(previous, str) else [])]
        recalled = await self.recalled(tenant, known)
        named = format is Format.OPENAI_RESPONSES and names.store is not False
        return WayBack(self, tenant, recalled, ongoing, named=named)

    def restored(self, judged: Judged, body: object, restorer: Restorer) -> Judged:
        """A judged response with its placeholders turned back; `body` is what was judged."""
        if judged.decision.verdict is Verdict.DENY:
            return judged
        rewritten = judged.decision.verdict is Verdict.MASK
        before = judged.body if rewritten else body
        if isinstance(before, msgspec.Raw):
            before = wire.decode(bytes(before))
        edits = restoring_edits(before, judged.format, restorer, judged.decision.edits)
        self.counted(restorer.count)
        after = bodies.apply(before, edits) if edits else judged.body
        return msgspec.structs.replace(judged, body=after, restored=restorer.count, back=tuple(edits))

    def counted(self, count: Restored) -> None:
        """Counts the placeholders of a response."""
        for outcome in Restored.__struct_fields__:
            number = getattr(count, outcome)
            if number:
                self._metrics.placeholders.labels(outcome).inc(number)

    def _failed(self, error: VaultError) -> None:
        self._metrics.vault_failures.inc()
        self._log.warning("vault not used", problem=str(error))


class Recalled(msgspec.Struct, frozen=True):
    """What is kept of conversations; `away` where that could not be looked up."""

    kept: Mapping[str, Kept]
    away: bool


class WayBack:
    """What comes back in an answer, and what its provider's name for it is kept under.

    A later request may go on from a response by its id, without sending again what came before.
    """

    def __init__(
        self, restoring: Restoring, tenant: str, recalled: Recalled, ongoing: Sequence[str], *, named: bool
    ) -> None:
        self.sent = recalled.kept
        self.restorer = restoring.restorer(tenant, recalled)
        self._restoring = restoring
        self._tenant = tenant
        self._recalled = recalled
        self._ongoing = ongoing
        self._named = named

    async def asked(self, kept: Mapping[str, Kept]) -> None:
        """The request was judged: what was masked comes back, and is kept where a conversation goes on."""
        self.restorer = self._restoring.restorer(self._tenant, self._recalled, kept)
        for conversation in self._ongoing:
            await self._restoring.keep(self._tenant, conversation, kept)

    async def answered(self, data: bytes) -> None:
        """The answer has come as a whole."""
        if self._named:
            await self._keep(wire.decode_object(data).get("id"))

    async def heard(self, reader: Dialect) -> None:
        """Some of a streamed answer has come: to be called before that is sent on."""
        if self._named and isinstance(reader, ResponsesStream):
            await self._keep(reader.response_id)

    async def _keep(self, id: object) -> None:
        if isinstance(id, str):
            self._named = False
            await self._restoring.keep(self._tenant, _response(id), self.restorer.kept)


class _Names(msgspec.Struct):
    """What a request to the Responses API goes on from."""

    previous_response_id: object = None
    conversation: object = None
    store: object = None

    @classmethod
    def of(cls, body: object) -> _Names:
        if isinstance(body, msgspec.Raw):
            return msgspec.json.decode(body, type=cls)
        return cls(*map(body.get, cls.__struct_fields__)) if isinstance(body, dict) else cls()

    def ongoing(self) -> str | None:
        """The conversation that the provider keeps."""
        one = self.conversation
        id = one.get("id") if isinstance(one, dict) else one
        return f"conversation:{id}" if isinstance(id, str) else None


def _response(id: str) -> str:
    return f"response:{id}"
