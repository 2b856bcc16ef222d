"""What Envoy is answered: one half of an HTTP exchange at a time, by the mode that its body is sent in.

Header values go in `raw_value`: Envoy leaves out a plain `value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as proto
from envoy.type.v3 import http_status_pb2

Mode = processing_mode_pb2.ProcessingMode
NONE: int = Mode.NONE
BUFFERED: int = Mode.BUFFERED
STREAMED: int = Mode.STREAMED
DUPLEX: int = Mode.FULL_DUPLEX_STREAMED

PIECE_BYTES = 65_536
"""The most of a body that is sent back in one message."""

NOTHING_MORE = Mode(
    response_header_mode=Mode.SKIP,
    request_body_mode=Mode.NONE,
    response_body_mode=Mode.NONE,
    request_trailer_mode=Mode.SKIP,
    response_trailer_mode=Mode.SKIP,
)
"""The mode for an exchange that is not judged."""

BODY_AS_IT_COMES = Mode(
    request_body_mode=Mode.BUFFERED, response_header_mode=Mode.SEND, response_body_mode=Mode.STREAMED
)
"""The mode for a response that is a stream of events, where bodies are buffered otherwise."""


def headers_of(message: Any) -> dict[str, str]:
    """The headers of a `HttpHeaders`; of several with a name the last."""
    return {one.key: one.raw_value.decode("latin-1") or one.value for one in message.headers.headers}


class Half:
    """The request or the response of an exchange. `mode` is that of its body."""

    def __init__(self, name: str, mode: int) -> None:
        self._name = name
        self.mode = mode

    def headers(
        self, put: Mapping[str, str] | None = None, remove: Iterable[str] = (), override: Any = None
    ) -> Any:
        """Lets the headers pass, changed so."""
        changed = proto.HeaderMutation(set_headers=_set(put or {}), remove_headers=remove)
        answer = proto.HeadersResponse(response=proto.CommonResponse(header_mutation=changed))
        return proto.ProcessingResponse(**{f"{self._name}_headers": answer}, mode_override=override)

    def body(self, data: bytes | None, *, last: bool) -> list[Any]:
        """Lets what came of the body pass as `data`; None: as it came, where the mode knows that."""
        if self.mode == DUPLEX:
            return [self._piece(one, end and last) for one, end in _pieces(data or b"", last=last)]
        if data is None:
            return [self._body(proto.CommonResponse())]
        length = {"content-length": str(len(data))} if self.mode == BUFFERED else {}
        mutation = proto.BodyMutation(body=data) if data else proto.BodyMutation(clear_body=True)
        changed = proto.HeaderMutation(set_headers=_set(length))
        return [self._body(proto.CommonResponse(header_mutation=changed, body_mutation=mutation))]

    def trailers(self) -> Any:
        """Lets the trailers pass."""
        return proto.ProcessingResponse(**{f"{self._name}_trailers": proto.TrailersResponse()})

    def _piece(self, data: bytes, end: bool) -> Any:
        streamed = proto.StreamedBodyResponse(body=data, end_of_stream=end)
        return self._body(proto.CommonResponse(body_mutation=proto.BodyMutation(streamed_response=streamed)))

    def _body(self, response: Any) -> Any:
        return proto.ProcessingResponse(**{f"{self._name}_body": proto.BodyResponse(response=response)})


def at_once(status: int, body: bytes, details: str, headers: Mapping[str, str]) -> Any:
    """Answers the client in place of the upstream."""
    return proto.ProcessingResponse(
        immediate_response=proto.ImmediateResponse(
            status=http_status_pb2.HttpStatus(code=status),
            headers=proto.HeaderMutation(set_headers=_set(headers)),
            body=body,
            details=details,
        )
    )


def _pieces(data: bytes, *, last: bool) -> Iterable[tuple[bytes, bool]]:
    """Pieces of a body, and whether each is the last of them; an end alone is an empty piece."""
    if not data and last:
        yield b"", True
    for at in range(0, len(data), PIECE_BYTES):
        yield data[at : at + PIECE_BYTES], at + PIECE_BYTES >= len(data)


def _set(headers: Mapping[str, str]) -> list[Any]:
    overwrite = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return [
        base_pb2.HeaderValueOption(
            header=base_pb2.HeaderValue(key=name, raw_value=value.encode("latin-1")), append_action=overwrite
        )
        for name, value in headers.items()
    ]
