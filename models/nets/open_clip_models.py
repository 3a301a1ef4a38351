"""Loads any model of open_clip with what belongs to its weights: the preprocessing and the activation.

Neither is in the weights themselves, and both are silently wrong if they are guessed.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import open_clip
from open_clip.constants import HF_CONFIG_NAME
from open_clip.factory import get_model_config, parse_model_name
from open_clip.hf_model import HFTextEncoder
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.pretrained import download_pretrained_from_hf, get_pretrained_cfg
from open_clip.utils import to_2tuple

from models.errors import ConfigError
from models.preprocess import Filter, Mode

OWN_CONFIGS = Path(__file__).parent  # clip-small.json and conv-minilm.json, in open_clip's own form
MODES: Mapping[str, Mode] = {"shortest": "crop", "squash": "squash", "longest": "pad"}  # by open_clip's names
_FAILURES = (RuntimeError, OSError, KeyError, ValueError, TypeError, AssertionError, ImportError)


@dataclass(frozen=True, slots=True)
class WeightFacts:
    """Facts that belong to weights and are not in them; None: not known."""

    mean: tuple[float, ...] | None = None  # of the channels, in 0…1
    std: tuple[float, ...] | None = None
    mode: Mode | None = None
    filter: Filter | None = None
    quick_gelu: bool | None = None
    fill: int | None = None  # grey of a padded image's margin

    def over(self, other: "WeightFacts") -> "WeightFacts":
        """Return these facts, with the other's in the place of those that are not known."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in known.items() if value is not None})

    def agreed(self, other: "WeightFacts") -> "WeightFacts":
        """Return the facts that are the same in both."""
        names = [field.name for field in fields(self)]
        return replace(self, **{name: None for name in names if getattr(self, name) != getattr(other, name)})


_DEFAULTS = WeightFacts(
    mean=open_clip.OPENAI_DATASET_MEAN,
    std=open_clip.OPENAI_DATASET_STD,
    mode="crop",
    filter="bicubic",
    quick_gelu=False,
    fill=0,
)
_OPTIONS = {
    "mean": "--mean",
    "std": "--std",
    "mode": "--resize",
    "filter": "--interpolation",
    "quick_gelu": "--quick-gelu or --no-quick-gelu",
}


@dataclass(frozen=True, slots=True)
class Description:
    """A model and its weights, with all that they need to be right."""

    name: str  # open_clip's, of the model with this activation
    pretrained: str  # a tag, a file, or "" for random weights or those of the name's own folder
    config: Mapping[str, Any]  # open_clip's own
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mode: Mode
    filter: Filter
    fill: int
    quick_gelu: bool

    @property
    def context_length(self) -> int:
        """L, the longest text in tokens."""
        return int(self.config["text_cfg"].get("context_length", 77))

    @property
    def vocabulary(self) -> int:
        """The number of token ids that its text tower knows, if it is open_clip's own."""
        return int(self.config["text_cfg"].get("vocab_size", 49408))

    @property
    def tokenizer_name(self) -> str:
        """Name of its tokenizer on the hub, or its own folder; "" for CLIP's."""
        schema, place = parse_model_name(self.name)
        named = str(self.config["text_cfg"].get("hf_tokenizer_name") or "")
        return place if named and schema == "local-dir" else named

    @property
    def clean(self) -> str:
        """Name of its cleaning before CLIP's tokenizer; raises ConfigError if open_clip does more to its texts."""
        options = dict(self.config["text_cfg"].get("tokenizer_kwargs") or {})
        clean = str(options.pop("clean", "lower"))
        if options:
            raise ConfigError(f"{self.name} prepares texts in a way of its own ({', '.join(options)}): take another")
        return clean

    def load(self) -> CLIP | CustomTextCLIP:
        """Load the model, in eval mode; raises ConfigError if its weights do not fit, or its images are no squares."""
        is_random = not self.pretrained and parse_model_name(self.name)[0] is None
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "QuickGELU mismatch")  # the config knows better than the tag
                clip = open_clip.create_model(
                    self.name,
                    pretrained=self.pretrained or None,
                    force_quick_gelu=self.quick_gelu,
                    require_pretrained=not is_random,
                    pretrained_text=False,
                )
        except _FAILURES as error:  # open_clip asserts on widths
            raise ConfigError(f"the weights {self.pretrained!r} do not load into {self.name}: {error}") from error
        if len({*to_2tuple(clip.visual.image_size)}) > 1:
            raise ConfigError(f"{self.name} reads images that are no squares: choose another model")
        if isinstance(getattr(clip, "text", None), HFTextEncoder):
            clip.text.transformer.set_attn_implementation("eager")  # torch does not export all others
        return clip.eval()


def describe(name: str, *, pretrained: str, stated: WeightFacts, like: str = "") -> Description:
    """Describe the model `name` with the weights `pretrained`: one of its tags, a file, or "" for random.

    A name `hf-hub:…` or `local-dir:…` has its own weights. The facts of a file's weights are `stated`, or those of the
    tag `like`, unless all tags of the model agree. Raises ConfigError if open_clip does not know the model or the tag,
    or nothing says a fact.
    """
    config = known(name)
    if parse_model_name(name)[0] and pretrained:
        raise ConfigError(f"{name} has its own weights: leave out {pretrained!r}")
    facts = stated.over(_of_tag(name, like) if like else _facts(name, pretrained=pretrained))
    missing = [option for fact, option in _OPTIONS.items() if getattr(facts, fact) is None]
    if missing:
        raise ConfigError(
            f"nothing says how the weights {pretrained or name} want their images and their activation: name"
            f" {', '.join(missing)}, or by --like the tag that they were trained from"
        )
    complete = facts.over(_DEFAULTS)
    if config.get("quick_gelu") and not complete.quick_gelu:
        raise ConfigError(f"{name} is the model with QuickGELU: leave out --no-quick-gelu, or name the other model")
    quick = bool(complete.quick_gelu)
    assert complete.mean is not None and complete.std is not None
    assert complete.mode is not None and complete.filter is not None and complete.fill is not None
    return Description(
        name=_with_activation(name, quick=quick),
        pretrained=pretrained,
        config=config,
        mean=complete.mean,
        std=complete.std,
        mode=complete.mode,
        filter=complete.filter,
        fill=complete.fill,
        quick_gelu=quick,
    )


def known(name: str) -> Mapping[str, Any]:
    """Return open_clip's config of a model, ours among them; raises ConfigError if it has none."""
    open_clip.add_model_config(OWN_CONFIGS)
    try:
        found: Mapping[str, Any] | None = get_model_config(name)
    except (*_FAILURES, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} has no {HF_CONFIG_NAME} that can be read: {error}") from error
    if found is None:
        raise ConfigError(f"open_clip knows no model {name!r}: see open_clip.list_models()")
    return found


def _facts(name: str, *, pretrained: str) -> WeightFacts:
    """Return the facts of the model's own folder, of a tag, of all tags if it is a file, or open_clip's defaults."""
    if parse_model_name(name)[0]:
        return _of_folder(name)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained in tags:
        return _of_tag(name, pretrained)
    quick = bool(known(name).get("quick_gelu"))
    if not pretrained or (OWN_CONFIGS / f"{name}.json").is_file():
        return replace(_DEFAULTS, quick_gelu=quick)
    if not Path(pretrained).is_file():
        raise ConfigError(f"{pretrained!r} is neither a file nor a tag of open_clip's {name}")
    if not tags:
        return WeightFacts(quick_gelu=True if quick else None)
    facts = _of_tag(name, tags[0])
    for tag in tags[1:]:
        facts = facts.agreed(_of_tag(name, tag))
    return facts


def _of_tag(name: str, tag: str) -> WeightFacts:
    if tag not in open_clip.list_pretrained_tags_by_model(name):
        raise ConfigError(f"{tag!r} is no tag of open_clip's {name}: see open_clip.list_pretrained()")
    noted = get_pretrained_cfg(name, tag)
    quick = bool(noted.get("quick_gelu")) or bool(known(name).get("quick_gelu"))
    return replace(_of_config(noted), quick_gelu=quick)


def _of_folder(name: str) -> WeightFacts:
    """Return the facts in the open_clip_config.json of a folder, or of a repository."""
    schema, place = parse_model_name(name)
    path = Path(place) / HF_CONFIG_NAME if schema == "local-dir" else Path(_fetched(place))
    whole = json.loads(path.read_text(encoding="utf-8"))
    if "model_cfg" not in whole:
        raise ConfigError(f"{path} has no model_cfg: write it by open_clip's push_to_hf_hub")
    noted = _of_config(whole.get("preprocess_cfg") or {})
    return replace(
        noted.over(WeightFacts(mode="crop", filter="bicubic")), quick_gelu=bool(known(name).get("quick_gelu"))
    )


def _fetched(repository: str) -> str:
    try:
        return str(download_pretrained_from_hf(repository, filename=HF_CONFIG_NAME))
    except Exception as error:  # whatever the client and its HTTP library raise
        raise ConfigError(f"{repository} cannot be fetched: {error}") from error


def _of_config(noted: Mapping[str, Any]) -> WeightFacts:
    """Return the facts that open_clip's own form of a preprocessing has."""
    mode, filter = noted.get("resize_mode"), noted.get("interpolation")
    if mode not in (None, *MODES) or filter not in (None, "bicubic", "bilinear", "random"):
        raise ConfigError(f"a resize {mode!r} by {filter!r} is none of open_clip's")
    return WeightFacts(
        mean=_three(noted.get("mean")),
        std=_three(noted.get("std")),
        mode=None if mode is None else MODES[mode],
        filter=None if filter is None else "bilinear" if filter == "bilinear" else "bicubic",  # as open_clip's
        fill=noted.get("fill_color"),
    )


def _three(values: Any) -> tuple[float, ...] | None:
    if values is None:
        return None
    return tuple(float(value) for value in values)


def _with_activation(name: str, *, quick: bool) -> str:
    """Return the name of the same model with QuickGELU, if the weights want it and open_clip has one."""
    other = f"{name}-quickgelu"
    return other if quick and not known(name).get("quick_gelu") and other in open_clip.list_models() else name
