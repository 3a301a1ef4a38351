"""InstructCIR's two phases: the network learns from triplets, then the combiner how much of the text to add."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.nets.reformulation import Reformulation
from training.engine import losses
from training.engine.distributed import World
from training.engine.ema import Average
from training.engine.settings import LoopConfig
from training.methods.from_triplets import ComposingData, Contrasting
from training.methods.instruct.config import Momentum, ReformulatingLoss


class Pair(nn.Module):
    """The network that learns, and the average of its past weights that encodes the targets."""

    def __init__(self, online: Reformulation, *, averaged: bool) -> None:
        """All learns in the first phase but the combiner. Without `averaged` the targets are the network's own."""
        super().__init__()
        self.online = online.requires_grad_(True)
        online.backbone.clip.logit_scale.requires_grad_(False)  # no loss reads it
        online.combiner.requires_grad_(False)
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


class _Phase(Contrasting):
    """What the two phases have in common."""

    def __init__(
        self, *, pair: Pair, data: ComposingData, loss: ReformulatingLoss, loop: LoopConfig, world: World
    ) -> None:
        super().__init__(data, loss=loss, loop=loop, world=world)
        self._pair = pair

    def _recalls(self, *, combined: bool) -> dict[str, float]:
        """Recall of the unseen triplets' targets, every picture that satisfies the text counting."""
        pictures, gallery = [], []
        for block in self._gallery():
            pictures.append(block)
            gallery.append(self._pair.target(block.to(self._device)))
        pixels, queries = torch.cat(pictures), []
        for rows, texts in self._questions():
            composed, text = self._query(pixels[rows].to(self._device), texts)
            queries.append(self._pair.online.combiner(composed, text) if combined else composed)
        return self._data.questions.recalls(torch.cat(queries), torch.cat(gallery))

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
        data: ComposingData,
        loss: ReformulatingLoss,
        momentum: Momentum,
        loop: LoopConfig,
        world: World,
    ) -> None:
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        self._momentum = momentum
        self._captions = loss.captions
        self.net = pair

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` z_q and `target` z_t (b, d), the latter of the average without gradient; `batch` has pixels.

        Where captions are learnt, `caption` is e_txt (b, d) of its `target_caption`.
        """
        found = self._known(batch) | {
            "composed": self._query(batch["reference"], batch["text"])[0],
            "target": self._pair.target(batch["target"]),
        }
        if self._captions:
            found["caption"] = self._pair.online.words(batch["target_caption"]).vector
        return found

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """InstructCIR, Eq. 2, and where captions are learnt their weight times the same of e_txt(caption) and z_t.

        The latter is not the paper's, whose e_txt nothing binds to z_t: text alone would find nothing. Of the batch
        only the same picture is no negative of a caption, though a short one may describe others too.
        """
        loss = super().loss(found)
        if self._captions:
            same = (found["shown"][:, None] == found["shown"]).fill_diagonal_(False)  # (M, M)
            scale = 1 / self._loss.temperature
            loss = loss + self._captions * losses.nce(found["caption"], found["target"], scale=scale, ignored=same)
        return loss

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

    def __init__(
        self, *, pair: Pair, data: ComposingData, loss: ReformulatingLoss, steps: int, loop: LoopConfig, world: World
    ) -> None:
        """With `steps` an epoch has so many batches, from as many passes over the triplets as that takes."""
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        self._passes = max(1, -(-steps // self.steps_per_epoch))
        self.steps_per_epoch = steps or self.steps_per_epoch
        pair.requires_grad_(False).eval()
        pair.zero_grad(set_to_none=True)  # as many numbers as weights, which the first phase left
        self.net = pair.online.combiner.requires_grad_(True)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        passes = range(epoch * self._passes, (epoch + 1) * self._passes)
        orders = [order for number in passes for order in self._data.orders(batch=self._batch, epoch=number)]
        return self._data.batches(orders[start : self.steps_per_epoch], epoch=epoch, share=self._share)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`composed` ẑ with gradient, `target` z_t (b, d); `batch` as in `Reformulating`."""
        with torch.no_grad():
            composed, text = self._query(batch["reference"], batch["text"])
            target = self._pair.target(batch["target"])
        return self._known(batch) | {"composed": self.net(composed, text), "target": target}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Recall of ẑ on unseen triplets, and λ."""
        return {**self._recalls(combined=True), "lambda": float(self.net.weight)}
