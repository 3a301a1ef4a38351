"""First stage of the two-stage method: an image becomes a pseudo-word that can stand among real words."""

from torch import Tensor
from torch.nn import functional as F

from models.nets.two_stage import TwoStage
from training.data.batch import CaptionedBatch
from training.data.datasets import EpochDataset
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.stages.from_images import FromImages
from training.methods.two_stage.config import MappingConfig


class MappingStage(FromImages[CaptionedBatch]):
    """Trains the token learner, the patch map and the injections on "a photo of *" (two-stage, A.2)."""

    def __init__(
        self,
        config: MappingConfig,
        *,
        seed: int,
        net: TwoStage,
        sentence: Tensor,
        slot: int,
        data: EpochDataset[CaptionedBatch],
        world: World,
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`; see `FromImages`."""
        super().__init__(data, sentence=sentence, seed=seed, loop=config.loop, world=world)
        self.net = net.requires_grad_(False)
        for part in (net.learner, net.patches, net.injections):
            part.requires_grad_(True)
        net.drop_dead()  # it would get no gradient
        if not net.injections:
            net.patches.requires_grad_(False)
        self._config = config
        self._slot = slot

    def embeddings(self, batch: CaptionedBatch) -> dict[str, Tensor]:
        """Return `sentence` (b, d) with gradient, and the frozen `reference`, `target` and `caption` (b, d)."""
        states = frozen.states(self.net.backbone, batch.reference)  # (b, 1+N, d)
        return {
            "sentence": self._sentences(states),
            "reference": F.normalize(states[:, 0], dim=-1),
            "target": frozen.image(self.net.backbone, batch.target),
            "caption": frozen.text(self.net.backbone, batch.caption),
        }

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """L1 = NCE(v_tgt, t) + reference · NCE(v_ref, t) + soft · L_soft (two-stage, A.2)."""
        config = self._config.loss
        scale = 1 / config.temperature
        sentence = embeddings["sentence"]
        loss = losses.symmetric_nce(embeddings["target"], sentence, scale=scale)
        if config.reference:
            loss = loss + config.reference * losses.symmetric_nce(embeddings["reference"], sentence, scale=scale)
        if config.soft:
            caption, target = embeddings["caption"], embeddings["target"]
            loss = loss + config.soft * losses.soft_alignment(caption, target, sentence, scale=scale)
        return loss

    def _embedded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        states = frozen.states(self.net.backbone, images)
        return self._sentences(states), F.normalize(states[:, 0], dim=-1)

    def _sentences(self, states: Tensor) -> Tensor:
        tokens = self._sentence.expand(len(states), -1)
        return self.net.compose(self.net.reference(states), tokens, slot=self._slot, adapted=False)
