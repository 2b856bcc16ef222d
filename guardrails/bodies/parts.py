"""A body taken apart without being decoded: its messages one by one, and all the rest.

Agents send the same messages again every turn. What is known of a message by its bytes needs no decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from guardrails.bodies.apply import apply, resolve
from guardrails.bodies.detect import Traits, detect, traits
from guardrails.bodies.formats import Format
from guardrails.bodies.reading import Reading, read
from guardrails.model import Address, Edit, Hook

_LISTS = ("messages", "input", "contents")
"""The members that hold a conversation, in the formats that have one."""

BLOCK = 24
"""Messages that are looked up at once."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


class Part:
    """One message of a body, or (`index` None) the body without its messages.

    Its own addresses are those in a body that has this message alone; `place` and `unplace` turn them
    into those in the whole body and back.
    """

    __slots__ = ("_body", "_index", "_member", "_read", "raw")

    def __init__(self, raw: msgspec.Raw, member: str, index: int | None) -> None:
        self.raw = raw
        self._member = member
        self._index = index
        self._body: object = msgspec.UNSET
        self._read: tuple[tuple[Hook, Format], Reading] | None = None

    @property
    def body(self) -> object:
        """The part as a body. Raises `msgspec.DecodeError` when it is not JSON after all."""
        if self._body is msgspec.UNSET:
            value: object = msgspec.json.decode(self.raw)
            self._body = value if self._index is None else {self._member: [value]}
        return self._body

    def read(self, hook: Hook, format: Format) -> Reading:
        """What the part holds; kept, for where something was seen its texts are asked for once more."""
        if self._read is None or self._read[0] != (hook, format):
            self._read = ((hook, format), read(self.body, hook, format))
        return self._read[1]

    def traits(self) -> Traits:
        """What the part tells of the body's format."""
        return traits(self.body[self._member]) if isinstance(self.body, dict) else Traits()

    def text(self, address: Address) -> str:
        """The text at one of the part's own addresses. Raises `EditError` when there is none."""
        return resolve(self.body, address)

    def rewritten(self, edits: Sequence[Edit]) -> msgspec.Raw:
        """The part's JSON with edits made at its own addresses. Raises `EditError`."""
        body = apply(self.body, edits, self._read[1].opaque if self._read else ())
        value = body[self._member][0] if self._index is not None and isinstance(body, dict) else body
        return msgspec.Raw(msgspec.json.encode(value))

    def pointer(self, pointer: str) -> str:
        """One of the part's own pointers as one into the whole body."""
        if self._index is None:
            return pointer
        return f"/{self._member}/{self._index}{pointer[len(self._member) + 3 :]}"  # instead of 0

    def place(self, address: Address) -> Address:
        return Address(self.pointer(address.pointer), address.inner, address.place)

    def unplace(self, address: Address) -> Address:
        if self._index is None:
            return address
        placed = len(f"/{self._member}/{self._index}")
        return Address(f"/{self._member}/0{address.pointer[placed:]}", address.inner, address.place)


class Parts:
    """A JSON object in parts: the head first, then its messages in order.

    What is not clearly a conversation is one part, the head.
    """

    def __init__(self, data: bytes | msgspec.Raw, hook: Hook) -> None:
        """Raises `msgspec.DecodeError` when `data` is no JSON object, or none that `msgspec` takes."""
        members = _object.decode(data)
        named = [name for name in _LISTS if name in members]
        lone = hook is Hook.REQUEST and len(named) == 1 and _is_array(members[named[0]])
        self._list = named[0] if lone else ""
        items = _array.decode(members[self._list]) if self._list else []
        if items and _first(items[0]) != "{":
            self._list, items = "", []  # numbers or texts: too many and too small to be worth it
        if items:
            members[self._list] = msgspec.Raw(b"null")  # it keeps its place
        self.head = Part(msgspec.Raw(msgspec.json.encode(members)), self._list, None)
        self.items = tuple(Part(item, self._list, place) for place, item in enumerate(items))

    def blocks(self) -> Iterator[tuple[Part, ...]]:
        """The head alone, then the messages by the dozen: a conversation grows at its end only."""
        yield (self.head,)
        for first in range(0, len(self.items), BLOCK):
            yield self.items[first : first + BLOCK]

    @property
    def needs_traits(self) -> bool:
        """Whether the messages must be known to tell the format of a request."""
        return self._list == "messages"

    def format(self, hook: Hook, seen: Traits) -> Format:
        """The format by the body's shape; `seen` are the traits of all messages."""
        if self.needs_traits:
            return detect(self.head.body, hook, seen)
        head = self.head.body
        return detect({**head, self._list: [{}]} if self.items and isinstance(head, dict) else head, hook)

    def joined(self, rewritten: Mapping[Part, msgspec.Raw]) -> msgspec.Raw:
        """The body with some of its parts rewritten; the others stay byte for byte."""
        members: dict[str, object] = dict(_object.decode(rewritten.get(self.head, self.head.raw)))
        if self.items:
            members[self._list] = [rewritten.get(item, item.raw) for item in self.items]
        return msgspec.Raw(msgspec.json.encode(members))


def is_in_conversation(address: Address) -> bool:
    """Whether an address in a whole body is in its messages, rather than in what stands around them."""
    return address.pointer.lstrip("/").split("/", 1)[0] in _LISTS


def _is_array(raw: msgspec.Raw) -> bool:
    return _first(raw) == "["


def _first(raw: msgspec.Raw) -> str:
    return chr(memoryview(raw)[0])
