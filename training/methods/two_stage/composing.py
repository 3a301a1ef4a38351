"""Second stage of the two-stage method: the text tower learns to compose the pseudo-word with the wanted change."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.two_stage import Reference, TwoStage
from training.data.batch import TripletBatch
from training.data.datasets import RankedShops, TripletDataset
from training.engine import frozen, losses
from training.engine.distributed import World
from training.engine.lengths import by_length
from training.methods.stages.from_triplets import FromTriplets
from training.methods.two_stage.config import ComposingConfig


class ComposingStage(FromTriplets):
    """Trains the composing adapters alone, or every added module (two-stage, A.3)."""

    def __init__(
        self, config: ComposingConfig, *, net: TwoStage, sentence: Tensor, slot: int, data: TripletDataset, world: World
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`, as in all the texts."""
        super().__init__(data, loop=config.loop, world=world)
        self.net = net.requires_grad_(False)
        net.drop_dead()
        net.adapters.requires_grad_(True)
        if config.learns == "everything":
            for part in (net.learner, net.patches, net.injections):
                part.requires_grad_(True)
        self._loss = config.loss
        self._sentence = sentence.to(world.device)
        self._slot = slot

    def embeddings(self, batch: TripletBatch) -> dict[str, Tensor]:
        """Return `composed`, `sentence` (b, d) with gradient, and the frozen `reference`, `target`, `caption` (b, d).

        For the soft alignment the batch needs the reference's caption, and without it there is no `caption`. With
        `word` and `regions` the mapping modules are not run.
        """
        captions = {}
        if self._loss.soft:
            if batch.caption is None:
                raise AssertionError("the config's validation allows no soft alignment without captions")
            captions = {"caption": frozen.text(self.net.backbone, batch.caption)}
        if batch.word is not None and batch.regions is not None:
            reference = Reference(batch.word.float(), batch.regions.float())
            image = frozen.image(self.net.backbone, batch.reference)
        else:
            states = frozen.states(self.net.backbone, batch.reference)
            reference, image = self.net.reference(states), F.normalize(states[:, 0], dim=-1)
        sentence = self._sentence.expand(len(image), -1)
        return self._labels(batch) | {
            "composed": self._composed(reference, batch.text),
            "sentence": self.net.compose(reference, sentence, slot=self._slot),
            "reference": image,
            "target": frozen.image(self.net.backbone, batch.target),
            **captions,
        }

    def _composed(self, reference: Reference, texts: Tensor) -> Tensor:
        """Return the queries (b, d)."""

        def compose(rows: Tensor, tokens: Tensor) -> Tensor:
            chosen = Reference(reference.word[rows], reference.regions[rows])
            return self.net.compose(chosen, tokens, slot=self._slot)

        return by_length(self.net.backbone.ends(texts), texts, compose)

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """L2 = ½ (CE(v_tgt → t_c) + L_hard) + mapping · NCE(v_ref, t_map) + soft · L_soft (two-stage, A.3).

        The teacher of L_soft is v_ref, whose caption it is; the authors' release takes v_tgt. Two rows with the same
        reference are no negatives of each other in the mapping loss.
        """
        config = self._loss
        scale = 1 / config.temperature
        loss = losses.composing(
            embeddings["composed"],
            embeddings["target"],
            scale=scale,
            mixed=config.mixed,
            mixed_scale=scale if config.mixed_logit_scale == "tau" else 1.0,
            cap=config.mixed_cap,
            ignored=embeddings.get("satisfied") if config.satisfied else None,
        )
        if config.shop:
            loss = loss + self._among_shop(embeddings, scale=scale)
        if config.mapping:
            same = None
            if "reference_row" in embeddings:
                rows = embeddings["reference_row"]  # (M,)
                same = (rows[:, None] == rows).fill_diagonal_(False)  # (M, M)
            term = losses.symmetric_nce(embeddings["reference"], embeddings["sentence"], scale=scale, ignored=same)
            loss = loss + config.mapping * term
        if config.soft:
            caption, reference, sentence = (embeddings[name] for name in ("caption", "reference", "sentence"))
            loss = loss + config.soft * losses.soft_alignment(caption, reference, sentence, scale=scale)
        return loss

    def _among_shop(self, embeddings: dict[str, Tensor], *, scale: float) -> Tensor:
        """Return the loss of the order of all products of the shop, the reference among them."""
        if not isinstance(self._data, RankedShops):
            raise AssertionError("the config's validation allows a shop's loss for triplets of one shop alone")
        gallery = self._data.shop_gallery(int(embeddings["shop"][0])).to(self._device)
        return losses.ranked(
            embeddings["composed"],
            F.normalize(gallery.float(), dim=-1),
            embeddings["grades"],
            scale=scale,
            weights=self._loss.shop,
        )

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the recall of the unseen triplets' targets; every image that satisfies the text counts."""
        gallery, words, regions = [], [], []
        for block in self._gallery():
            states = frozen.states(self.net.backbone, block.to(self._device))
            reference = self.net.reference(states)
            gallery.append(F.normalize(states[:, 0], dim=-1))
            words.append(reference.word)
            regions.append(reference.regions.half())
        whole = Reference(torch.cat(words), torch.cat(regions))
        queries = []
        for rows, texts in self._queries():
            reference = Reference(whole.word[rows], whole.regions[rows].float())
            queries.append(self.net.compose(reference, texts, slot=self._slot))
        return self._recalls(torch.cat(queries), torch.cat(gallery))
