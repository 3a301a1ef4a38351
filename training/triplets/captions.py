"""A caption of every image in a pair: from a model, or from the shop's product data."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

from training.triplets import config, filter
from training.triplets.answers import AnsweringModel, Refusal, Request
from training.triplets.ask import Asker, Price
from training.triplets.config import Captioner, EndpointCaptioner, LocalCaptioner, ProductCaptioner
from training.triplets.items import SourceImage
from training.triplets.store import Store


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions of N images."""

    texts: tuple[str, ...]  # (N,), on one line; "" if there is none
    problems: Mapping[int, str]  # reason that there is none, by row
    report: Mapping[str, object]


def write(section: Captioner, images: Sequence[SourceImage], *, stored: Store) -> Captions:
    """Caption each image once."""
    if isinstance(section, ProductCaptioner):
        from training.templates import product_caption

        captions = [product_caption.caption(item.facts) for item in images]
        return _captions(captions, {}, {"model": "products"})
    prompt = config.prompt(section.prompt, default="caption.txt", fields=())
    with _opened(section) as model:
        asker = Asker(
            model,
            stored=stored,
            digests={item.path: item.digest for item in images},
            price=Price(section.prompt_price, section.completion_price),
            label="captions",
        )
        answers = asker.ask(lambda row: Request(prompt, images[row].path), len(images), attempt=0)
    refused = {row: answer.reason for row, answer in enumerate(answers) if isinstance(answer, Refusal)}
    texts = ["" if isinstance(answer, Refusal) else filter.unwrapped(answer.text) for answer in answers]
    return _captions(texts, refused, {"model": model.name, "prompt": prompt, **asdict(asker.spent())})


def _captions(captions: Sequence[str], refused: Mapping[int, str], report: Mapping[str, object]) -> Captions:
    texts = tuple(" ".join(text.split()) for text in captions)
    blank = {row: "the caption is blank" for row, text in enumerate(texts) if not text}
    return Captions(texts, {**blank, **refused}, {**report, "blank": len(blank) - len(refused)})


def _opened(section: EndpointCaptioner | LocalCaptioner) -> AbstractContextManager[AnsweringModel]:
    if isinstance(section, EndpointCaptioner):
        from training.triplets.endpoint import Endpoint

        return Endpoint.open(section, image_side=section.image_side)
    from training.triplets import local

    return nullcontext(local.Captioner.open(section))
