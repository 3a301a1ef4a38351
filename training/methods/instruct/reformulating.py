"""Two phases of InstructCIR: the network learns from triplets, then the combiner learns how much text to add."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.nets.reformulation import Reformulation
from training.data.batch import TripletBatch
from training.data.datasets import TripletDataset
from training.engine import losses
from training.engine.distributed import World
from training.engine.ema import Average
from training.engine.settings import LoopConfig
from training.methods.instruct.config import Momentum, ReformulatingLoss
from training.methods.stages.from_triplets import Contrasting


class Pair(nn.Module):
    """The network that learns, and the average of its past weights, which encodes the targets."""

    def __init__(self, online: Reformulation, *, averaged: bool) -> None:
        """All but the combiner learns in the first phase. Without `averaged` the network itself encodes the targets.

        Batch norms of the image tower stay as they were: references and targets have other statistics.
        """
        super().__init__()
        self.online = online.requires_grad_(True)
        for module in online.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
        online.backbone.clip.logit_scale.requires_grad_(False)  # no loss reads it
        online.combiner.requires_grad_(False)
        self.average = Average(online) if averaged else None

    def target(self, pixels: Tensor) -> Tensor:
        """Return z̄_t (B, d), L2-normalised, of uint8 pixels (B, 3, S, S); the average gives it without gradient."""
        if self.average is None:
            own: Tensor = self.online(pixels)
            return own
        with torch.no_grad():
            averaged: Tensor = functional_call(self.online, self.average.values(), (pixels,))
        return averaged

    def settled(self) -> Reformulation:
        """Return a copy of the network with the weights that encode the targets."""
        return copy.deepcopy(self.online) if self.average is None else self.average.settled(self.online)


class _Phase(Contrasting):
    """Base of the two phases."""

    def __init__(
        self, *, pair: Pair, data: TripletDataset, loss: ReformulatingLoss, loop: LoopConfig, world: World
    ) -> None:
        super().__init__(data, loss=loss, loop=loop, world=world)
        self._pair = pair

    def _validated(self, *, combined: bool) -> dict[str, float]:
        """Return the recall of the unseen triplets' targets; every image that satisfies the text counts."""
        blocks, gallery = [], []
        for block in self._gallery():
            blocks.append(block)
            gallery.append(self._pair.target(block.to(self._device)))
        pixels, queries = torch.cat(blocks), []
        for rows, texts in self._queries():
            composed, text = self._query(pixels[rows].to(self._device), texts)
            queries.append(self._pair.online.combiner(composed, text) if combined else composed)
        return self._recalls(torch.cat(queries), torch.cat(gallery))

    def _query(self, pixels: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_q and e_txt (B, d) of uint8 pixels (B, 3, S, S) and token ids (B, L)."""
        net = self._pair.online
        words = net.words(texts)
        return net.compose(pixels, words), words.vector


class Reformulating(_Phase):
    """Trains both towers, the cross-attention and the predictor; the targets' encoder follows as their average."""

    def __init__(
        self,
        *,
        pair: Pair,
        data: TripletDataset,
        loss: ReformulatingLoss,
        momentum: Momentum,
        loop: LoopConfig,
        world: World,
    ) -> None:
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        self._momentum = momentum
        self._captions = loss.captions
        self.net = pair

    def embeddings(self, batch: TripletBatch) -> dict[str, Tensor]:
        """Return `composed` z_q and `target` z_t (b, d), the latter of the average without gradient; images are pixels.

        If captions are learnt, `caption` is e_txt (b, d) of `target_caption`.
        """
        embeddings = self._labels(batch) | {
            "composed": self._query(batch.reference, batch.text)[0],
            "target": self._pair.target(batch.target),
        }
        if self._captions:
            if batch.target_caption is None:
                raise AssertionError("the data was made with captions of the targets")
            embeddings["caption"] = self._pair.online.words(batch.target_caption).vector
        return embeddings

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """InstructCIR, Eq. 2; if captions are learnt, plus their weight times the same loss of e_txt(caption) and z_t.

        The second term is not in the paper, in which nothing binds e_txt to z_t, so that text alone finds nothing. The
        same image is no negative of a caption, nor is any that the data knows it to describe.
        """
        loss = super().loss(embeddings)
        if self._captions:
            rows = embeddings["target_row"]  # (M,)
            same = (rows[:, None] == rows).fill_diagonal_(False)  # (M, M)
            if "described" in embeddings:
                same = same | embeddings["described"]
            scale = 1 / self._loss.temperature
            term = losses.nce(embeddings["caption"], embeddings["target"], scale=scale, ignored=same)
            loss = loss + self._captions * term
        return loss

    def stepped(self, done: float) -> None:
        """Update the average, with growing momentum."""
        if self._pair.average is not None:
            first, last = self._momentum.start, self._momentum.end
            self._pair.average.follow(self._pair.online, momentum=first + (last - first) * done)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the recall of z_q on unseen triplets."""
        return self._validated(combined=False)


class Combining(_Phase):
    """Trains λ alone (InstructCIR, Eq. 3); everything else is frozen."""

    def __init__(
        self, *, pair: Pair, data: TripletDataset, loss: ReformulatingLoss, steps: int, loop: LoopConfig, world: World
    ) -> None:
        """An epoch has `steps` batches, from as many passes over the triplets as needed; with 0 it is one pass."""
        super().__init__(pair=pair, data=data, loss=loss, loop=loop, world=world)
        self._passes = max(1, -(-steps // self.steps_per_epoch))
        self.steps_per_epoch = steps or self.steps_per_epoch
        pair.requires_grad_(False).eval()
        pair.zero_grad(set_to_none=True)  # the first phase left as many gradients as weights
        self.net = pair.online.combiner.requires_grad_(True)

    def batches(self, epoch: int, *, start: int) -> Iterator[TripletBatch]:
        """Yield this rank's rows of each global batch from number `start` on; a resumed run gets the same batches."""
        passes = range(epoch * self._passes, (epoch + 1) * self._passes)
        orders = [order for number in passes for order in self._data.orders(batch=self._batch, epoch=number)]
        return self._data.batches(orders[start : self.steps_per_epoch], epoch=epoch, share=self._share)

    def embeddings(self, batch: TripletBatch) -> dict[str, Tensor]:
        """Return `composed` ẑ with gradient and `target` z_t (b, d); images are pixels."""
        with torch.no_grad():
            composed, text = self._query(batch.reference, batch.text)
            target = self._pair.target(batch.target)
        return self._labels(batch) | {"composed": self.net(composed, text), "target": target}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the recall of ẑ on unseen triplets, and λ."""
        return {**self._validated(combined=True), "lambda": float(self.net.weight)}
