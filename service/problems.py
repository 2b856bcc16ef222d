"""RFC 9457 problem details: what a caller is told when nothing was judged."""

from __future__ import annotations

import msgspec
from litestar import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than a verdict. `detail` never holds a part of the message."""

    def __init__(self, status: int, title: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of a problem. `instance` names the request; it is in the log too."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    instance: str | msgspec.UnsetType = msgspec.UNSET


def response(problem: Problem, request_id: str = "") -> Response[bytes]:
    """The HTTP answer of a problem."""
    headers = {"X-Request-Id": request_id} if request_id else {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    instance = f"urn:request:{request_id}" if request_id else msgspec.UNSET
    details = ProblemDetails(problem.title, problem.status, problem.detail, instance=instance)
    return Response(
        msgspec.json.encode(details), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )
