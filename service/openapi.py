"""What the hook endpoints take and answer, for OpenAPI: the handlers read the raw body themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from guardrails.bodies import Format
from guardrails.model import Action, Kind, Place, Reason, Role, Severity, Verdict

_CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": "mail ada@example.com now"},
    ],
}
_MASKED_CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR0BC now"},
    ],
}

_TEXT = Schema(type=OpenAPIType.STRING)
_TEXTS = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
_JSON = Schema(description="The provider's JSON, exactly as the gateway has it.")
_COUNT = Schema(type=OpenAPIType.INTEGER, minimum=0)
_NUMBER = Schema(type=OpenAPIType.NUMBER)


def _nullable(description: str) -> Schema:
    return Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL], description=description)


def _object(required: list[str], *, closed: bool = False, **properties: Schema) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT,
        required=required,
        properties=dict(properties),
        additional_properties=False if closed else None,
    )


_CONTEXT = _object(
    [],
    closed=True,
    route=_nullable("The gateway's name of where this call goes."),
    provider=_nullable("Who serves the model."),
    model=_nullable("The model that will be called."),
    metadata=Schema(
        type=OpenAPIType.OBJECT,
        additional_properties=Schema(type=[OpenAPIType.STRING, OpenAPIType.NUMBER, OpenAPIType.BOOLEAN]),
    ),
    conversation=_nullable("What ties a response to the requests before it, so that values come back."),
)
_MEMBERS = {
    "body": _JSON,
    "format": Schema(
        type=[OpenAPIType.STRING, OpenAPIType.NULL],
        enum=[*(one.value for one in Format), None],
        description="The body's format; told from its shape when absent.",
    ),
    "context": _CONTEXT,
}
_HOOK_REQUEST = _object(["body"], closed=True, **_MEMBERS)
_HOOK_RESPONSE = _object(
    ["body"],
    closed=True,
    **_MEMBERS,
    request=Schema(description="The request's body, for rules that compare a response with it."),
)
_FINDING = _object(
    ["rule", "severity", "action", "label", "score", "pointer", "start", "end", "fingerprint"],
    rule=_TEXT,
    severity=Schema(type=OpenAPIType.STRING, enum=[one.word for one in Severity]),
    action=Schema(type=OpenAPIType.STRING, enum=[one.word for one in Action]),
    label=Schema(type=OpenAPIType.STRING, description="The entity or kind that was found."),
    score=_NUMBER,
    pointer=Schema(
        type=OpenAPIType.STRING, description="RFC 6901 pointer; a key that may be a value is `…`."
    ),
    inner=_nullable("Pointer within JSON text at `pointer`."),
    place=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Place]),
    start=_COUNT,
    end=_COUNT,
    role=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Role]),
    kind=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Kind]),
    view=Schema(type=OpenAPIType.STRING, description="`source`, or the reading it was seen in."),
    fingerprint=Schema(type=OpenAPIType.STRING, description="Keyed hash that names the value, per tenant."),
    why=_TEXT,
    exception=_nullable("The exception that excuses it."),
)
_FINDINGS = Schema(type=OpenAPIType.ARRAY, items=_FINDING)
_UNJUDGED = _object(
    ["reason", "rule", "pointer", "detail"],
    reason=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Reason]),
    rule=_nullable("None: every rule in scope."),
    pointer=_nullable("None: the whole body."),
    detail=_TEXT,
)
_HOOK_ANSWER = _object(
    ["verdict", "rules", "findings", "unjudged", "policy"],
    closed=True,
    verdict=Schema(type=OpenAPIType.STRING, enum=[one.word for one in Verdict]),
    body=Schema(description="The rewritten body: what was masked, and what came back in a response."),
    restored=_object(
        [], closed=True, **dict.fromkeys(("values", "withheld", "unknown", "unavailable"), _COUNT)
    ),
    rules=_TEXTS,
    findings=_FINDINGS,
    shadow=_FINDINGS,
    excused=_FINDINGS,
    counts=_object(
        ["findings", "shadow", "excused"], closed=True, findings=_COUNT, shadow=_COUNT, excused=_COUNT
    ),
    unjudged=Schema(type=OpenAPIType.ARRAY, items=_UNJUDGED),
    unknown=Schema(
        type=OpenAPIType.ARRAY, items=_TEXT, description="Shapes that no format describes; judged as data."
    ),
    opaque=Schema(
        type=OpenAPIType.ARRAY, items=_object(["pointer", "what"], closed=True, pointer=_TEXT, what=_TEXT)
    ),
    format=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Format]),
    policy=Schema(type=OpenAPIType.STRING, description="Digest of the policy set in force."),
    timings_ms=Schema(type=OpenAPIType.OBJECT, additional_properties=_NUMBER),
)
_PROBLEM = _object(
    ["type", "title", "status", "detail"],
    type=_TEXT,
    title=_TEXT,
    status=Schema(type=OpenAPIType.INTEGER),
    detail=_TEXT,
    instance=_TEXT,
)
_PORTKEY_REQUEST = _object(
    ["request", "eventType"],
    request=Schema(type=OpenAPIType.OBJECT),
    response=Schema(type=OpenAPIType.OBJECT),
    provider=_TEXT,
    requestType=_TEXT,
    metadata=Schema(type=OpenAPIType.OBJECT),
    eventType=Schema(type=OpenAPIType.STRING, enum=["beforeRequestHook", "afterRequestHook"]),
)
_PORTKEY_ANSWER = _object(
    ["verdict", "data"],
    verdict=Schema(type=OpenAPIType.BOOLEAN),
    data=Schema(type=OpenAPIType.OBJECT),
    transformedData=Schema(type=OpenAPIType.OBJECT),
)


def _json(schema: Schema, value: object, summary: str) -> dict[str, OpenAPIMediaType]:
    example = Example(summary=summary, value=value)
    return {"application/json": OpenAPIMediaType(schema=schema, examples={"example": example})}


def _responses(ok: dict[str, OpenAPIMediaType]) -> dict[str, OpenAPIResponse]:
    problem = {"application/problem+json": OpenAPIMediaType(schema=_PROBLEM)}
    return {
        "200": OpenAPIResponse(description="Judged, whatever the verdict.", content=ok),
        "400": OpenAPIResponse(description="The payload is malformed.", content=problem),
        "401": OpenAPIResponse(description="No known API key.", content=problem),
        "413": OpenAPIResponse(description="The payload is too large.", content=problem),
        "415": OpenAPIResponse(description="The payload has a content encoding.", content=problem),
        "429": OpenAPIResponse(description="Too much under way for this tenant.", content=problem),
        "503": OpenAPIResponse(description="Too much under way.", content=problem),
    }


TEXT = _TEXT
TEXTS = _TEXTS
NUMBER = _NUMBER
COUNT = _COUNT
BOOLEAN = Schema(type=OpenAPIType.BOOLEAN)
ANY = Schema(type=OpenAPIType.OBJECT)
ANYTHING = Schema()


def array(items: Schema) -> Schema:
    return Schema(type=OpenAPIType.ARRAY, items=items)


def nullable(schema: Schema) -> Schema:
    return Schema(one_of=[schema, Schema(type=OpenAPIType.NULL)])


def words(*values: str) -> Schema:
    """A text that is one of a few words."""
    return Schema(type=OpenAPIType.STRING, enum=list(values))


def record(required: Sequence[str], **properties: Schema) -> Schema:
    """An object that may have more members than those named."""
    return _object(list(required), closed=False, **properties)


def described(
    request: Schema, example: object, answer: Schema, answered: object, error: Schema | None = None
) -> type[Operation]:
    """The class that documents one operation; `answered` is what the shipped policies answer to `example`.

    `error` is the body of a 400 where the dialect has one of its own.
    """

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(required=True, content=_json(request, example, "a call"))
            self.responses = dict(_responses(_json(answer, answered, "the answer")))
            if error is not None:
                content = {"application/json": OpenAPIMediaType(schema=error)}
                self.responses["400"] = OpenAPIResponse(description="Not judged.", content=content)

    return Described


HOOK_EXAMPLE = {"body": _CHAT, "context": {"route": "support", "provider": "openai"}}
PORTKEY_EXAMPLE = {
    "request": {"json": _CHAT, "text": "mail ada@example.com now", "isStreamingRequest": False},
    "response": {"json": {}, "text": "", "statusCode": None},
    "provider": "openai",
    "requestType": "chatComplete",
    "metadata": {"team": "blue"},
    "eventType": "beforeRequestHook",
}


# What the examples above are answered; fingerprints, placeholders, digest and times differ by installation.
HOOK_ANSWER_EXAMPLE = {
    "verdict": "mask",
    "rules": ["pii.contact"],
    "findings": [
        {
            "rule": "pii.contact",
            "severity": "medium",
            "action": "mask",
            "label": "EMAIL_ADDRESS",
            "score": 1.0,
            "pointer": "/messages/1/content",
            "inner": None,
            "place": "value",
            "start": 5,
            "end": 20,
            "role": "user",
            "kind": "text",
            "view": "source",
            "fingerprint": "p4gk6pu346oebsbt6l3tfv4j",
            "why": "pattern, domain",
            "exception": None,
        }
    ],
    "shadow": [],
    "excused": [],
    "counts": {"findings": 1, "shadow": 0, "excused": 0},
    "unjudged": [],
    "unknown": [],
    "opaque": [],
    "format": "openai.chat",
    "policy": "sha256:b1946ac92492d234",
    "timings_ms": {"read": 0.03, "detect": 0.2, "mask": 0.1, "rewrite": 0.01},
    "body": _MASKED_CHAT,
}
PORTKEY_ANSWER_EXAMPLE = {
    "verdict": True,
    "data": {
        "verdict": "mask",
        "rules": ["pii.contact"],
        "unjudged": [],
        "policy": "sha256:b1946ac92492d234",
    },
    "transformedData": {"request": {"json": _MASKED_CHAT}},
}


BeforeRequest = described(_HOOK_REQUEST, HOOK_EXAMPLE, _HOOK_ANSWER, HOOK_ANSWER_EXAMPLE)
AfterResponse = described(
    _HOOK_RESPONSE,
    {"body": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}},
    _HOOK_ANSWER,
    {
        **{name: one for name, one in HOOK_ANSWER_EXAMPLE.items() if name != "body"},
        "verdict": "allow",
        "rules": [],
        "findings": [],
        "counts": {"findings": 0, "shadow": 0, "excused": 0},
        "timings_ms": {},
    },
)
PortkeyOperation = described(_PORTKEY_REQUEST, PORTKEY_EXAMPLE, _PORTKEY_ANSWER, PORTKEY_ANSWER_EXAMPLE)
