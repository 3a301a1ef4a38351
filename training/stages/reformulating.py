"""InstructCIR's two phases: the network learns from triplets, then the combiner how much of the text to add."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.nets.reformulation import Reformulation
from training import losses
from training.ema import Average
from training.ranks import World
from training.settings.instruct import Momentum, ReformulatingLoss
from training.settings.sections import LoopConfig
from training.stages import frozen
from training.stages.composing import Data

_EVALUATION_BATCH = 256


class Pair(nn.Module):
    """The network that learns, and the average of its past weights that encodes the targets."""

    def __init__(self, online: Reformulation, *, averaged: bool) -> None:
        """Without `averaged` the targets are the network's own, and learn too."""
        super().__init__()
        self.online = online
        self.average = Average(online) if averaged else None

    def target(self, pixels: Tensor) -> Tensor:
        """z̄_t of uint8 pixels (B, 3, S, S), L2-normalised (B, d); of the average, without gradient."""
        if self.average is None:
            own: Tensor = self.online(pixels)
            return own
        with torch.no_grad():
            found: Tensor = functional_call(self.online, self.average.values(), (pixels,))
        return found

    def settled(self) -> Reformulation:
        """The network that encodes the targets, as one of its own."""
        made = copy.deepcopy(self.online)
        if self.average is not None:
            made.load_state_dict(self.average.values(), strict=False)
        return made


class _Phase:
    """What the two phases have in common."""

    score = "recall_1"

    def __init__(self, *, pair: Pair, data: Data, loss: ReformulatingLoss, loop: LoopConfig, world: World) -> None:
        self._pair = pair
        self._data = data
        self._loss = loss
        self._batch = loop.batch
        self._device = world.device
        self._share = world.share(loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = self._data.orders(batch=self._batch, epoch=epoch)[start:]
        return self._data.batches(orders, epoch=epoch, share=self._share)

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """−mean log softmax of cos(z_q, z_t) / temperature over the batch's targets (InstructCIR, Eq. 2)."""
        ignored = found.get("satisfied") if self._loss.satisfied else None
        return losses.nce(found["composed"], found["target"], scale=1 / self._loss.temperature, ignored=ignored)

    def _recalls(self, *, combined: bool) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        asked = self._data.questions
        pictures, gallery = [], []
        for block in self._data.gallery(batch=_EVALUATION_BATCH):
            pictures.append(block)
            gallery.append(self._pair.target(block.to(self._device)))
        pixels, queries = torch.cat(pictures), []
        for start in range(0, len(asked.references), _EVALUATION_BATCH):
            rows = torch.from_numpy(asked.references[start : start + _EVALUATION_BATCH])
            texts = asked.texts[start : start + _EVALUATION_BATCH].to(self._device)
            composed, text = self._query(pixels[rows].to(self._device), texts)
            queries.append(self._pair.online.combiner(composed, text) if combined else composed)
        return asked.recalls(torch.cat(queries), torch.cat(gallery))

    def _query(self, pixels: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """z_q and e_txt (B, d) of uint8 pixels (B, 3, S, S) and token ids (B, L)."""
        net = self._pair.online
        words = net.words(texts)
        return net.compose(pixels, words), words.vector


class Reformulating(_Phase):
    """Trains both towers, the cross-attention and the predictor; the targets' encoder follows as their average."""

    def __init__(
        self,
        *,
        pair: Pair,
        data: Data,
        loss: ReformulatingLoss,
        momentum: Momentum,
        loop: LoopConfig,
        world: World,
    ) -> None:
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        self._momentum = momentum
        self.net = pair
        pair.online.requires_grad_(True)
        pair.online.backbone.clip.logit_scale.requires_grad_(False)  # no loss reads it
        pair.online.combiner.requires_grad_(False)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` z_q and `target` z_t (b, d), the latter of the average without gradient.

        `batch` has `reference`, `target` and `text`, and where the data says it `satisfied` (b, M): which targets also
        satisfy a row's text.
        """
        found = {
            "composed": self._query(batch["reference"], batch["text"])[0],
            "target": self._pair.target(batch["target"]),
        }
        return found | {name: batch[name] for name in ("satisfied",) if name in batch}

    def stepped(self, done: float) -> None:
        """The average follows, ever more slowly."""
        if self._pair.average is not None:
            first, last = self._momentum.start, self._momentum.end
            self._pair.average.follow(self._pair.online, momentum=first + (last - first) * done)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of z_q on unseen triplets."""
        return self._recalls(combined=False)


class Combining(_Phase):
    """Trains λ alone (InstructCIR, Eq. 3); all else is frozen."""

    def __init__(self, *, pair: Pair, data: Data, loss: ReformulatingLoss, loop: LoopConfig, world: World) -> None:
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        pair.requires_grad_(False).eval()
        self.net = pair.online.combiner.requires_grad_(True)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` ẑ with gradient, `target` z_t (b, d); `batch` as in `Reformulating`."""
        with torch.no_grad():
            composed, text = self._query(batch["reference"], batch["text"])
            target = self._pair.target(batch["target"])
        found = {"composed": self.net(composed, text), "target": target}
        return found | {name: batch[name] for name in ("satisfied",) if name in batch}

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of ẑ on unseen triplets, and λ."""
        return {**self._recalls(combined=True), "share": float(self.net.share)}
