"""Configs of the two stages."""

from typing import Annotated, Literal

from pydantic import Field

from training.data.config import CaptionedData, TripletStates
from training.data.drawn.triplets import GRADES
from training.engine.settings import LoopConfig, OptimConfig, Section

# Blocks of a text tower of 12, from 0; scaled to the depth of the tower.
Layers = Annotated[tuple[Annotated[int, Field(ge=0, lt=12)], ...], Field(strict=False)]


class MappingNet(Section):
    """The modules of the first stage (two-stage, A.1)."""

    injection_layers: Layers
    bottleneck: int = Field(default=128, gt=0, multiple_of=8)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class MappingLoss(Section):
    """NCE(v_tgt, t) + reference · NCE(v_ref, t) + soft · L_soft, at one temperature τ."""

    temperature: float = Field(default=0.07, gt=0)
    reference: float = Field(default=1.0, ge=0)
    soft: float = Field(default=0.2, ge=0)


class MappingConfig(Section):
    """The first stage: an image becomes a pseudo-word."""

    net: MappingNet
    data: CaptionedData
    loss: MappingLoss = MappingLoss()
    optim: OptimConfig
    loop: LoopConfig


class ComposingNet(Section):
    """The composing adapters (two-stage, A.3)."""

    adapter_layers: Layers
    rank: int = Field(default=128, gt=0)


class ComposingLoss(Section):
    """½ (CE(v_tgt → t_c) + L_hard) + mapping · NCE(v_ref, t_map) + soft · L_soft + Σ shop · L_shop, at one τ."""

    temperature: float = Field(default=0.01, gt=0)
    mixed: int = Field(default=10, ge=0)  # k, the hard negatives of each query; 0: none
    mixed_logit_scale: Literal["tau", "none"] = "tau"  # tau: their scores are divided by τ; none: as in the release
    mixed_cap: float = Field(default=0.9, gt=0, le=1)  # of the positive's share in a mixture
    satisfied: bool = True  # other targets known to satisfy a text are not its negatives; the paper knows none
    # not in the paper: the weights of each grade of the shop's products before all that are worse; see docs/training.md
    shop: tuple[Annotated[float, Field(ge=0)], ...] = Field(default=(), strict=False, max_length=GRADES)
    mapping: float = Field(default=1.0, ge=0)
    soft: float = Field(default=0.2, ge=0)


class ComposingConfig(Section):
    """The second stage: the text tower learns to compose."""

    start: Literal["mapping", "scratch"] = "mapping"  # scratch: no first stage
    learns: Literal["adapters", "everything"] = "adapters"  # everything: the modules of the first stage too
    net: ComposingNet
    data: TripletStates
    loss: ComposingLoss = ComposingLoss()
    optim: OptimConfig
    loop: LoopConfig
