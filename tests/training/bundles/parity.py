"""Bundles against open_clip's own pipeline; as a command, of its models at their full size, with random weights.

python -m tests.training.bundles.parity [MODEL …]
"""

import argparse
import io
import logging
import resource
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP
from PIL import Image, ImageFilter
from torch import Tensor

from models.arrays import Embeddings
from models.encoder import Encoder
from models.errors import ConfigError
from models.nets import open_clip_models
from models.nets.open_clip_models import WeightFacts
from models.preprocess import rgb
from training.methods.weighted_sum import export_open_clip

LEAST = 0.9999  # cosine of each image and text
TEXTS = [
    "a red dress",
    "",
    "Women’s  H&amp;M knit,\n\nwith “long” sleeves_",
    "naïve ﬁne K 東京 👗 &lt;h1&gt; <h1>",
    "a wish that is much longer than any context " * 9,
    "<|endoftext> </ s> [ SEP",
]


def images(*, padded: bool = False) -> list[bytes]:
    """Files of every kind: colour, grey, CMYK, transparent, a strip, wide, small.

    For a model that wants images `padded`, without those that open_clip's own padding gets wrong: it fails on a strip
    of one pixel, and pads CMYK with white whatever the fill.
    """
    narrowest, printed = (20, "RGB") if padded else (1, "CMYK")
    random = np.random.Generator(np.random.PCG64(7))

    def photograph(width: int, height: int, mode: str = "RGB") -> Image.Image:
        coarse = random.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)

    clear = photograph(90, 60, "RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    several = [
        *(photograph(130, 90), photograph(61, 203).filter(ImageFilter.GaussianBlur(1)), photograph(80, 80, "L")),
        *(photograph(100, 70, printed), clear, photograph(narrowest, 400), photograph(700, 40), photograph(9, 7)),
    ]
    return [_encoded(image, "PNG" if image.mode == "RGBA" else "TIFF") for image in several]


def _encoded(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


@torch.inference_mode()
def expected(
    clip: CLIP,
    transform: Callable[[Image.Image], Tensor],
    tokenize: Callable[[Sequence[str]], Tensor],
    *,
    files: Sequence[bytes],
) -> tuple[Embeddings, Embeddings]:
    """Return open_clip's embeddings of images and of TEXTS."""
    opened = [Image.open(io.BytesIO(data)) for data in files]
    shown = [rgb(image) if image.mode == "RGBA" else image for image in opened]  # theirs drops what is transparent
    pixels = torch.stack([transform(image) for image in shown])
    found: tuple[Embeddings, Embeddings] = (
        clip.eval().encode_image(pixels, normalize=True).numpy(),
        clip.encode_text(tokenize(TEXTS), normalize=True).numpy(),
    )
    return found


def ours(bundle: Path, files: Sequence[bytes]) -> tuple[Embeddings, Embeddings]:
    """Return the bundle's embeddings of the same."""
    encoder = Encoder.open(bundle)
    return encoder.gallery(np.stack([encoder.preprocess(data) for data in files])), encoder.texts(TEXTS)


def _compared(name: str, out: Path) -> str:
    """Return a line of the table: the least cosines of a model at its full size, or why it has no bundle."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    like = tags[0] if tags else ""
    began = time.monotonic()
    try:
        facts = open_clip_models.describe(name, pretrained="", stated=WeightFacts(), like=like)
        torch.manual_seed(0)
        export_open_clip(name, pretrained="", text_weight=None, like=like, out=out)
    except ConfigError as error:
        return f"refused: {error}"
    found = ours(out, images())
    torch.manual_seed(0)
    modes = {mode: theirs for theirs, mode in open_clip_models.MODES.items()}
    clip, _, transform = open_clip.create_model_and_transforms(
        name,
        force_quick_gelu=facts.quick_gelu,
        image_mean=facts.mean,
        image_std=facts.std,
        image_resize_mode=modes[facts.mode],
        image_interpolation=facts.filter,
        pretrained_text=False,
    )
    theirs = expected(clip, transform, open_clip.get_tokenizer(name), files=images())
    image, text = (float(np.einsum("ij,ij->i", *pair).min()) for pair in zip(found, theirs, strict=True))
    gib = sum(file.stat().st_size for file in out.iterdir()) / 2**30
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    verdict = "equal" if min(image, text) >= LEAST else "DIFFERENT"
    seconds = time.monotonic() - began
    return f"{verdict}: {image:.6f} and {text:.6f}, {gib:.2f} GiB, {seconds:.0f} s, peak {peak:.1f} GiB"


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="open_clip's names; all without any")
    logging.getLogger().setLevel(logging.ERROR)
    for name in parser.parse_args().models or open_clip.list_models():
        with TemporaryDirectory() as scratch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print(f"{name}: {_compared(name, Path(scratch) / 'bundle')}", flush=True)


if __name__ == "__main__":
    main()
