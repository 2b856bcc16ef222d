"""The product's vocabulary, as frozen structs and ordered enums.

Everything else in the library speaks these types. This module imports nothing of ours.
Offsets are Unicode code points into the text as it was sent, end exclusive.
No type here that leaves the engine (`Finding`, `Unjudged`, `Decision`) carries a matched value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, IntEnum

import msgspec


class Hook(str, Enum):
    """Which half of an exchange is judged."""

    REQUEST = "request"
    RESPONSE = "response"


class Role(str, Enum):
    """Who speaks a segment."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Kind(str, Enum):
    """What a segment is.

    `tool_input` is what a model asks a tool to do, `tool_output` what the tool answered,
    `input` the bare text of an embedding or completion request, `data` a string found by walking
    a shape that no format describes.
    """

    TEXT = "text"
    TOOL_INPUT = "tool_input"
    TOOL_OUTPUT = "tool_output"
    DOCUMENT = "document"
    INPUT = "input"
    DATA = "data"


class Place(str, Enum):
    """Which part of the JSON member at a pointer a segment is."""

    VALUE = "value"
    KEY = "key"


class _Ordered(IntEnum):
    """An ordered enum that is spelt by its lower-case name in YAML and JSON."""

    @property
    def word(self) -> str:
        return self.name.lower()


class Severity(_Ordered):
    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Action(_Ordered):
    """What a rule asks for, from the loosest to the strictest."""

    FLAG = 0
    MASK = 1
    DENY = 2


class Verdict(_Ordered):
    """What the gateway is told, from the loosest to the strictest."""

    ALLOW = 0
    MASK = 1
    DENY = 2


class Mode(str, Enum):
    """Whether a rule counts (`enforce`), is only measured (`shadow`) or is not run (`off`)."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class OnError(str, Enum):
    """What an unjudged rule counts as."""

    DENY = "deny"
    ALLOW = "allow"


class Span(msgspec.Struct, frozen=True, order=True):
    """`[start, end)` in code points."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z_.$-]{0,40}[0-9]{0,3}|[0-9]{1,7}|")


def shown(pointer: str) -> str:
    """A pointer for people and logs: keys are the sender's, so whatever could be a value is `…`."""
    return "/".join(part if _PLAIN_KEY.fullmatch(part) else "…" for part in pointer.split("/"))


class Address(msgspec.Struct, frozen=True, order=True):
    """Where a segment is in a body.

    `pointer` is an RFC 6901 pointer into the body. Where the string there is itself JSON text
    (a tool call's arguments), `inner` is the RFC 6901 pointer inside that text, else None.
    `place` says whether the text is the member's value or its key.
    """

    pointer: str
    inner: str | None = None
    place: Place = Place.VALUE

    def __str__(self) -> str:
        """For people and logs: a key that could be a value is shown as `…`."""
        text = shown(self.pointer) if self.inner is None else f"{shown(self.pointer)}#{shown(self.inner)}"
        return text if self.place is Place.VALUE else f"{text} (key)"


class Segment(msgspec.Struct, frozen=True):
    """One text of a body. A number that could carry an identifier is a segment of its digits."""

    address: Address
    role: Role
    kind: Kind
    text: str


class Context(msgspec.Struct, frozen=True):
    """Who speaks, as the gateway says. Never read from the message."""

    tenant: str = "default"
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    metadata: Mapping[str, str] = {}


class Reason(str, Enum):
    """Why something was not judged."""

    DEADLINE = "deadline"  # the time for the exchange ran out
    PATTERN_TIMEOUT = "pattern_timeout"  # one pattern ran into its own limit
    TOO_LONG = "too_long"  # the text or a match is longer than can be judged
    TOO_DEEP = "too_deep"  # nesting beyond the limit
    TOO_MANY = "too_many"  # more decoded pieces or findings than the limit
    DETECTOR_ERROR = "detector_error"  # a detector raised
    NO_MODEL = "no_model"  # the rule needs a model that is not there
    NO_ANSWER = "no_answer"  # the provider that the rule asks gave no answer, or none that counts
    NO_BODY = "no_body"  # a stream whose body the gateway did not send
    NO_REQUEST = "no_request"  # the rule compares with the request, which was not shown
    STREAMED = "streamed"  # the rule needs the whole text, and it was streamed
    UNKNOWN_FORMAT = "unknown_format"  # the body could not be read at all
    UNAPPLICABLE = "unapplicable"  # a mask could not be written into the body


class Unjudged(msgspec.Struct, frozen=True):
    """Something that a rule should have looked at and could not.

    `rule` is None when every rule in scope is meant; `address` is None when the whole body is.
    """

    reason: Reason
    rule: str | None = None
    address: Address | None = None
    detail: str = ""


class Opaque(msgspec.Struct, frozen=True):
    """A part that is left alone by contract: an image, audio, a signature, a thinking block."""

    pointer: str
    what: str


class Hit(msgspec.Struct, frozen=True):
    """What a detector saw: a span of the source text, a label, a score from 0 to 1.

    `view` names the view it was seen in (`source`, `normalised`, `base64`, ...). `why` says what
    led to it (pattern, proof, context word), without the value.
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    view: str = "source"
    why: str = ""

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class Finding(msgspec.Struct, frozen=True):
    """A hit, tied to the rule that asked for it and the segment it is in.

    `fingerprint` is the keyed hash that identifies the value for one tenant.
    `action` is what the rule asks for after escalation.
    """

    rule: str
    severity: Severity
    action: Action
    address: Address
    role: Role
    kind: Kind
    start: int
    end: int
    label: str
    score: float
    view: str
    fingerprint: str
    why: str = ""
    exception: str | None = None  # the id of the exception that excuses it
    shadow: bool = False


class Edit(msgspec.Struct, frozen=True):
    """Replace `[start, end)` of the segment at `address` by `text`."""

    address: Address
    start: int
    end: int
    text: str
