"""Data sections of a config."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.catalogue.language import phrasebook
from training.engine.settings import Section


class DrawnCaptions(Section):
    """Products of the drawn world, with a new caption each in every epoch."""

    products: int = Field(ge=2)
    validation_products: int = Field(ge=2)
    spoken: float = Field(default=0.0, ge=0, le=1)  # share of the captions in the words of `phrasebooks`
    phrasebooks: tuple[str, ...] = Field(default=phrasebook.TRAINING, strict=False, min_length=1)
    misspelt: float = Field(default=0.0, ge=0, le=1)  # share of the captions with slips of the finger
    vocabulary: int = Field(default=2048, ge=512)  # tokens of the BPE that is trained on the world's texts, if one is


class DrawnPictures(Section):
    """Products of the drawn world, a caption each; the outputs of the frozen towers are computed once."""

    source: Literal["drawn"]
    products: int = Field(ge=2)
    validation_products: int = Field(ge=2)
    views: int = Field(default=1, ge=1)  # pairs of views of each image; the epochs take turns


class DrawnTriplets(Section):
    """Triplets of the drawn world: fixed texts, of which every product that satisfies them is known."""

    source: Literal["drawn"]
    products: int = Field(ge=2)
    triplets: int = Field(ge=2)
    share: float = Field(default=1.0, gt=0, le=1)  # only so many of the triplets, from the first on
    # of training; template: always the same words for a difference; generated: from two captions, target alone known
    texts: Literal["varied", "template", "generated"] = "varied"
    spoken: float = Field(default=0.0, ge=0, le=1)  # share of the texts in the words of `phrasebooks`
    phrasebooks: tuple[str, ...] = Field(default=phrasebook.TRAINING, strict=False, min_length=1)
    misspelt: float = Field(default=0.0, ge=0, le=1)  # share of the texts with slips of the finger
    drift: float = Field(default=0.0, ge=0, le=1)  # share whose target differs in more than the words say
    alike: float = Field(default=0.0, ge=0, le=1)  # share of the batches whose targets are of one or two categories
    one_shop: bool = False  # whether all triplets of a batch are of one shop of 5 000 products, in place of `alike`
    validation_products: int = Field(ge=2)
    validation_triplets: int = Field(ge=2)

    @model_validator(mode="after")
    def _knows_what_texts_mean(self) -> Self:
        if self.one_shop and (self.drift or self.texts == "generated"):
            raise ValueError("one_shop needs texts whose meaning is known: leave out drift and generated texts")
        return self


class _Files(Section):
    validation: int = Field(ge=2)  # rows, of triplets at least so many, that are held out to choose the best epoch
    skip: str = ""  # a file that names the rows to leave out, as `likebut data check` writes it


class ShardsSource(_Files):
    """Captioned images in WebDataset shards, as img2dataset writes them."""

    source: Literal["webdataset"]
    shards: str  # a folder, or names with braces: cc3m/{00000..00331}.tar
    caption: str = "txt"  # the member with the caption, or a field of its json: "json:caption"


class TableSource(_Files):
    """Captioned images in a table: CSV, JSONL or Parquet."""

    source: Literal["table"]
    table: str
    image: str = "image"  # the column with the path, relative to the table
    caption: str = "caption"


class Jsonl(_Files):
    """Triplets in JSON lines: reference, text, target and, if known, caption (of the reference) and target_caption."""

    source: Literal["jsonl"]
    file: str
    images: str = ""  # the folder of the images; by default "images" beside the file


class ShopTriplets(Section):
    """Triplets of a shop's own products; the outputs of the frozen image tower are computed once."""

    source: Literal["shop"]
    products: str  # a file that `likebut tailor` writes: each product with its attributes and its split
    features: str  # the folder of the image tower's outputs
    triplets: int = Field(ge=2)
    validation_triplets: int = Field(ge=2)


class LaionCir(_Files):
    """Laion-CIR's template file or LLM file."""

    source: Literal["laion-cir"]
    file: str
    images: tuple[str, ...] = Field(strict=False, min_length=1)
    captions: str = ""  # the file of the references' captions


class SynthTriplets(_Files):
    """SynthTriplets18M, in shards or loose."""

    source: Literal["synthtriplets"]
    shards: str
    text: str = "target_caption"  # the json's field with the wanted change


Order = Literal["written", "reversed", "both"]  # of two captions: "c1 and c2", "c2 and c1", or a row of each


class FashionIq(_Files):
    """FashionIQ's human triplets, the two captions of each joined by "and"."""

    source: Literal["fashioniq"]
    captions: str  # the folder of cap.{dress,shirt,toptee}.train.json, or one such file
    images: str
    order: Order = "written"


class Cirr(_Files):
    """CIRR's human triplets."""

    source: Literal["cirr"]
    captions: str  # cap.rc2.train.json
    split: str  # split.rc2.train.json
    images: str  # the folder of NLVR2's images


CaptionedData = Annotated[DrawnPictures | ShardsSource | TableSource, Field(discriminator="source")]
TripletData = Annotated[
    DrawnTriplets | Jsonl | LaionCir | SynthTriplets | FashionIq | Cirr, Field(discriminator="source")
]
TripletStates = Annotated[  # for a method that reads the outputs of a frozen image tower
    DrawnTriplets | Jsonl | LaionCir | SynthTriplets | FashionIq | Cirr | ShopTriplets, Field(discriminator="source")
]
