"""Language models on this machine, through transformers: one that describes images, one that writes the texts."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import ClassVar, Literal, Protocol, TypeVar, cast

import torch
from peft import PeftModel
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BatchEncoding,
    BatchFeature,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

from models import preprocess
from models.errors import ConfigError, InputError, ModelError, ModelRefused
from training.triplets import completion, folder
from training.triplets.answers import Answer, Refusal, Reply, Request
from training.triplets.config import LocalCaptioner, LocalReformulator

Dtype = Literal["float32", "bfloat16", "float16"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True, slots=True, eq=False)
class _LocalModel:
    """A model with greedy decoding."""

    concurrency: ClassVar[int] = 1  # one batch already fills the device

    name: str
    batch: int
    max_tokens: int
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def stop(self) -> None:
        """Do nothing, since no call waits: the current batch is answered and stored."""


@dataclass(frozen=True, slots=True, eq=False)
class Captioner(_LocalModel):
    """An image-text-to-text model, such as LLaVA."""

    processor: ProcessorMixin

    @classmethod
    def open(cls, section: LocalCaptioner) -> "Captioner":
        """Load the model; raises ConfigError if it is of another kind or the device is missing."""
        path = folder.locate(section.model)
        read: Callable[[Path], ProcessorMixin] = AutoProcessor.from_pretrained
        processor = _load(path, lambda: read(path))
        tokenizer = getattr(processor, "tokenizer", None)
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            raise ConfigError(f"{path} has no processor of images and text: name a model that describes images")
        device = _present(section.device)
        dtype = _DTYPES[section.dtype]
        model: PreTrainedModel = _load(
            path, lambda: AutoModelForImageTextToText.from_pretrained(path, dtype=dtype, device_map=device)
        )
        _decode_greedily(model, tokenizer)
        return cls(
            name=_name(path, section),
            batch=section.batch,
            max_tokens=section.max_tokens,
            model=model,
            processor=processor,
            tokenizer=tokenizer,
        )

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Describe each image; raises ModelRefused if one is missing or cannot be read."""
        images = [[_image(request)] for request in requests]
        texts = [self._prompted(request.prompt) for request in requests]
        special = not starts_itself(self.tokenizer, texts[0])
        inputs = self.processor(
            text=texts, images=images, padding=True, add_special_tokens=special, return_tensors="pt"
        )
        # pixels take the precision of the weights
        inputs = inputs.to(self.model.device, self.model.dtype)
        return _replies(self.model, self.tokenizer, inputs, max_tokens=self.max_tokens)

    def _prompted(self, prompt: str) -> str:
        """Return the prompt in the model's chat template, the image before the text."""
        if self.processor.chat_template is not None:
            turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
            written: Callable[..., str] = self.processor.apply_chat_template  # its own type does not know images
            return written(turns, tokenize=False, add_generation_prompt=True)
        mark = str(getattr(self.processor, "image_token", ""))
        return prompt if mark in prompt else f"{mark}\n{prompt}"


@dataclass(frozen=True, slots=True, eq=False)
class Reformulator(_LocalModel):
    """A causal language model, with or without a LoRA adapter."""

    @classmethod
    def open(cls, section: LocalReformulator) -> "Reformulator":
        """Load the model and its adapter; raises ConfigError if one of them is invalid or the device is missing."""
        path, adapter = folder.locate(section.model), Path(section.adapter)
        if section.adapter and not (adapter / folder.ADAPTER).is_file():
            raise ConfigError(f"{adapter} holds no finished adapter: make one with `likebut triplets tune`")
        if section.adapter and folder.tuned_on(adapter) not in ("", folder.identity(path)):
            raise ConfigError(f"{adapter} was tuned on another model than {path}: name that one")
        model, tokenizer = language_model(path, device=section.device, dtype=section.dtype)
        _decode_greedily(model, tokenizer)
        if section.adapter:
            # Its layers are now in the model; not merged, since half precision would round small differences away.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft imports a deprecated name of transformers
                _load(adapter, lambda: PeftModel.from_pretrained(model, adapter)).eval()
        return cls(
            name=_name(path, section) + (f" + {folder.identity(adapter)}" if section.adapter else ""),
            batch=section.batch,
            max_tokens=section.max_tokens,
            model=model,
            tokenizer=tokenizer,
        )

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each prompt; raises ModelRefused if one is longer than the model can read."""
        texts = [prompted(self.tokenizer, request.prompt) for request in requests]
        inputs = self.tokenizer(
            texts, padding=True, add_special_tokens=not starts_itself(self.tokenizer, texts[0]), return_tensors="pt"
        )
        return _replies(self.model, self.tokenizer, inputs.to(self.model.device), max_tokens=self.max_tokens)


def language_model(path: Path, *, device: str, dtype: Dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the causal language model of a folder, in eval mode, and its tokenizer; raises ConfigError."""
    at = _present(device)
    tokenizer = _load(path, lambda: AutoTokenizer.from_pretrained(path))
    model: PreTrainedModel = _load(
        path, lambda: AutoModelForCausalLM.from_pretrained(path, dtype=_DTYPES[dtype], device_map=at)
    )
    return model, tokenizer


def prompted(tokenizer: PreTrainedTokenizerBase, prompt: str) -> str:
    """Return the prompt in the model's chat template, or unchanged if the model has none."""
    if tokenizer.chat_template is None:
        return prompt
    turns = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def starts_itself(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """Return whether the chat template wrote the first token itself."""
    return bool(tokenizer.bos_token) and text.startswith(str(tokenizer.bos_token))


class _Writes(Protocol):
    """Methods of the models that the auto classes load; the library's own types need another type checker."""

    def generate(self, *, max_new_tokens: int, **inputs: Tensor) -> Tensor:
        """Return token ids (B, L + new) from (B, L)."""


def _replies(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, inputs: BatchEncoding | BatchFeature, *, max_tokens: int
) -> list[Answer]:
    """Generate the continuation of B prompts, padded on the left to (B, L), greedily."""
    given = inputs["attention_mask"].sum(dim=1).tolist()  # (B,) tokens
    room = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if room is not None and max(given) + max_tokens > room:
        raise ModelRefused(
            f"the prompt has {max(given)} tokens, which with {max_tokens} more exceed the model's {room}: "
            "shorten the captions"
        )
    try:
        with torch.inference_mode():
            ids = cast(_Writes, model).generate(**inputs, max_new_tokens=max_tokens)  # (B, L + new)
    except torch.OutOfMemoryError as error:
        raise ModelError(f"{model.device} has no memory for {len(given)} requests at once: lower batch") from error
    generated = ids[:, inputs["input_ids"].shape[1] :].tolist()
    ends = model.generation_config.eos_token_id
    stops = frozenset([ends] if isinstance(ends, int) else ends or [])
    answers: list[Answer] = []
    for row, count in zip((_until(row, stops) for row in generated), given, strict=True):
        text = completion.without_reasoning(str(tokenizer.decode(row, skip_special_tokens=True)))
        cut = len(row) == max_tokens and row[-1] not in stops
        answers.append(Refusal(completion.cut(max_tokens)) if cut else Reply(text, count, len(row)))
    return answers


def _until(row: list[int], stops: frozenset[int]) -> list[int]:
    """Return the tokens up to and with the first one that ends an answer; the rest is padding."""
    for place, token in enumerate(row):
        if token in stops:
            return row[: place + 1]
    return row


def _image(request: Request) -> Image.Image:
    if request.image is None:
        raise ModelRefused("there is no image to describe: give the request one")
    try:
        return preprocess.decode(request.image.read_bytes())
    except (InputError, OSError) as error:
        raise ModelRefused(f"{request.image.name} cannot be read: {error}") from error


def _decode_greedily(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Set greedy decoding, whatever the model's own settings are, so that all batches end in the same way."""
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    settings = model.generation_config
    settings.do_sample, settings.num_beams = False, 1
    # these would only cause warnings
    settings.temperature = settings.top_p = settings.top_k = settings.max_length = None
    settings.pad_token_id = tokenizer.pad_token_id


def _name(path: Path, section: LocalCaptioner | LocalReformulator) -> str:
    """Return a name of all that whole answers depend on."""
    return f"{Path(section.model).name} {folder.identity(path)} {section.dtype}"


def _load(path: Path, load: Callable[[], _Loaded]) -> _Loaded:
    try:
        return load()
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError, UnpicklingError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{path} cannot be loaded as a model of this kind: {first}") from error


def _present(device: str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise ConfigError(f"there is no device {device}: set device to cpu, or use a machine that has it") from error
