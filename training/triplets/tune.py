"""Fine-tuning of the reformulator with LoRA (Hu et al., 2021): from seed data to an adapter's folder."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models import files
from models.errors import ConfigError, InputError
from training.data.order import shuffled
from training.engine import checkpoint, loop, toml
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig
from training.triplets import folder, local, seeds
from training.triplets.seeds import IGNORED, SeedBatch, SeedTokens

_MANNER = ("device", "microbatch")  # settings that a resumed run may change


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Settings of the training; LoRA and 10 epochs are the paper's, the rest are common values."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    epochs: int = 10
    learning_rate: float = 2e-4
    batch: int = 16
    microbatch: int = 0  # rows per forward pass; 0: a rank's whole share
    held_out: int = 64  # seeds that choose the best epoch
    longest: int = 1024  # tokens of a seed
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"  # of the model; the adapter has float32
    seed: int = 0


def tune(path: Path, *, model: str, out: Path, prompt: str, settings: TuneSettings) -> Mapping[str, object]:
    """Train an adapter in the folder `out`, continuing an interrupted run, and return its results.

    `prompt` has {caption_a} and {caption_b}. Writes the files of `loop.fit`, tune.json, and last the adapter of the
    epoch with the best likelihood of the held-out seeds. Raises InputError for unusable seeds, and ConfigError for
    invalid settings or another run's folder.
    """
    steps, optim = _steps(settings)
    with World.join(torch.device(settings.device)) as world:
        with world.first():
            base = folder.locate(model)
            rows = seeds.read(path)
            out.mkdir(parents=True, exist_ok=True)
            digest = files.digest(path)
            chosen = {name: value for name, value in asdict(settings).items() if name not in _MANNER}
            _claim(out, {"base": folder.identity(base), "seeds": digest, "prompt": prompt, **chosen})
        net, tokenizer = local.language_model(base, device=str(world.device), dtype=settings.dtype)
        tokens = [seeds.encoded(row, tokenizer, prompt=prompt) for row in rows]
        stage = _Writing(_adapted(net, settings), tokenizer, tokens, settings, world)
        if not (out / folder.ADAPTER).exists():
            loop.fit(stage, seed=settings.seed, optim=optim, loop=steps, folder=out, world=world)
            if world.is_first:
                _write(stage.net, out)
        state = torch.load(out / checkpoint.BEST, map_location="cpu", weights_only=True)
        return {"adapter": str(out), "seeds": len(tokens), "epoch": state["epoch"], "likelihood": state["score"]}


class _Writing:
    """Stage of the training loop: the likelihood of each answer after its prompt."""

    score = "likelihood"
    images = None

    def __init__(
        self,
        net: PeftModel,
        tokenizer: PreTrainedTokenizerBase,
        tokens: Sequence[SeedTokens],
        settings: TuneSettings,
        world: World,
    ) -> None:
        """Raises InputError if there are too few seeds, or one is too long."""
        over = [row for row, seed in enumerate(tokens, start=1) if len(seed) > settings.longest]
        if over:
            raise InputError(
                f"the seed in row {over[0]} has {len(tokens[over[0] - 1])} tokens, more than the {settings.longest} "
                f"allowed, and {len(over) - 1} others too: shorten their captions or allow more"
            )
        if len(tokens) < settings.held_out + settings.batch:
            raise InputError(
                f"{len(tokens)} seeds are too few for {settings.held_out} held out and a batch of {settings.batch}: "
                "write more, or lower both"
            )
        self.net: nn.Module = net
        order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(settings.seed)).tolist()
        self._held_out = [tokens[row] for row in order[: settings.held_out]]
        self._seeds = [tokens[row] for row in order[settings.held_out :]]
        self._settings = settings
        self._share = world.share(settings.batch)
        self._device = world.device
        # It is masked everywhere, so any id does.
        self._filler = int(tokenizer.eos_token_id or 0)

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in an epoch."""
        return len(self._seeds) // self._settings.batch

    def batches(self, epoch: int, *, start: int) -> Iterator[SeedBatch]:
        """Yield this rank's rows of each global batch, from number `start` of the epoch on."""
        order = shuffled(len(self._seeds), batch=self._settings.batch, seed=self._settings.seed, epoch=epoch)
        for rows in order[start:]:
            yield seeds.padded([self._seeds[row] for row in rows[self._share]], filler=self._filler)

    def embeddings(self, batch: SeedBatch) -> dict[str, Tensor]:
        """Return the loss (B,), summed over the tokens of each answer, and the tokens (B,)."""
        logits = self.net(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        labels = batch.labels[:, 1:]  # (B, L - 1): each token is predicted at the one before
        written = labels != IGNORED
        surprise = F.cross_entropy(logits[:, :-1][written].float(), labels[written], reduction="none")  # (T,)
        row = written.nonzero()[:, 0]  # (T,)
        loss = torch.zeros(len(labels), device=surprise.device).index_add(0, row, surprise)
        return {"loss": loss, "tokens": written.sum(dim=1)}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """Return the mean over all tokens of all answers."""
        return found["loss"].sum() / found["tokens"].sum()

    def stepped(self, done: float) -> None:
        """Do nothing: this stage has no work after a step."""

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return the mean log-likelihood of a token of the held-out answers."""
        size = self._settings.microbatch or self._settings.batch
        total, count = 0.0, 0
        for start in range(0, len(self._held_out), size):
            batch = seeds.padded(self._held_out[start : start + size], filler=self._filler)
            found = self.embeddings(batch.to(self._device))
            total, count = total + float(found["loss"].sum()), count + int(found["tokens"].sum())
        return {"likelihood": -total / count}


def _adapted(net: PreTrainedModel, settings: TuneSettings) -> PeftModel:
    """Return the model with new low-rank layers beside all its linear ones; only these are trained."""
    torch.manual_seed(settings.seed)  # a resumed run must begin with the same values
    shape = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft imports a deprecated name of transformers
        return get_peft_model(net, shape)


def _steps(settings: TuneSettings) -> tuple[LoopConfig, OptimConfig]:
    try:
        return LoopConfig(
            epochs=settings.epochs,
            batch=settings.batch,
            microbatch=settings.microbatch,
            precision=settings.dtype,
            device=settings.device,
        ), OptimConfig(learning_rate=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.999), warmup_steps=100)
    except ValidationError as error:
        raise ConfigError(toml.first_error(error)) from error


def _claim(out: Path, record: Mapping[str, object]) -> None:
    """Store the settings that the run depends on in its folder; raises ConfigError if the folder holds another run."""
    kept = out / folder.RECORD
    if not kept.exists():
        files.write(kept, json.dumps(record, indent=1, ensure_ascii=False))
        return
    other = json.loads(kept.read_text(encoding="utf-8"))
    differing = [name for name in record if other.get(name) != record[name]]
    if differing:
        raise ConfigError(f"{out} holds a run with another {differing[0]}: choose another --out or delete it")


def _write(net: nn.Module, out: Path) -> None:
    """Write the best epoch's adapter in peft's format, its config last so that it means complete."""
    assert isinstance(net, PeftModel)
    checkpoint.load(net, checkpoint.best(out))
    with files.temporary_folder(out / "adapter") as part:
        net.save_pretrained(str(part), save_embedding_layers=False)  # "auto" would send a request to the hub
        files.sync_tree(part)
        for file in sorted(part.iterdir(), key=lambda file: file.name == folder.ADAPTER):
            file.replace(out / file.name)
    files.sync(out)
