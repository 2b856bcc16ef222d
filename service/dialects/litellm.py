"""LiteLLM's generic guardrail API: requests and responses at one URL.

Requests are judged by `structured_messages`, which have roles and tool calls; `texts` are the same texts
without either. A mask goes back as `texts` where they suffice, because the proxy puts those where they came
from, and as `structured_messages` where a tool call's arguments are masked too. Reasoning and signatures are
never among the edits. What the answer has no room for (tool calls of a response) is blocked instead.

The proxy allows on any `action` but the exact words below, so they are written in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from guardrails.bodies import Format
from guardrails.engine import Judged
from guardrails.masking import MOST
from guardrails.model import Context, Edit, Hook, Kind, Verdict
from service import wire
from service.dialects.route import Call, Payload, Question, Route, refusal
from service.exchange import Ask, metadata, text
from service.openapi import ANY, COUNT, TEXT, TEXTS, array, described, nullable, record, words
from service.problems import Problem

_HOOKS = {"request": Hook.REQUEST, "response": Hook.RESPONSE}


def read(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    kind = payload.get("input_type")
    hook = _HOOKS.get(kind) if isinstance(kind, str) else None
    if hook is None:
        raise Problem(400, "Unknown input type", "`input_type` must be `request` or `response`")
    given = _list(payload, "texts")
    if not all(isinstance(one, str) for one in given):
        raise Problem(400, "Bad member", "`texts` must hold texts only")
    texts = [str(one) for one in given]
    calls = _list(payload, "tool_calls")
    context = Context(
        tenant=call.tenant,
        model=text(payload.get("model")),
        # What the proxy knows of the caller's key; the caller's own headers are not identity.
        metadata=metadata(payload.get("request_data")),
    )
    id = payload.get("litellm_call_id")
    conversation = f"litellm:{id}" if isinstance(id, str) and id else None
    if hook is Hook.RESPONSE:
        body: object = {"choices": [*map(_choice, texts), *([_calls(calls)] if calls else [])]}
        return Question(
            Ask(
                hook,
                context,
                body,
                Format.OPENAI_CHAT,
                growing=tuple(texts),
                conversation=conversation,
                rewritable=frozenset({Kind.TEXT}),
            ),
            partial(write_response, texts=texts, blocks_masks=call.blocks_masks),
        )
    left = payload.get("structured_messages")
    rows = _list({"structured_messages": _decoded(left)}, "structured_messages")
    places, shown = _texts_of(rows)
    # What the messages do not show is judged beside them: the inputs of an embedding, a prompt.
    known_texts = set(shown)
    extra = [number for number, one in enumerate(texts) if one not in known_texts]
    known = any(isinstance(row, dict) and row.get("tool_calls") for row in rows)
    beside = [{"role": "assistant", "tool_calls": calls}] if calls and not known else []
    if isinstance(left, msgspec.Raw) and not extra and not beside:
        body = msgspec.Raw(b'{"messages":' + bytes(left) + b"}")
    else:
        more = [{"role": "user", "content": texts[number]} for number in extra]
        body = {"messages": [*rows, *more, *beside]}
    layout = _Layout(texts, places if shown == texts else None, len(rows), extra)
    write = partial(write_request, layout=layout, blocks_masks=call.blocks_masks)
    return Question(Ask(hook, context, body, Format.OPENAI_CHAT, conversation=conversation), write)


class _Layout(msgspec.Struct, frozen=True):
    """Where the texts of a request are among the messages that are judged.

    `places` are the pointers of `texts` in the messages, None where they are not the same texts. `rows`
    is the number of messages, after which the `extra` texts (by their number) were put.
    """

    texts: list[str]
    places: list[str] | None
    rows: int
    extra: list[int]


def write_request(judged: Judged, layout: _Layout, *, blocks_masks: bool) -> dict[str, object]:
    decision = judged.decision
    if decision.verdict is Verdict.ALLOW:
        return {"action": "NONE"}
    if decision.verdict is Verdict.DENY or blocks_masks:
        return blocked(decision.reason())
    body = judged.body
    masked = msgspec.json.decode(body) if isinstance(body, msgspec.Raw) else body
    edited = {edit.address.pointer for edit in decision.edits}
    messages = masked["messages"] if isinstance(masked, dict) else []
    if layout.places is not None and edited <= set(layout.places):
        _, texts = _texts_of(messages)
        return {"action": "GUARDRAIL_INTERVENED", "texts": texts}
    beyond = {f"/messages/{layout.rows + place}/content": number for place, number in enumerate(layout.extra)}
    if edited <= beyond.keys():
        texts = list(layout.texts)
        for place, number in enumerate(layout.extra):
            texts[number] = messages[layout.rows + place]["content"]
        return {"action": "GUARDRAIL_INTERVENED", "texts": texts}
    if any(int(pointer.split("/")[2]) >= layout.rows for pointer in edited):
        return blocked(decision.reason())  # in the messages and beside them: the answer has room for one
    return {"action": "GUARDRAIL_INTERVENED", "structured_messages": messages[: layout.rows]}


def write_response(judged: Judged, texts: list[str], *, blocks_masks: bool) -> dict[str, object]:
    """Streams: the proxy asks again and again, with all the text so far.

    How much of its end could still become a match is withheld until the next call.
    """
    decision = judged.decision
    if decision.verdict is Verdict.DENY or (decision.verdict is Verdict.MASK and blocks_masks):
        return blocked(decision.reason())
    edits: dict[str, list[Edit]] = {}
    for edit in decision.edits:
        if "/tool_calls" in edit.address.pointer:
            return blocked(decision.reason())
        edits.setdefault(edit.address.pointer, []).append(edit)
    back: dict[str, list[Edit]] = {}
    for edit in judged.back:
        back.setdefault(edit.address.pointer, []).append(edit)
    holdback = []
    for number, (one, undecided) in enumerate(zip(texts, judged.undecided, strict=True)):
        pointer = f"/choices/{number}/message/content"
        held = _held(one, undecided, edits.get(pointer, ()))
        if judged.restored is not None:
            masked = _length(len(one), edits.get(pointer, ()))
            held = _held_back(masked, held, back.get(pointer, ()))
        holdback.append(held)
    if judged.body is None:
        return {"action": "NONE", "stream_holdback_chars": holdback}
    choices = judged.body["choices"] if isinstance(judged.body, dict) else []
    rewritten = [one["message"]["content"] for one in choices[: len(texts)]]
    return {"action": "GUARDRAIL_INTERVENED", "texts": rewritten, "stream_holdback_chars": holdback}


def _held(text: str, undecided: int, edits: Iterable[Edit]) -> int:
    """How many characters at the end of the masked text stand for the undecided ones of the text."""
    cut = len(text) - undecided
    held = undecided
    for edit in edits:
        if edit.end > cut:  # what is masked is never cut
            held += len(edit.text) - (edit.end - edit.start) + max(0, cut - edit.start)
    return held


def _held_back(length: int, held: int, back: Sequence[Edit]) -> int:
    """The same of a text in which values came back: the cut is never within what may be a placeholder.

    `length` is that of the masked text, in which `back` are.
    """
    cut = min(length - held, max(0, length - MOST))
    for edit in back:
        if edit.start < cut < edit.end:
            cut = edit.start
    return _length(length - cut, [edit for edit in back if edit.start >= cut])


def _length(length: int, edits: Iterable[Edit]) -> int:
    """How long a text of a length is after edits."""
    return length + sum(len(one.text) - (one.end - one.start) for one in edits)


def blocked(why: str) -> dict[str, object]:
    return {"action": "BLOCKED", "blocked_reason": why}


def refused(problem: Problem, _: Payload) -> dict[str, object]:
    return blocked(refusal(problem))


def _choice(text: str) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": text}}


def _calls(calls: list[object]) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": None, "tool_calls": calls}}


def _decoded(value: object) -> object:
    return wire.decode(bytes(value)) if isinstance(value, msgspec.Raw) else value


def _list(payload: Payload, name: str) -> list[object]:
    value = payload.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Problem(400, "Bad member", f"`{name}` must be an array")
    return value


def _texts_of(rows: list[object]) -> tuple[list[str], list[str]]:
    """Pointers and texts of messages, in the order in which the proxy takes them out as `texts`."""
    places, found = [], []
    for number, row in enumerate(rows):
        content = row.get("content") if isinstance(row, dict) else None
        if isinstance(content, str):
            places.append(f"/messages/{number}/content")
            found.append(content)
        for part_number, part in enumerate(content if isinstance(content, list) else ()):
            inner = part.get("text") if isinstance(part, dict) else None
            if isinstance(inner, str):
                places.append(f"/messages/{number}/content/{part_number}/text")
                found.append(inner)
    return places, found


_EXAMPLE = {
    "input_type": "request",
    "litellm_call_id": "5f1c3a52",
    "structured_messages": [{"role": "user", "content": "mail ada@example.com now"}],
    "texts": ["mail ada@example.com now"],
    "tool_calls": None,
    "images": None,
    "tools": None,
    "request_data": {"user_api_key_team_id": "blue"},
    "request_headers": {"user-agent": "x"},
    "litellm_version": "1.106.2",
    "model": "gpt-4o",
}
_ANSWER = {"action": "GUARDRAIL_INTERVENED", "texts": ["mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"]}

ROUTES = (
    Route(
        path="/v1/gateways/litellm/beta/litellm_basic_guardrail_api",
        aliases=("/beta/litellm_basic_guardrail_api",),
        name="litellm",
        summary="LiteLLM's generic guardrail API, both directions.",
        read=read,
        refused=refused,
        left=("structured_messages",),
        operation=described(
            record(
                ["input_type"],
                input_type=words("request", "response"),
                texts=nullable(TEXTS),
                structured_messages=nullable(array(ANY)),
                tool_calls=nullable(array(ANY)),
                request_data=ANY,
                model=nullable(TEXT),
            ),
            _EXAMPLE,
            record(
                ["action"],
                action=words("NONE", "BLOCKED", "GUARDRAIL_INTERVENED"),
                blocked_reason=TEXT,
                texts=TEXTS,
                structured_messages=array(ANY),
                stream_holdback_chars=array(COUNT),
            ),
            _ANSWER,
        ),
    ),
)
