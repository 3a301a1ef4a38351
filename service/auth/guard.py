"""Who may ask for what: at which port, with which key, how often. Routes demand it, so none is open by oversight."""

import math
import time
from dataclasses import dataclass

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException

from models.errors import ConfigError
from service.auth.keys import Key, KeyFile, Role, find
from service.auth.rate_limit import TokenBucket
from service.errors import Forbidden, RateLimited, Unauthorized
from service.settings import Settings

SEND = "send one as Authorization: Bearer KEY, or as X-API-Key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request is from; without a name where the service has no keys."""

    name: str | None
    role: Role
    bucket: TokenBucket | None  # None where nothing limits how often it asks


ANONYMOUS = Caller(None, "admin", None)


class Guard:
    """The keys of one app, the rates of their callers, and the ports."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError where the file of the keys cannot be used."""
        if settings.keys is None and settings.rate_per_s:
            raise ConfigError("rate_per_s limits how often each key asks, and there are none: give keys too")
        self._settings = settings
        self._file = KeyFile(settings.keys) if settings.keys is not None else None
        self._buckets: dict[Key, TokenBucket] = {}

    def caller(self, request: Request) -> Caller | None:
        """Whom the request is from; None where it gives no key, or one that is not known."""
        if self._file is None:
            return ANONYMOUS
        secret = _secret(request)
        known = self._file.keys(time.monotonic()) if secret else ()
        key = find(known, secret)
        if key is None:
            return None
        if len(self._buckets) > len(known):
            current = set(known)
            self._buckets = {kept: bucket for kept, bucket in self._buckets.items() if kept in current}
        return Caller(key.name, key.role, self._bucket(key))

    def require_port(self, request: Request, *, admin: bool) -> None:
        """Answers 404 at the port where this is not served; every port serves all where there is one."""
        _, port = request.scope.get("server") or ("", None)
        if self._settings.admin_port is not None and (port == self._settings.admin_port) != admin:
            raise HTTPException(404)

    def _bucket(self, key: Key) -> TokenBucket | None:
        rate_per_s = self._settings.rate_per_s if key.rate_per_s is None else key.rate_per_s
        if not rate_per_s:
            return None
        if key not in self._buckets:
            self._buckets[key] = TokenBucket(rate_per_s=rate_per_s, burst=key.burst or self._settings.burst)
        return self._buckets[key]


class RequiresRole(SecurityBase):
    """Lets in callers of a role, and says so in the OpenAPI document."""

    scheme_name = "key"
    model = HTTPBearer(description="Where the service has keys. X-API-Key carries one as well.")

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request) -> None:  # async, since FastAPI would run any other in a thread
        """Raises Unauthorized and Forbidden; the caller then stands in the request's state."""
        gate = guard_of(request)
        gate.require_port(request, admin=self._role == "admin")
        caller = gate.caller(request)
        if caller is None:
            raise Unauthorized(f"the key is not known: {SEND}" if _secret(request) else f"a key is needed: {SEND}")
        request.state.caller = caller
        if caller.name is not None:
            request.state.key = caller.name  # for the log
        if caller.role not in ("admin", self._role):
            raise Forbidden(f"the key {caller.name} may search and no more: use a key of the role {self._role}")


async def _on_the_site(request: Request) -> None:
    guard_of(request).require_port(request, admin=False)


SEARCH = Security(RequiresRole("search"), scopes=["search"])
ADMIN = Security(RequiresRole("admin"), scopes=["admin"])
OPEN = Depends(_on_the_site)  # needs no key, but is not served at the port of the admin routes


def guard_of(request: Request) -> Guard:
    """The gate of the app that answers."""
    gate: Guard = request.app.state.gate
    return gate


def spend(request: Request, *, searches: int) -> None:
    """Counts searches against the rate of the caller's key; raises RateLimited."""
    caller: Caller = request.state.caller
    if caller.bucket is None:
        return
    wait_s = caller.bucket.take(searches, now_s=time.monotonic())
    if wait_s:
        raise RateLimited(
            f"the key {caller.name} may ask for {caller.bucket.rate_per_s:g} searches a second: wait {wait_s:.1f} s",
            retry_after_s=math.ceil(wait_s),
        )


def _secret(request: Request) -> str:
    """The key that the request gives, empty where it gives none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    return request.headers.get("x-api-key", "").strip()  # also beside the Basic authorization of a proxy
