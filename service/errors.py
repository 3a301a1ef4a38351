"""The one table from errors to HTTP statuses, and the problem details (RFC 9457) that answer every failure."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic_core import ErrorDetails, ValidationError
from starlette.responses import JSONResponse

from models import errors

PROBLEM_TYPE = "application/problem+json"
MOST_FAULTS = 20  # faults of one body: a caller mends those first
MOST_VALIDATED = 1000  # each costs a kilobyte, and pydantic makes them out all or none
NAME_CHARS = 200


class BadRequest(errors.InputError):
    """The request's body is not what its content type says."""


class BodyTooLarge(errors.InputError):
    """The request's body has more bytes than the limit."""


class BodyTooSlow(errors.InputError):
    """The request's body did not come in time."""


class WrongMediaType(errors.InputError):
    """The request's content type is not one that the route reads."""


class Unusable(errors.InputError):
    """The request is well-formed but asks for what cannot be done; `fields` says where, when known."""

    def __init__(self, detail: str, *, fields: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.fields = tuple(fields)


class Later(errors.LikebutError):
    """Not now: the request may be sent again after `retry_after_s`."""

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(Later):
    """As many searches wait as may wait."""


class DeadlineExceeded(errors.LikebutError):
    """No answer could be begun in time."""


class RateLimited(Later):
    """A key asks for more searches a second than it may."""


class Unauthorized(errors.LikebutError):
    """The request gives no key, or one that is not known."""


class Forbidden(errors.LikebutError):
    """The request's key is of a role that may not do this."""


class NotReady(errors.LikebutError):
    """The service cannot search yet, or not any more."""


# Looked up along the class's ancestors, nearest first.
STATUS: Mapping[type[Exception], HTTPStatus] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    errors.UnknownItem: HTTPStatus.NOT_FOUND,
    errors.UnknownJob: HTTPStatus.NOT_FOUND,
    errors.JobRunning: HTTPStatus.CONFLICT,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ImageTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NotAnImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    Later: HTTPStatus.TOO_MANY_REQUESTS,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.GalleryError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LikebutError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
PHRASES: Mapping[int, str] = {413: "Content Too Large", 422: "Unprocessable Content"}  # renamed since Python 3.11


def status_of(error: errors.LikebutError) -> int:
    """The HTTP status that an error of ours is answered with."""
    return next(int(STATUS[kind]) for kind in type(error).__mro__ if kind in STATUS)


def answer(error: errors.LikebutError, *, request_id: str) -> JSONResponse:
    """The problem details of an error of ours."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Later) else {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="likebut"'
    fields = error.fields if isinstance(error, Unusable) else ()
    return problem(
        status_of(error), str(error), reason=reason(error), request_id=request_id, fields=fields, headers=headers
    )


def reason(error: errors.LikebutError) -> str:
    """The error's class as a word of problem types and metric labels, such as image-too-large."""
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
    """One failure as problem details; `reason` is empty for what the status alone says."""
    body = _body(status, detail, request_id=request_id, reason=reason, fields=fields)
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


def facts(error: errors.LikebutError, *, request_id: str) -> dict[str, object]:
    """The problem details of an error of ours as members, for where it is one of several answers."""
    fields = error.fields if isinstance(error, Unusable) else ()
    return _body(status_of(error), str(error), request_id=request_id, reason=reason(error), fields=fields)


def unexpected(*, request_id: str) -> dict[str, object]:
    """The problem details of a bug of ours, which tell nothing of it."""
    detail = f"something went wrong on our side; the log has it under request {request_id}"
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


def refused(error: ValidationError) -> errors.InputError:
    """What pydantic found wrong with a body, as one error of ours."""
    if error.error_count() > MOST_VALIDATED:
        return Unusable(f"{error.error_count()} things are wrong with the body: /docs describes what is read")
    return unusable(error.errors(include_url=False, include_input=False))


def unusable(found: Sequence[ErrorDetails]) -> errors.InputError:
    """What pydantic found wrong with a body or a parameter, as one error of ours that tells the first of it."""
    if found[0]["type"] == "json_invalid":
        return BadRequest(f"the body is not JSON ({found[0].get('ctx', {}).get('error', 'no detail')})")
    fields = [{"field": _field(error), "detail": _sentence(error)} for error in found[:MOST_FAULTS]]
    detail = "; ".join(
        f"{field['field']}: {field['detail']}" if field["field"] else field["detail"] for field in fields[:3]
    )
    return Unusable(detail, fields=fields)


def _field(error: ErrorDetails) -> str:
    return ".".join(str(part)[:NAME_CHARS] for part in error["loc"] if part not in ("body", "query", "path"))


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        return "no such field"
    return error["msg"][:1].lower() + error["msg"][1:]
