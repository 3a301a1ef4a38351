"""Configuration of a triplet run: one strict TOML file."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from models.errors import ConfigError
from training.engine import toml
from training.engine.settings import Section

PROMPTS = Path(__file__).parent / "prompts"


class FolderImages(Section):
    """The images of a folder and its sub-folders; the first sub-folder is an image's class."""

    source: Literal["folder"]
    folder: str


class TableImages(Section):
    """The rows of a CSV, JSONL or Parquet table; paths of images are relative to it."""

    source: Literal["table"]
    table: str
    id: str = "id"  # the columns
    image: str = "image"
    meta_class: str = ""  # none: all images are of one class
    products: Annotated[tuple[str, ...], Field(strict=False)] = ()  # columns with product data


Cosine = Annotated[float, Field(ge=-1, le=1, strict=False)]


class PairsConfig(Section):
    """Selection of the pairs of reference and target."""

    count: int = Field(ge=1)
    within: Literal["class", "all"] = "class"
    seed: int = 0
    # smallest and largest cosine similarity
    window: Annotated[tuple[Cosine, Cosine] | None, Field(strict=False)] = None
    bundle: str = ""  # its gallery vectors measure the similarity

    @model_validator(mode="after")
    def _measured(self) -> "PairsConfig":
        if (self.window is None) != (not self.bundle):
            raise ValueError("window and bundle go together: the cosine, and the bundle that measures it")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("window is [least, most]: the second must be larger")
        return self


class _PromptedSection(Section):
    """Prompt of a model, and the price of its tokens."""

    prompt: str = ""  # a file instead of the paper's prompt
    max_tokens: int = Field(ge=1)
    prompt_price: float = Field(default=0.0, ge=0, strict=False)  # of a million tokens
    completion_price: float = Field(default=0.0, ge=0, strict=False)


class _Endpoint(_PromptedSection):
    """A model behind an OpenAI-compatible address."""

    kind: Literal["endpoint"]
    url: str = Field(pattern=r"^https?://")  # up to and with /v1
    model: str
    key_variable: str = ""  # the environment variable that holds the API key; none: no key is sent
    temperature: float | None = Field(default=0.0, ge=0, strict=False)
    concurrency: int = Field(default=8, ge=1, le=256)
    timeout_s: float = Field(default=120.0, gt=0, strict=False)
    tries: int = Field(default=6, ge=1)  # of a request, while the server is busy or failing
    stream: bool = False  # for a server that answers only in a stream
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # the server's name of the limit


class _Local(_PromptedSection):
    """A transformers model on this machine."""

    kind: Literal["local"]
    model: str  # a folder, or a name on the hub
    batch: int = Field(default=8, ge=1)
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class EndpointCaptioner(_Endpoint):
    """A vision-language model behind an address."""

    max_tokens: int = Field(default=256, ge=1)
    image_side: int = Field(default=672, ge=32)  # pixels of the longer side, at most


class LocalCaptioner(_Local):
    """A vision-language model on this machine."""

    max_tokens: int = Field(default=256, ge=1)


class ProductCaptioner(Section):
    """No model: captions from the columns of the shop's table."""

    kind: Literal["products"]


Captioner = EndpointCaptioner | LocalCaptioner | ProductCaptioner


class EndpointReformulator(_Endpoint):
    """A chat model behind an address."""

    max_tokens: int = Field(default=64, ge=1)


class LocalReformulator(_Local):
    """A chat model on this machine."""

    max_tokens: int = Field(default=64, ge=1)
    adapter: str = ""  # a LoRA adapter's folder, as `likebut triplets tune` writes it


class TemplateReformulator(Section):
    """No model: templates filled with the differences."""

    kind: Literal["template"]


Reformulator = EndpointReformulator | LocalReformulator | TemplateReformulator


class FilterConfig(Section):
    """Rules of the filter."""

    words: int = Field(default=12, ge=1)  # at most
    retries: int = Field(default=1, ge=0)  # of a rejected text


class Config(Section):
    """The whole file."""

    images: Annotated[FolderImages | TableImages, Field(discriminator="source")]
    pairs: PairsConfig
    captioner: Captioner = Field(discriminator="kind")
    reformulator: Reformulator = Field(discriminator="kind")
    filter: FilterConfig = FilterConfig()

    @model_validator(mode="after")
    def _described(self) -> "Config":
        named = isinstance(self.images, TableImages) and bool(self.images.products)
        if isinstance(self.captioner, ProductCaptioner) and not named:
            raise ValueError('captioner kind "products" needs images.products: name the columns of a table')
        return self


class CaptionsConfig(Section):
    """The file of a run that only describes images."""

    images: Annotated[FolderImages | TableImages, Field(discriminator="source")]
    captioner: EndpointCaptioner | LocalCaptioner = Field(discriminator="kind")


ConfigOf = TypeVar("ConfigOf", Config, CaptionsConfig)


def read(path: Path) -> Config:
    """Parse the TOML file of a triplet run; raises ConfigError that names the file and the key."""
    return _read(path, Config)


def read_captions(path: Path) -> CaptionsConfig:
    """Parse the TOML file of a run that only describes images; raises ConfigError as `read`."""
    return _read(path, CaptionsConfig)


def _read(path: Path, kind: type[ConfigOf]) -> ConfigOf:
    values = toml.read(path)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {toml.first_error(error)}") from error


def prompt(file: str, *, default: str, fields: tuple[str, ...]) -> str:
    """Read the prompt of a file, or the paper's of that name; raises ConfigError if it lacks one of its `{fields}`."""
    path = Path(file) if file else PROMPTS / default
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no prompt can be read at {path}: {getattr(error, 'strerror', error)}") from error
    missing = [field for field in fields if field not in text]
    if not text or missing:
        raise ConfigError(f"the prompt {path} does not hold {' and '.join(missing) or 'a word'}: write it in")
    return text
