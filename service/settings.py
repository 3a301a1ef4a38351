"""What an operator may set: read once from LIKEBUT_* variables and the command line, then handed down as values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from models import bundle as bundles
from models.errors import ConfigError
from service.images import url_policy

PREFIX = "LIKEBUT_"
# What Kubernetes puts into every container of a namespace that has a Service named likebut: addresses, no settings.
INJECTED = re.compile(
    r"LIKEBUT_SERVICE_(HOST|PORT(_\w+)?)=.*"
    r"|LIKEBUT_PORT=(tcp|udp|sctp)://.*"
    r"|LIKEBUT_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*"
)

ORIGIN = r"^(\*|https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?)$"  # as browsers send it: small letters, no path


def _listed(given: object) -> object:
    """The parts of a text that commas separate; anything else as it is."""
    return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given


@dataclass(frozen=True, slots=True)
class Threads:
    """How the cores are shared."""

    passes: int  # of model and index at the same time
    each: int  # threads of a pass of the model; the index takes one
    decoders: int  # pictures decoded at the same time


class Settings(BaseModel):
    """Everything the service can be told, checked and frozen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    bundle: Path = Field(bundles.SHIPPED, description="folder of the exported model")
    gallery: Path = Field(Path("gallery"), description="folder of the gallery; the first rebuild makes it")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    admin_port: int | None = Field(
        None, ge=0, le=65535, description="port that alone answers admin routes and /metrics; none answers all on one"
    )
    keys: Path | None = Field(
        None, description="file of the keys, made by likebut keys add; none serves this machine only, and anybody on it"
    )
    rate_per_s: float = Field(0.0, ge=0, le=1e6, description="searches a second that a key may ask for; 0 is no limit")
    burst: int = Field(20, ge=1, le=1_000_000, description="searches that a key may ask for at once after a pause")
    cors_origins: Annotated[tuple[Annotated[str, Field(pattern=ORIGIN)], ...], BeforeValidator(_listed)] = Field(
        (), description="origins, separated by commas, whose web pages may call this from a browser; * is every one"
    )
    provider: Literal["cpu", "cuda", "tensorrt"] = Field("cpu", description="what the model runs on")
    threads: int = Field(0, ge=0, le=1024, description="threads of one pass of the model; 0 shares the cores")
    passes: int = Field(0, ge=0, le=256, description="passes of model and index at the same time; 0 shares the cores")
    decoders: int = Field(0, ge=0, le=256, description="pictures that are decoded at the same time; 0 shares the cores")
    max_batch: int = Field(16, ge=1, le=1024, description="searches that may share a pass of the model")
    max_waiting: int = Field(
        64, ge=0, le=100_000, description="searches that may wait for a worker before 429 is answered"
    )
    max_searches: int = Field(32, ge=1, le=1000, description="most searches of one call")
    deadline_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="seconds within which a search must begin to compute, or 504 is answered",
    )
    reference_cache_mb: int = Field(
        64, ge=0, le=1_000_000, description="MiB that keep what is known of pictures asked for last; 0 keeps nothing"
    )
    max_image_bytes: int = Field(10_000_000, ge=1, description="largest accepted image file, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="largest accepted image, in pixels")
    max_text_chars: int = Field(500, ge=1, description="longest accepted text, in characters")
    max_bulk_bytes: int = Field(64_000_000, ge=1, description="largest accepted body of many items, in bytes")
    max_searches_bytes: int = Field(
        0, ge=0, description="largest accepted body of several searches, in bytes; 0 is room for four pictures"
    )
    compact_after: int = Field(
        5_000, ge=1, description="changes since the live snapshot after which they are folded into a new one"
    )
    max_k: int = Field(200, ge=1, le=10_000, description="most hits one search may ask for")
    image_hosts: str = Field(
        "", description="hosts whose pictures searches may name by URL: cdn.example.com,*.example.org:8443, * for any"
    )
    image_http: bool = Field(False, description="whether such a URL may be http, too, and not https alone")
    stale_after_s: float = Field(
        15.0, gt=0, le=3600, description="seconds after which a trial search that has not ended makes it not ready"
    )
    drain_s: float = Field(
        5.0,
        ge=0,
        le=600,
        description="seconds that it goes on serving after SIGTERM, not ready, until nobody sends any more",
    )
    grace_s: int = Field(
        20, ge=2, le=3600, description="seconds after that in which the process ends; half of them for open requests"
    )
    otlp_endpoint: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="URL of an OTLP collector that gets a trace of each request"
    )

    @field_validator("image_hosts")
    @classmethod
    def _hosts(cls, given: str) -> str:
        url_policy.parse_hosts(given)
        return given

    def shared(self, cores: int) -> Threads:
        """The threads, those that are not set shared out over so many cores.

        Two passes of half the cores each did more a second than one of all of them, and a lone caller waited hardly
        longer (docs/benchmarks/service.md).
        """
        passes = self.passes or min(2, cores)
        return Threads(
            passes=passes, each=self.threads or max(1, cores // passes), decoders=self.decoders or max(1, cores // 2)
        )

    @classmethod
    def read(cls, environment: Mapping[str, str], options: Mapping[str, str | None]) -> "Settings":
        """The settings that `options` (the command line) lay over `environment`; raises ConfigError.

        A LIKEBUT_* variable that names no setting is refused, since it is most likely a misspelt one.
        """
        given = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in environment.items()
            if key.startswith(PREFIX) and not INJECTED.fullmatch(f"{key}={value}")
        }
        given |= {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate_strings(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            origin = f"--{name.replace('_', '-')}" if options.get(name) is not None else PREFIX + name.upper()
            if first["type"] == "extra_forbidden":
                known = ", ".join(PREFIX + field.upper() for field in cls.model_fields)
                raise ConfigError(f"{origin} is not a setting: the known ones are {known}") from error
            raise ConfigError(f"{origin} cannot be {given.get(name)!r}: {first['msg'].lower()}") from error
