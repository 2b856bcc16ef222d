"""What the hook endpoints take and answer, for OpenAPI: the handlers read the raw body themselves."""

from __future__ import annotations

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
        {"role": "user", "content": "mail MASKED_EMAIL_ADDRESS_7K2M9Q4WXA5TR now"},
    ],
}

_TEXT = Schema(type=OpenAPIType.STRING)
_TEXTS = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
_OBJECTS = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT))
_JSON = Schema(description="The provider's JSON, exactly as the gateway has it.")


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
    route=_TEXT,
    provider=_TEXT,
    model=_TEXT,
    metadata=Schema(type=OpenAPIType.OBJECT, additional_properties=_TEXT),
)
_HOOK_REQUEST = _object(
    ["body"],
    closed=True,
    body=_JSON,
    format=Schema(type=OpenAPIType.STRING, enum=[one.value for one in Format]),
    context=_CONTEXT,
)
_HOOK_ANSWER = _object(
    ["verdict", "rules", "findings", "unjudged", "policy"],
    verdict=Schema(type=OpenAPIType.STRING, enum=["allow", "mask", "deny"]),
    body=Schema(description="The rewritten body, for `mask` only."),
    rules=_TEXTS,
    findings=_OBJECTS,
    shadow=_OBJECTS,
    excused=_OBJECTS,
    counts=Schema(type=OpenAPIType.OBJECT),
    unjudged=_OBJECTS,
    unknown=_TEXTS,
    opaque=_OBJECTS,
    format=_TEXT,
    policy=_TEXT,
    timings_ms=Schema(type=OpenAPIType.OBJECT),
)
_PROBLEM = _object(
    ["title", "status", "detail", "type"],
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


HOOK_EXAMPLE = {"body": _CHAT, "context": {"route": "support", "provider": "openai"}}
PORTKEY_EXAMPLE = {
    "request": {"json": _CHAT, "text": "mail ada@example.com now", "isStreamingRequest": False},
    "response": {"json": {}, "text": "", "statusCode": None},
    "provider": "openai",
    "requestType": "chatComplete",
    "metadata": {"team": "blue"},
    "eventType": "beforeRequestHook",
}


@dataclass
class HookOperation(Operation):
    """Documents our own hook endpoints."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True, content=_json(_HOOK_REQUEST, HOOK_EXAMPLE, "a chat request")
        )
        answer = {
            "verdict": "mask",
            "rules": ["pii.contact"],
            "findings": [],
            "unjudged": [],
            "policy": "sha256:…",
        }
        self.responses = dict(_responses(_json(_HOOK_ANSWER, {**answer, "body": _MASKED_CHAT}, "masked")))


@dataclass
class PortkeyOperation(Operation):
    """Documents the Portkey webhook."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True, content=_json(_PORTKEY_REQUEST, PORTKEY_EXAMPLE, "before a chat request")
        )
        answer = {
            "verdict": True,
            "data": {"verdict": "mask", "rules": ["pii.contact"]},
            "transformedData": {"request": {"json": _MASKED_CHAT}},
        }
        self.responses = dict(_responses(_json(_PORTKEY_ANSWER, answer, "masked")))
