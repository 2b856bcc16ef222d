"""Streams of a provider's events: texts in them are judged across events, the rest event by event.

An event is sent on as the bytes that came once all its texts are decided, in the order in which they
came; only an event whose text is masked is written anew. So nothing is delayed by more than what is held
back and the rest of its event, and a stream in which nothing is found stays as it is byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Protocol

import msgspec

from guardrails import bodies
from guardrails.detectors.base import Deadline
from guardrails.masking import Destination, Replacement, Restorer, restore_body
from guardrails.model import Hook, Kind, Reason, Role, Unjudged, Verdict
from guardrails.streams import sse
from guardrails.streams.arguments import ArgumentsJudge
from guardrails.streams.judge import Denied, Judge, Released, Stream
from guardrails.streams.restore import RestoringText

Path = tuple[str | int, ...]
Channel = tuple[Hashable, str]


class Text(msgspec.Struct, frozen=True):
    """A part of a channel's text: where it stands in its event. Arguments are JSON that `tool` gets.

    An empty one is there for what it would `forget`.
    """

    channel: Channel
    path: Path
    text: str
    arguments: bool = False
    tool: str | None = None
    forget: tuple[Path, ...] = ()  # what repeats the text, and goes when it is masked
    kind: Kind = Kind.TEXT  # of what is no arguments


class Whole(msgspec.Struct, frozen=True):
    """What stands whole in an event: the value at `path`, judged as a part of a body of `format`.

    `body` is it with the members around it that make a body of it, `at` its place in there. `forget` is
    what repeats it outside, and goes when it is masked.
    """

    path: Path
    body: object
    at: Path
    format: bodies.Format
    forget: tuple[Path, ...] = ()


class Echo(msgspec.Struct, frozen=True):
    """What may repeat any text of a group up to here: it stands at `path`, and goes where one is masked."""

    group: Hashable
    path: Path


class Reading(msgspec.Struct, frozen=True):
    """What a dialect finds in an event.

    A channel is named by a group (a choice, a content block) and a name within it. Channels of `before`
    are settled before the event's texts, and those of the groups `ends` after them: None for all.
    """

    texts: tuple[Text, ...] = ()
    wholes: tuple[Whole, ...] = ()
    echoes: tuple[Echo, ...] = ()
    before: tuple[Channel, ...] = ()
    ends: tuple[Hashable, ...] | None = ()


class Framed(Protocol):
    """One event of a stream: the bytes that came, its name, and its data, None where it has none."""

    @property
    def raw(self) -> bytes: ...
    @property
    def name(self) -> str: ...
    @property
    def data(self) -> bytes | None: ...
    def with_data(self, data: bytes) -> bytes:
        """The event with other data."""
        ...


class Framing(Protocol):
    """Takes bytes as they come and gives whole events. Raises `sse.TooLargeError`."""

    def feed(self, data: bytes) -> Sequence[Framed]: ...
    def close(self) -> Sequence[Framed]: ...


class Dialect(Protocol):
    """How one provider's events are framed and read, and how a stream is ended that must not go on."""

    content_type: str
    framing: Callable[[], Framing]

    def read(self, name: str, body: dict[str, object]) -> Reading:
        """What an event holds."""
        ...

    def denied(self, message: str) -> bytes:
        """The events that end a denied stream."""
        ...


class ServerSent:
    """The framing of nearly all dialects: server-sent events."""

    content_type = "text/event-stream"
    framing: Callable[[], Framing] = sse.Reader


def is_known(held: Mapping[str, object], scalars: Set[str], others: Set[str] = frozenset()) -> bool:
    """Whether an object holds nothing but these members, and in `scalars` no object and no list."""
    return held.keys() <= scalars | others and not any(
        isinstance(held.get(name), dict | list) for name in scalars
    )


def scalar(value: object) -> Hashable:
    """What something may be called by: None for an object or a list."""
    return None if isinstance(value, dict | list) else value


def with_rest(reading: Reading, body: dict[str, object], format: bodies.Format) -> Reading:
    """A reading of an event in which there is more: what it leaves is judged as a body of a format."""
    rest: object = body
    for text in reading.texts:
        rest = _with(rest, text.path, "")
    for whole in reading.wholes:
        rest = _with(rest, whole.path, None)
    return msgspec.structs.replace(reading, wholes=(Whole((), rest, (), format), *reading.wholes))


def _with(value: object, path: Path, new: object) -> object:
    """A value with another one at a path; what is beside the path is not copied."""
    if not path:
        return new
    assert isinstance(value, dict | list)
    copied = value.copy()
    copied[path[0]] = _with(value[path[0]], path[1:], new)  # type: ignore[index]
    return copied


class ChunkReader:
    """Reads an event that holds a list of alternatives (choices, candidates), each with texts of its own.

    `texts` are judged across events. An event that is `strange`, with anything in it that the reader does not
    know, is judged whole as well, without them.
    """

    def __init__(self, body: dict[str, object]) -> None:
        self.texts: list[Text] = []
        self.echoes: list[Echo] = []
        self.before: list[Channel] = []
        self.ends: list[Hashable] = []
        self.strange = False
        self._body = body

    def reading(self, format: bodies.Format) -> Reading:
        """What was found; the rest is a body of this format."""
        found = Reading(tuple(self.texts), (), tuple(self.echoes), tuple(self.before), tuple(self.ends))
        return with_rest(found, self._body, format) if self.strange else found

    def _know(self, held: Mapping[str, object], scalars: Set[str], others: Set[str] = frozenset()) -> None:
        """Notes whether an object holds anything else."""
        self.strange = self.strange or not is_known(held, scalars, others)

    def _alternatives(self, member: str, found: object) -> Iterator[tuple[dict[str, object], int, Path]]:
        """The objects of the list that was found at a member: each with its index and its path."""
        if not isinstance(found, list):
            self.strange = True
            return
        for place, one in enumerate(found):
            if isinstance(one, dict):
                index = one.get("index", place)
                yield one, index if isinstance(index, int) else place, (member, place)
            else:
                self.strange = True


class _Slot(msgspec.Struct):
    """A text of a waiting event, at `[start, end)` of its channel."""

    text: Text
    channel: _Channel
    start: int
    end: int


class _Channel:
    """A judged text, and the edits in it that some waiting event still needs."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.fed = 0
        self.given = 0
        self.edits: deque[Replacement] = deque()
        self.first: int | None = None  # where the first edit begins
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        """Takes more of the text, which is judged later."""
        self.fed += len(text)
        self._waiting.append(text)

    def judged(self, deadline: Deadline, *, last: bool = False) -> None:
        """Judges what was added; `last`: nothing more is to come, as far as one knows. Raises `Denied`."""
        try:
            if self._waiting:
                text = "".join(self._waiting)
                self._waiting.clear()
                self.take(self.judge.feed(text, deadline))
            if last:
                self.take(self.judge.settle(deadline))
        except Denied as denied:
            # Of arguments nothing more is given out: half of them are of no use.
            if denied.released is not None and not isinstance(self.judge, ArgumentsJudge):
                self.take(denied.released)
            raise

    def take(self, released: Released) -> None:
        self.given = released.end
        self.edits += released.edits
        if self.first is None and released.edits:
            self.first = released.edits[0].start

    def written(self, slot: _Slot) -> str | None:
        """A slot's text with the edits in it; None where there are none. An edit stands where it begins."""
        while self.edits and self.edits[0].end <= slot.start:
            self.edits.popleft()
        parts: list[str] = []
        at = slot.start
        changed = False
        for edit in self.edits:
            if edit.start >= slot.end and not edit.start == edit.end == slot.end:
                break
            changed = True
            start, end = max(edit.start, at), min(edit.end, slot.end)
            parts.append(slot.text.text[at - slot.start : start - slot.start])
            if edit.start >= slot.start:
                parts.append(edit.text)
            at = max(at, end)
        if not changed:
            return None
        return "".join((*parts, slot.text.text[at - slot.start :]))


class _Echo(msgspec.Struct):
    """An echo in a waiting event, of a channel as far as it had come."""

    path: Path
    channel: _Channel
    end: int

    def goes(self) -> bool:
        return self.channel.first is not None and self.channel.first < self.end


class _Waiting(msgspec.Struct):
    """An event that is not sent on yet."""

    event: Framed
    body: dict[str, object] | None
    slots: list[_Slot]
    echoes: list[_Echo] = []
    changed: bool = False

    def decided(self) -> bool:
        return all(slot.channel.given >= slot.end for slot in self.slots) and all(
            echo.channel.given >= echo.end for echo in self.echoes
        )

    def written(self) -> bytes:
        """The event as it is sent on."""
        for slot in self.slots:
            text = slot.channel.written(slot)
            assert self.body is not None
            put(self.body, slot.text.path, slot.text.text if text is None else text)
            if text is not None:
                _forget(self.body, slot.text.forget)
                self.changed = True
        for echo in self.echoes:
            if echo.goes():
                _forget(self.body, (echo.path,))
                self.changed = True
        if not self.changed:
            return self.event.raw
        return self.event.with_data(msgspec.json.encode(self.body))


class EventStream:
    """Judges a stream of events. `denied` is set when it has ended early; then nothing more is given out.

    With a `restorer` the placeholders in what was judged are turned back.
    """

    def __init__(self, stream: Stream, dialect: Dialect, restorer: Restorer | None = None) -> None:
        self.stream = stream
        self.denied: Denied | None = None
        self._dialect = dialect
        self._restorer = restorer
        self._idle = stream.idle and restorer is None
        self._reader = dialect.framing()
        self._channels: dict[Hashable, dict[Channel, _Channel]] = {}  # by group
        self._told: dict[Channel, _Channel] = {}  # those that were told more than is judged
        self._waiting: deque[_Waiting] = deque()

    def feed(self, data: bytes, deadline: Deadline) -> bytes:
        """Takes more of the stream and gives what can be sent on."""
        if self._idle:
            return data
        return self._run(data, deadline, last=False)

    def close(self, deadline: Deadline) -> bytes:
        """The stream has ended; gives the rest."""
        if self._idle:
            return b""
        return self._run(b"", deadline, last=True)

    def _run(self, data: bytes, deadline: Deadline, *, last: bool) -> bytes:
        if self.denied is not None:
            return b""
        out: list[bytes] = []
        try:
            try:
                events = [*self._reader.feed(data)]
            except sse.TooLargeError:
                self.stream.fail(Unjudged(Reason.TOO_LONG, detail="an event of the stream"), always=True)
                events = []
            if last:
                events += self._reader.close()
            for event in events:
                self._take(event, deadline)
            # What came together is judged together, which costs hardly more than a single event.
            self._judge_texts(deadline)
            if last:
                self._settle_groups(None, deadline)
            out += self._ready()
        except Denied as denied:
            out += self._ready()
            self.denied = denied
            self._waiting.clear()
            out.append(self._dialect.denied("the response was stopped by a guardrail"))
        return b"".join(out)

    def _ready(self) -> Iterator[bytes]:
        while self._waiting and self._waiting[0].decided():
            yield self._waiting.popleft().written()

    def _take(self, event: Framed, deadline: Deadline) -> None:
        body = None if event.data is None else _decoded(event.data)
        if body is None:
            self._judge_texts(deadline)
            if event.data is not None and event.data.strip() not in {b"", b"[DONE]"}:
                self.stream.fail(Unjudged(Reason.UNKNOWN_FORMAT, detail="an event is no JSON object"))
            if event.data is not None and event.data.strip() == b"[DONE]":
                self._settle_groups(None, deadline)
            self._waiting.append(_Waiting(event, None, []))
            return
        reading = self._dialect.read(event.name, body)
        for name in reading.before:
            self._settle(self._channels.get(name[0], {}).get(name), deadline)
        waiting = _Waiting(event, body, [])
        if reading.wholes:
            self._judge_texts(deadline)
        for whole in reading.wholes:
            self._judge_whole(waiting, whole, deadline)
        self._waiting.append(waiting)
        for text in reading.texts:
            channel = self._channel(text)
            start = channel.fed
            channel.add(text.text)
            self._told[text.channel] = channel
            waiting.slots.append(_Slot(text, channel, start, channel.fed))
        for echo in reading.echoes:
            echoed = self._channels.get(echo.group, {}).values()
            waiting.echoes += [_Echo(echo.path, one, one.fed) for one in echoed]
        self._settle_groups(reading.ends, deadline)

    def _channel(self, text: Text) -> _Channel:
        group = self._channels.setdefault(text.channel[0], {})
        channel = group.get(text.channel)
        if channel is None:
            judge: Judge = (
                ArgumentsJudge(partial(self._judge, Kind.TOOL_INPUT, text.tool))
                if text.arguments
                else self._judge(text.kind, text.tool)
            )
            channel = group[text.channel] = _Channel(judge)
        return channel

    def _judge(self, kind: Kind, tool: str | None = None) -> Judge:
        judge = self.stream.channel(Role.ASSISTANT, kind)
        if self._restorer is None:
            return judge
        return RestoringText(judge, self._restorer, Destination(Role.ASSISTANT, kind, tool))

    def _settle_groups(self, groups: Iterable[Hashable] | None, deadline: Deadline) -> None:
        """Settles the channels of groups that end, None for all."""
        for group in list(self._channels) if groups is None else groups:
            for channel in self._channels.get(group, {}).values():
                self._settle(channel, deadline)

    def _settle(self, channel: _Channel | None, deadline: Deadline) -> None:
        if channel is not None:
            channel.judged(deadline, last=True)

    def _judge_texts(self, deadline: Deadline) -> None:
        told, self._told = self._told, {}
        for channel in told.values():
            channel.judged(deadline)

    def _judge_whole(self, waiting: _Waiting, whole: Whole, deadline: Deadline) -> None:
        stream = self.stream
        judged = stream.on.whole.judge_body(
            whole.body,
            Hook.RESPONSE,
            stream.context,
            deadline=deadline,
            today=stream.today,
            format=whole.format,
            request=stream.request,
        )
        stream.take(judged.decision)
        stream.characters += judged.decision.characters
        stream.segments += judged.decision.segments
        masked = judged.decision.verdict is Verdict.MASK
        body = judged.body if masked else whole.body
        if self._restorer is not None:
            restored = restore_body(body, whole.format, self._restorer, judged.decision.edits)
            masked, body = masked or restored is not body, restored
        if masked or waiting.changed:  # what was left out of a rewritten rest comes back
            assert waiting.body is not None
            value = _get(body, whole.at)
            if whole.path:
                put(waiting.body, whole.path, value)
            else:
                assert isinstance(value, dict)
                waiting.body = value
            if masked:
                _forget(waiting.body, whole.forget)
            waiting.changed = True


def _decoded(data: bytes) -> dict[str, object] | None:
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _forget(body: object, paths: Iterable[Path]) -> None:
    for path in paths:
        put(body, path, bodies.emptied(_get(body, path)))


def _get(value: object, path: Path) -> object:
    for step in path:
        assert isinstance(value, dict | list)
        value = value[step]  # type: ignore[index]
    return value


def put(body: object, path: Path, new: object) -> None:
    """Sets the member of a JSON value at a path that is there."""
    holder = _get(body, path[:-1])
    assert isinstance(holder, dict | list)
    holder[path[-1]] = new  # type: ignore[index]
