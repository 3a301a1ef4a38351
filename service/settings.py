"""Settings of the service: read once from LIKEBUT_* variables and the command line, then passed on as values."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from models import bundle as bundles
from models.errors import ConfigError
from models.runtime.device import ENGINES, Device, Products
from service.images import url_policy

PREFIX = "LIKEBUT_"
KUBERNETES = "Kubernetes adds such variables for a Service named likebut unless enableServiceLinks is false"

ROOT_PATH = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
WEB_URL = r"^(https?://[^\s\"'<>;,]+)?$"
TEMPLATE = r"^(https?://[^\s\"'<>]*\{id\}[^\s\"'<>]*)?$"
ORIGIN = r"^(\*|https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?)$"  # as browsers send it: lower case, no path


def _split(value: object) -> object:
    """Return the comma-separated parts of a string, and those of a JSON array; any other value unchanged."""
    if isinstance(value, list):
        return tuple(value)
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origins(value: object) -> object:
    """Return the comma-separated origins of a string without the ports that browsers leave out."""
    found = _split(value)
    return tuple(map(_without_port, found)) if isinstance(found, tuple) else found


def _without_port(origin: str) -> str:
    scheme, _, rest = origin.partition("://")
    return f"{scheme}://{rest.removesuffix(DEFAULT_PORTS[scheme])}" if scheme in DEFAULT_PORTS else origin


def _without_end(path: object) -> object:
    """Return a path without a slash at its end."""
    return path.removesuffix("/") if isinstance(path, str) else path


@dataclass(frozen=True, slots=True)
class Threads:
    """Numbers of threads for sharing the cores."""

    batches: int  # computed by model and index at the same time
    per_batch: int  # threads of the model for one batch; the index takes one
    decoders: int  # images decoded at the same time, and bodies parsed


class Settings(BaseModel):
    """All settings of the service, validated and frozen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    bundle: Path = Field(bundles.SHIPPED, description="folder of the exported model")
    gallery: Path = Field(
        Path("gallery"), description="folder of the gallery, or its address in Milvus; the first index job creates it"
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 chooses a free one")
    admin_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="separate port for admin routes and /metrics; without it, one port serves all routes",
    )
    root_path: Annotated[str, BeforeValidator(_without_end)] = Field(
        "",
        max_length=1024,
        pattern=ROOT_PATH,
        description="path below which a proxy serves this service, such as /shop/api; the proxy may strip it or not."
        " Without it, the header X-Forwarded-Prefix counts",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="addresses and networks, separated by commas, of proxies whose X-Forwarded-Prefix counts",
    )
    keys: Path | None = Field(
        None,
        description="key file, created by likebut keys add; without it, only this machine is served, and needs no key",
    )
    rate_per_s: float = Field(0.0, ge=0, le=1e6, description="maximum searches per second for each key; 0 is no limit")
    burst: int = Field(20, ge=1, le=1_000_000, description="maximum searches at once for each key after a pause")
    public_rate_per_s: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="with keys: maximum searches per second for each address that sends no key and so may only search;"
        " 0 admits none",
    )
    currency: str = Field(
        "",
        pattern=r"^([A-Z]{3})?$",
        description="currency of prices on the page (ISO 4217), such as EUR; empty shows none",
    )
    link: str = Field(
        "link",
        max_length=200,
        description="attribute with the address of a product's own page, for the page's buy link",
    )
    basket_url: str = Field(
        "",
        pattern=TEMPLATE,
        description="address that adds a product to the basket, with {id} for its id; empty has none",
    )
    events_url: str = Field(
        "",
        pattern=WEB_URL,
        description="address to which the page sends what was shown, clicked and added; empty sends none",
    )
    cors_origins: Annotated[tuple[Annotated[str, Field(pattern=ORIGIN)], ...], BeforeValidator(_origins)] = Field(
        (), description="origins, separated by commas, whose web pages may call the service (CORS); * allows all"
    )
    provider: Literal["cpu", "cuda", "tensorrt"] = Field("cpu", description="hardware that the model runs on")
    products: Products = Field(
        "auto",
        description="precision of the model's products: float32 or tf32 on cuda, tf32 or float16 on tensorrt; auto is"
        " the first of them",
    )
    index_on: Literal["auto", "cpu"] = Field(
        "auto", description="where vectors are searched; auto takes the GPUs that faiss-gpu sees, if it is installed"
    )
    engines: Path = Field(ENGINES, description="folder of TensorRT's compiled engines")
    workers: int = Field(
        1, ge=0, le=256, description="processes that serve; 0 is one for each core, as far as the memory allows"
    )
    threads: int = Field(0, ge=0, le=1024, description="threads of the model for one batch; 0 shares the cores")
    passes: int = Field(0, ge=0, le=256, description="batches computed at the same time; 0 shares the cores")
    decoders: int = Field(0, ge=0, le=256, description="images decoded at the same time; 0 shares the cores")
    decode_s: float = Field(
        1.0, ge=0.05, le=60, description="maximum CPU seconds for decoding one image; one that takes more gets 413"
    )
    max_batch: int = Field(16, ge=1, le=1024, description="maximum searches in one batch")
    max_waiting: int = Field(64, ge=0, le=100_000, description="maximum searches that wait for a worker; more get 429")
    max_connections: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="maximum connections with a request in progress; beyond it, only probes are answered",
    )
    max_searches: int = Field(32, ge=1, le=1000, description="maximum searches of one call")
    deadline_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="seconds in which the computation of a search must start; after that it gets 504",
    )
    reference_cache_mb: int = Field(
        64, ge=0, le=1_000_000, description="size of the reference-image cache in MiB; 0 disables it"
    )
    max_image_bytes: int = Field(10_000_000, ge=1, description="maximum size of an image file, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="maximum size of an image, in pixels")
    max_text_chars: int = Field(500, ge=1, description="maximum length of a text, in characters")
    max_bulk_bytes: int = Field(64_000_000, ge=1, description="maximum size of a body with many items, in bytes")
    max_searches_bytes: int = Field(
        0, ge=0, description="maximum size of a body with several searches, in bytes; 0 allows four images of full size"
    )
    max_bodies_bytes: int = Field(
        256_000_000, ge=1, description="maximum size of the bodies of all requests in progress, in bytes"
    )
    compact_after: int = Field(
        5_000, ge=1, description="changes since the live snapshot after which a compaction starts"
    )
    max_k: int = Field(200, ge=1, le=10_000, description="maximum hits of one search")
    image_hosts: str = Field(
        "", description="hosts that image URLs of callers may name: cdn.example.com,*.example.org:8443, * for any"
    )
    image_http: bool = Field(False, description="whether image URLs may use http; otherwise only https")
    allow_private_hosts: bool = Field(
        False, description="whether images of items may be at private addresses, in index jobs and while serving"
    )
    stale_after_s: float = Field(
        15.0, gt=0, le=3600, description="seconds after which an unfinished trial search makes the service not ready"
    )
    drain_s: float = Field(
        5.0,
        ge=0,
        le=600,
        description="seconds that it still serves after SIGTERM, reported as not ready, so that load balancers notice",
    )
    grace_s: int = Field(
        20, ge=2, le=3600, description="seconds after the drain until the process ends; half of them for open requests"
    )
    otlp_endpoint: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="URL of an OTLP collector for traces; empty sends none"
    )

    @field_validator("products")
    @classmethod
    def _products(cls, products: Products, info: ValidationInfo) -> Products:
        try:
            Device(info.data.get("provider", "cpu"), products)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return products

    @property
    def device(self) -> Device:
        """The device that the model runs on."""
        return Device(self.provider, self.products, self.engines)

    @field_validator("image_hosts")
    @classmethod
    def _hosts(cls, hosts: str) -> str:
        url_policy.parse_hosts(hosts)
        return hosts

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _networks(cls, networks: str) -> str:
        for network in networks.split(","):
            ipaddress.ip_network(network.strip())
        return networks

    def shared(self, cores: int) -> Threads:
        """Return the numbers of threads of one worker; those that are not set share `cores`.

        Two batches at once, each on half of the cores, gave more searches per second than one batch on all cores, and
        a single caller waited only slightly longer (docs/benchmarks/service.md). As many images are decoded at once as
        there are cores, and four at least, so that a few costly ones do not delay all others.
        """
        cores = max(1, cores // max(1, self.workers))
        batches = self.share(self.passes) or min(2, cores)
        per_batch = self.threads or max(1, cores // batches)
        decoders = self.share(self.decoders) or max(self.share(4), 2, cores)
        return Threads(batches=batches, per_batch=per_batch, decoders=decoders)

    def share(self, most: int) -> int:
        """Return the share of one worker of a number that holds for all workers together; rounded up."""
        return -(-most // max(1, self.workers))

    @classmethod
    def read(cls, environment: Mapping[str, str], options: Mapping[str, str | None]) -> "Settings":
        """Return the settings from `environment`, overridden by `options` (the command line); raises ConfigError.

        A LIKEBUT_* variable that is not a setting is an error, because it is most likely misspelt.
        """
        given = {
            key.removeprefix(PREFIX).lower(): value for key, value in environment.items() if key.startswith(PREFIX)
        }
        given |= {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate_strings(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            origin = f"--{name.replace('_', '-')}" if options.get(name) is not None else PREFIX + name.upper()
            if first["type"] == "extra_forbidden":
                names = ", ".join(PREFIX + field.upper() for field in cls.model_fields)
                raise ConfigError(f"{origin} is not a setting ({KUBERNETES}): the settings are {names}") from error
            hint = f" ({KUBERNETES})" if "://" in str(given.get(name)) and origin == "LIKEBUT_PORT" else ""
            raise ConfigError(f"{origin} cannot be {given.get(name)!r}{hint}: {first['msg'].lower()}") from error
