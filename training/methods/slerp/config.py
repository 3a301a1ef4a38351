"""The config of slerp, a baseline that learns nothing."""

from typing import ClassVar, Literal

from pydantic import Field

from training.engine.settings import BackboneConfig, Section


class SlerpConfig(Section):
    """The arc between picture and text, on a frozen CLIP."""

    stages: ClassVar[tuple[str, ...]] = ()
    device: ClassVar[str] = "cpu"

    method: Literal["slerp"]
    seed: int  # of a CLIP with random weights
    backbone: BackboneConfig
    share: float = Field(default=0.8, ge=0, le=1)  # of the arc, from the picture to the text
