"""Errors of the service, the table from errors to HTTP statuses, and problem details (RFC 9457)."""

import errno
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic_core import ErrorDetails, ValidationError
from starlette.responses import JSONResponse

from models import errors

PROBLEM_TYPE = "application/problem+json"
MAX_FIELDS = 20  # errors listed for one body
MAX_VALIDATION_ERRORS = 1000  # each costs a kilobyte, and pydantic builds all or none
NAME_CHARS = 200
NO_FIELD = "no such field"
_UNION_MEMBER = re.compile(r"bool|int|float|str|none|(constrained|function)-.*|[a-z]+\[.*")  # in pydantic's places
SHORTAGE_S = 5  # after which a caller may retry
SHORTAGES: Mapping[int | None, str] = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "file descriptors",
    errno.ENFILE: "file descriptors",
    errno.ENOSPC: "disk space",
    errno.EDQUOT: "disk space",
}


class BadRequest(errors.InputError):
    """The body does not match its content type."""


class MalformedRequest(errors.InputError):
    """The request breaks a rule of HTTP."""


class HeadTooLarge(errors.InputError):
    """The head of the request exceeds the size limit."""


class HeadTooSlow(errors.InputError):
    """The head of the request did not arrive in time."""


class BodyTooLarge(errors.InputError):
    """The body exceeds the size limit."""


class BodyTooSlow(errors.InputError):
    """The body did not arrive in time."""


class WrongMediaType(errors.InputError):
    """The route does not read this content type."""


class WrongEncoding(errors.InputError):
    """The body has a content encoding, such as gzip."""


class Unusable(errors.InputError):
    """The request is well-formed but cannot be fulfilled; `fields` names the fields at fault, if known."""

    def __init__(self, detail: str, *, fields: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.fields = tuple(fields)


class Later(errors.LikebutError):
    """The request may be retried after `retry_after_s`."""

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(Later):
    """The queue is full, or the wait would exceed the deadline."""


class TooManyConnections(Later):
    """As many connections as allowed have a request in progress."""


class OutOfResources(Later):
    """The machine has no memory, file descriptors or disk space left for the request."""


class RateLimited(Later):
    """A key exceeds its searches per second."""


class Unauthorized(errors.LikebutError):
    """The request has no key, or an unknown one."""


class Forbidden(errors.LikebutError):
    """The role of the key does not allow this, nor may a page of another origin do it."""


class NotReady(errors.LikebutError):
    """The service cannot search at the moment."""


# The nearest class in the method resolution order counts.
STATUS: Mapping[type[Exception], HTTPStatus] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    errors.UnknownItem: HTTPStatus.NOT_FOUND,
    errors.UnknownJob: HTTPStatus.NOT_FOUND,
    errors.JobRunning: HTTPStatus.CONFLICT,
    HeadTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    HeadTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ImageTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NotAnImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    WrongEncoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UnreachableImage: HTTPStatus.BAD_GATEWAY,
    errors.LateImage: HTTPStatus.GATEWAY_TIMEOUT,
    errors.InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyConnections: HTTPStatus.SERVICE_UNAVAILABLE,
    OutOfResources: HTTPStatus.SERVICE_UNAVAILABLE,
    Later: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.GalleryReadOnly: HTTPStatus.FORBIDDEN,
    errors.GalleryError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LikebutError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
PHRASES: Mapping[int, str] = {413: "Content Too Large", 422: "Unprocessable Content"}  # renamed since Python 3.11


def status_of(error: errors.LikebutError) -> int:
    """Return the HTTP status of an error."""
    return next(int(STATUS[kind]) for kind in type(error).__mro__ if kind in STATUS)


def answer(error: errors.LikebutError, *, request_id: str) -> JSONResponse:
    """Return the response for an error."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Later) else {}
    if isinstance(error, errors.GalleryUnavailable):
        headers["Retry-After"] = str(SHORTAGE_S)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="likebut"'
    if isinstance(error, WrongEncoding):
        headers["Accept-Encoding"] = "identity"  # as RFC 9110 (12.5.3) wants it
    fields = error.fields if isinstance(error, Unusable) else ()
    return problem(
        status_of(error), str(error), reason=reason(error), request_id=request_id, fields=fields, headers=headers
    )


def shortage(error: BaseException | None) -> OutOfResources | None:
    """Return the error to answer if the machine lacks memory, descriptors or disk space; None for any other error.

    The causes of the error count, too: an image that cannot be read for lack of memory is not the caller's fault.
    """
    while error is not None:
        if isinstance(error, MemoryError):
            return OutOfResources("the service is out of memory: retry later", retry_after_s=SHORTAGE_S)
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            return OutOfResources(
                f"the service is out of {SHORTAGES[error.errno]}: retry later", retry_after_s=SHORTAGE_S
            )
        error = error.__cause__
    return None


def blameless(error: errors.LikebutError) -> errors.LikebutError:
    """Return OutOfResources instead of an error that blames others for a shortage of the machine; else the error."""
    return error if status_of(error) == HTTPStatus.SERVICE_UNAVAILABLE else shortage(error) or error


def reason(error: errors.LikebutError) -> str:
    """Return the error's class as a word for problem types and metric labels, such as image-too-large."""
    name = type(error).__name__
    return "".join(
        f"-{letter.lower()}" if letter.isupper() and at else letter.lower() for at, letter in enumerate(name)
    )


def problem(
    status: int,
    detail: str,
    *,
    request_id: str,
    reason: str = "",
    fields: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return one failure as problem details; `reason` is empty if the status says enough."""
    body = _body(status, detail, request_id=request_id, reason=reason, fields=fields)
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


def facts(error: errors.LikebutError, *, request_id: str) -> dict[str, object]:
    """Return the problem details of an error as members, for one of several answers."""
    fields = error.fields if isinstance(error, Unusable) else ()
    return _body(status_of(error), str(error), request_id=request_id, reason=reason(error), fields=fields)


def unexpected(*, request_id: str) -> dict[str, object]:
    """Return the problem details of an unexpected exception, without any details of it."""
    detail = f"internal error: the log of the service has the details under request {request_id}"
    return _body(500, detail, request_id=request_id, reason="", fields=())


def _body(
    status: int, detail: str, *, request_id: str, reason: str, fields: Sequence[Mapping[str, str]]
) -> dict[str, object]:
    body: dict[str, object] = {
        "type": f"urn:likebut:problem:{reason}" if reason else "about:blank",
        "title": PHRASES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:likebut:request:{request_id}",
    }
    if fields:
        body["errors"] = [dict(field) for field in fields]
    return body


def invalid_body(error: ValidationError) -> errors.InputError:
    """Return pydantic's errors about a body as one error."""
    if error.error_count() > MAX_VALIDATION_ERRORS:
        return Unusable(f"the body has {error.error_count()} errors: /docs describes the fields")
    return unusable(error.errors(include_url=False, include_input=False))


def unusable(details: Sequence[ErrorDetails]) -> errors.InputError:
    """Return pydantic's errors about a body or a parameter as one error, which lists the first of them."""
    if details[0]["type"] == "json_invalid":
        return BadRequest(f"the body is not valid JSON ({details[0].get('ctx', {}).get('error', 'no detail')})")
    return unusable_fields([{"field": _field(error), "detail": _sentence(error)} for error in details[:MAX_FIELDS]])


def unusable_fields(fields: Sequence[Mapping[str, str]]) -> Unusable:
    """Return the error of a body with these fields at fault."""
    detail = "; ".join(
        f"{field['field']}: {field['detail']}" if field["field"] else field["detail"] for field in fields[:3]
    )
    return Unusable(detail, fields=fields)


def _field(error: ErrorDetails) -> str:
    location = error["loc"]
    if len(location) > 1 and location[0] in ("body", "query", "path"):  # FastAPI's; alone, it is a field of that name
        location = location[1:]
    parts = (str(part)[:NAME_CHARS] for part in location)
    return ".".join(part for part in parts if not _UNION_MEMBER.fullmatch(part))


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        return NO_FIELD
    return error["msg"][:1].lower() + error["msg"][1:]
