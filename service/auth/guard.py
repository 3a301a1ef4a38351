"""Access control: keys, roles, rate limits and ports, as dependencies that every route declares."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException

from models.errors import ConfigError
from service.auth.client_address import client_network, networks
from service.auth.keys import Key, KeyFile, Role, find
from service.auth.rate_limit import SharedBucket, SharedLevels, TokenBucket
from service.errors import Forbidden, RateLimited, Unauthorized
from service.settings import Settings
from service.workers.pool import PUBLIC

LIGHT = 0.1  # of a search, for any other request of a caller without a key: a page needs an image for each hit
SEND = "send one as Authorization: Bearer KEY, or as X-API-Key"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request; it has no name if the service has no keys, or if it gave none."""

    name: str | None
    role: Role
    bucket: TokenBucket | None  # None: no rate limit
    public: bool = False  # it may search without a key, though the service has keys

    @property
    def label(self) -> str | None:
        """Name in sentences, and under which its work takes turns; None if the service has no keys."""
        return PUBLIC if self.public else None if self.name is None else f"the key {self.name}"


ANONYMOUS = Caller(None, "admin", None)


class Guard:
    """The keys of one app, the rates of their callers, and the ports."""

    def __init__(self, settings: Settings, levels: Path | None = None) -> None:
        """Raises ConfigError if the key file cannot be used.

        `levels` is the file of the rates that several workers share.
        """
        if settings.keys is None and settings.rate_per_s:
            raise ConfigError("rate_per_s limits the searches of each key, but there are no keys: set keys too")
        if settings.keys is None and settings.cors_origins:
            raise ConfigError(
                "cors_origins lets web pages call the service, and without keys they could change the gallery: set keys"
                " too (likebut keys add FILE --name NAME --role search creates one)"
            )
        if settings.keys is None and settings.public_rate_per_s:
            raise ConfigError("public_rate_per_s is for callers without a key, but there are no keys: set keys too")
        self._settings = settings
        self._file = KeyFile(settings.keys) if settings.keys is not None else None
        self._buckets: dict[Key, TokenBucket] = {}
        self._levels = None if levels is None else SharedLevels(levels)
        self._public_levels = self._levels or SharedLevels(None)
        self._proxies = networks(settings.forwarded_allow_ips)

    @property
    def public(self) -> bool:
        """True if searches need no key."""
        return self._file is None or self._settings.public_rate_per_s > 0

    def caller(self, request: Request) -> Caller | None:
        """Return the caller of a request; None if it gives no key, or an unknown one."""
        if self._file is None:
            return ANONYMOUS
        secret = _secret(request)
        if not secret and self._settings.public_rate_per_s:
            return Caller(None, "search", self._public_bucket(request), public=True)
        known = self._file.keys(time.monotonic()) if secret else ()
        key = find(known, secret)
        if key is None:
            return None
        if len(self._buckets) > len(known):
            current = set(known)
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in current}
        return Caller(key.name, key.role, self._bucket(key))

    def require_port(self, request: Request, *, admin: bool) -> None:
        """Raises 404 if this is not served at the port of the request; without an admin port all routes share one."""
        _, port = request.scope.get("server") or ("", None)
        if self._settings.admin_port is not None and (port == self._settings.admin_port) != admin:
            raise HTTPException(404)

    def _public_bucket(self, request: Request) -> TokenBucket:
        """Return the bucket of the caller's address."""
        rate_per_s, burst = self._settings.public_rate_per_s, self._settings.burst
        address = client_network(request.scope, self._proxies)
        return SharedBucket(self._public_levels, f"address {address}", rate_per_s=rate_per_s, burst=burst)

    def _bucket(self, key: Key) -> TokenBucket | None:
        rate_per_s = self._settings.rate_per_s if key.rate_per_s is None else key.rate_per_s
        if not rate_per_s:
            return None
        if key not in self._buckets:
            burst = key.burst or self._settings.burst
            self._buckets[key] = (
                TokenBucket(rate_per_s=rate_per_s, burst=burst)
                if self._levels is None
                else SharedBucket(self._levels, f"key {key.name}", rate_per_s=rate_per_s, burst=burst)
            )
        return self._buckets[key]


class RequiresRole(SecurityBase):
    """Security dependency that admits callers of a role; FastAPI adds it to the OpenAPI document."""

    scheme_name = "key"
    model = HTTPBearer(description="Needed if the service has keys. The header X-API-Key works too.")

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request) -> None:  # async, because FastAPI would run a plain function in a thread
        """Sets `caller` in the state of the request; raises Unauthorized and Forbidden."""
        guard = guard_of(request)
        guard.require_port(request, admin=self._role == "admin")
        caller = guard.caller(request)
        if caller is None or (caller.public and self._role == "admin"):
            raise Unauthorized(f"the key is unknown: {SEND}" if _secret(request) else f"a key is required: {SEND}")
        request.state.caller = caller
        if caller.public and caller.bucket is not None and request.method != "POST":
            _refuse_early(caller, caller.bucket, caller.bucket.take(LIGHT, now_s=time.monotonic()))
        if caller.name is not None:
            request.state.key = caller.name  # for the log line
        if caller.role not in ("admin", self._role):
            raise Forbidden(f"the key {caller.name} may only search: use a key with the role {self._role}")


async def _public_port(request: Request) -> None:
    guard_of(request).require_port(request, admin=False)


require_search = RequiresRole("search")
SEARCH = Security(require_search, scopes=["search"])
ADMIN = Security(RequiresRole("admin"), scopes=["admin"])
OPEN = Depends(_public_port)  # needs no key, but is not served at the admin port


def guard_of(request: Request) -> Guard:
    """Return the guard of the app that answers."""
    guard: Guard = request.app.state.guard
    return guard


def caller_name(request: Request) -> str | None:
    """Return what the caller of a request is called in a sentence; None if the service has no keys."""
    caller: Caller = request.state.caller
    return caller.label


def spend(request: Request, *, searches: int, before: int = 0) -> None:
    """Counts searches against the rate limit of the caller's key; raises RateLimited.

    `before` searches of the same request are counted already.
    """
    caller: Caller = request.state.caller
    if caller.bucket is not None:
        _refuse_early(caller, caller.bucket, caller.bucket.take(searches, now_s=time.monotonic(), before=before))


def spend_first(request: Request) -> None:
    """Counts the first search of a request before its body tells how many it has; raises RateLimited."""
    caller: Caller = request.state.caller
    if caller.bucket is not None:
        _refuse_early(caller, caller.bucket, caller.bucket.take_first(now_s=time.monotonic()))


def _refuse_early(caller: Caller, bucket: TokenBucket, wait_s: float) -> None:
    if wait_s:
        who = "an address that sends no key" if caller.public else caller.label
        raise RateLimited(
            f"{who} may make {bucket.rate_per_s:g} searches per second: wait {wait_s:.1f} s",
            retry_after_s=math.ceil(wait_s),
        )


def _secret(request: Request) -> str:
    """Return the key of a request, empty if it gives none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key", "").strip()  # works also behind a proxy that uses Authorization
