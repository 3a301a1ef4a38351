"""The configs of the baselines that make a picture one pseudo-word: Pic2Word, SEARLE and LinCIR."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from training.data.config import CaptionedData
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section

_Sentence = Annotated[str, Field(pattern=r"^[^*]*\*[^*]*$")]  # with one place for a word


class _PseudoWordConfig(Section):
    seed: int
    template: str = Field(default="a photo of * that {text}", pattern=r"\*.*\{text\}")
    backbone: BackboneConfig

    @property
    def mapping_template(self) -> str:
        """The pseudo-sentence with no change wanted: the template up to its pseudo-word."""
        return self.template[: self.template.index("*") + 1]


class NamingConfig(Section):
    """The one stage of Pic2Word; of the pictures' captions nothing is read."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    temperature: float = Field(default=0.01, gt=0)  # CLIP's own at the end of its training
    data: CaptionedData
    optim: OptimConfig
    loop: LoopConfig


class Pic2WordConfig(_PseudoWordConfig):
    """Pic2Word on a frozen CLIP."""

    stages: ClassVar[tuple[str, ...]] = ("naming",)

    method: Literal["pic2word"]
    template: str = Field(default="a photo of * , {text}", pattern=r"\*.*\{text\}")
    naming: NamingConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.naming.loop.device


class PhrasesConfig(Section):
    """What binds a pseudo-word to real ones: phrases in which it stands for a concept of its picture.

    The paper takes 20 000 concepts and has a language model write the phrases; without any, nothing binds.
    """

    concepts: tuple[str, ...] = Field(default=(), strict=False)
    phrases: tuple[_Sentence, ...] = Field(default=(), strict=False)
    nearest: int = Field(default=15, ge=1)  # concepts of a picture

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.concepts) != bool(self.phrases) or (self.concepts and self.nearest > len(self.concepts)):
            raise ValueError("concepts and phrases go together, and nearest counts some of the concepts")
        return self


class InvertingConfig(Section):
    """The first stage of SEARLE: a word for each of some pictures, by gradient descent."""

    data: CaptionedData  # whose captions are not read
    pictures: int = Field(ge=2)  # how many of them, from the first on
    sentences: tuple[_Sentence, ...] = Field(strict=False, min_length=1)  # that shall say what the picture shows
    steps: int = Field(default=350, ge=1)
    learning_rate: float = Field(default=2e-2, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    average: float = Field(default=0.99, ge=0, lt=1)  # of a word's past values, which is what is kept
    bound: float = Field(default=0.5, ge=0)  # weight of the phrases


class DistillingConfig(Section):
    """The second stage of SEARLE: φ learns from the words."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    temperature: float = Field(default=0.25, gt=0)
    bound: float = Field(default=0.75, ge=0)  # weight of the phrases
    optim: OptimConfig
    loop: LoopConfig


class SearleConfig(_PseudoWordConfig):
    """SEARLE on a frozen CLIP."""

    stages: ClassVar[tuple[str, ...]] = ("inverting", "distilling")

    method: Literal["searle"]
    phrases: PhrasesConfig = PhrasesConfig()
    inverting: InvertingConfig
    distilling: DistillingConfig

    @property
    def device(self) -> str:
        """Where both stages compute."""
        return self.distilling.loop.device


class MaskingConfig(Section):
    """The one stage of LinCIR; pictures are only validated with."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    noise: float = Field(default=1.0, ge=0)  # the most, in lengths of a caption's vector
    data: CaptionedData
    optim: OptimConfig
    loop: LoopConfig


class LinCirConfig(_PseudoWordConfig):
    """LinCIR on a frozen CLIP."""

    stages: ClassVar[tuple[str, ...]] = ("masking",)

    method: Literal["lincir"]
    masking: MaskingConfig

    @property
    def device(self) -> str:
        """Where it trains."""
        return self.masking.loop.device


PseudoWordConfig = Pic2WordConfig | SearleConfig | LinCirConfig
