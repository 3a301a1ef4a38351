"""What an operator may set: read once from LIKEBUT_* variables and the command line, then handed down as values."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from models import bundle as bundles
from models.errors import ConfigError
from service import hosts

PREFIX = "LIKEBUT_"
# What Kubernetes puts into every container of a namespace that has a Service named likebut: addresses, no settings.
INJECTED = re.compile(
    r"LIKEBUT_SERVICE_(HOST|PORT(_\w+)?)=.*"
    r"|LIKEBUT_PORT=(tcp|udp|sctp)://.*"
    r"|LIKEBUT_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*"
)


class Settings(BaseModel):
    """Everything the service can be told, checked and frozen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    bundle: Path = Field(bundles.SHIPPED, description="folder of the exported model")
    gallery: Path = Field(Path("gallery"), description="folder of the gallery; the first rebuild makes it")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    provider: Literal["cpu", "cuda", "tensorrt"] = Field("cpu", description="what the model runs on")
    threads: int = Field(0, ge=0, le=1024, description="threads that one model pass uses; 0 takes all cores")
    search_workers: int = Field(2, ge=1, le=256, description="searches that compute at the same time")
    max_waiting: int = Field(
        64, ge=0, le=100_000, description="searches that may wait for a worker before 429 is answered"
    )
    reference_cache_mb: int = Field(
        64, ge=0, le=1_000_000, description="MiB that keep what is known of pictures asked for last; 0 keeps nothing"
    )
    max_image_bytes: int = Field(10_000_000, ge=1, description="largest accepted image file, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="largest accepted image, in pixels")
    max_text_chars: int = Field(500, ge=1, description="longest accepted text, in characters")
    max_bulk_bytes: int = Field(64_000_000, ge=1, description="largest accepted body of many items, in bytes")
    compact_after: int = Field(
        5_000, ge=1, description="changes since the live snapshot after which they are folded into a new one"
    )
    max_k: int = Field(200, ge=1, le=10_000, description="most hits one search may ask for")
    image_hosts: str = Field(
        "", description="hosts whose pictures searches may name by URL: cdn.example.com,*.example.org:8443, * for any"
    )
    image_http: bool = Field(False, description="whether such a URL may be http, too, and not https alone")

    @field_validator("image_hosts")
    @classmethod
    def _hosts(cls, given: str) -> str:
        hosts.patterns(given)
        return given

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
