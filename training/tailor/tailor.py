"""From a shop's products to a bundle that composes better: attributes → triplets → training → verdict → bundle."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import tomli_w
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from models import bundle as bundles
from models import files
from models.bundle import Bundle, Content
from models.encoder import Encoder
from models.errors import ConfigError, InputError
from training.bundles import known_images
from training.data.shop import triplets
from training.data.shop.looks import Looks
from training.data.shop.products import of_split
from training.data.shop.states import ImageStates
from training.engine import backbones, checkpoint
from training.engine.settings import BackboneConfig
from training.methods import runs, weighted_sum
from training.methods.two_stage.two_stage import COMPOSING
from training.tailor import calibrated, run_config, verdict
from training.tailor import source as shop_source
from training.tailor.attributes import ChosenAttributes
from training.tailor.calibrated import FittedCalibration
from training.tailor.prepare import PreparedProducts, prepare
from training.tailor.verdict import Verdict

VERSION = 1  # increased if the same products and settings train otherwise
RESULT, PRODUCTS = "result.json", "products.jsonl"
FEWEST = 100  # triplets
_VALIDATION = 0.1  # share of the products that choose the best epoch
_QUERIES = 2000  # about held-out products
_EXAMPLES, _MOST_EPOCHS = 20_000, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TailorSettings:
    """All that a tailored bundle depends on beside the products and the bundle before."""

    triplets: int = 20_000
    epochs: int = 0  # 0: as many as make about 20 000 examples, and at most 20
    held_out: float = 0.2  # share of the products
    only: Sequence[str] = ()  # attributes
    without: Sequence[str] = ()
    seed: int = 7
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Tailored:
    """Result: the verdict, and what the products gave."""

    verdict: Verdict
    chosen: ChosenAttributes
    words: Mapping[str, float]  # of titles, and how well the images show each, 0…1
    triplets: int
    skipped: Mapping[str, int]  # products, by the reason
    is_written: bool
    calibration: FittedCalibration | None  # of the bundle that is written, if the shop has enough questions


def tailor(
    source: str,
    *,
    bundle: str,
    out: Path,
    work: Path,
    columns: Mapping[str, str],
    settings: TailorSettings,
    anyway: bool,
    date: str,
) -> Tailored:
    """Train on the source's products and write the bundle `out`, if it is better or `anyway`.

    `bundle` is a bundle's folder, or NAME:TAG of an open_clip model. All that takes time is kept in the folder `work`,
    so that a killed call goes on. Raises ConfigError and InputError for products or a bundle that cannot be used.
    """
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    work.mkdir(parents=True, exist_ok=True)
    before = _bundle(bundle, work)
    shop = shop_source.read(source, work / "source", columns=columns)
    manifest = Bundle.open(before).manifest
    run = work / _digest(work / "source" / "items.jsonl", manifest.model_id, settings)
    run.mkdir(exist_ok=True)
    own = BackboneConfig(name=manifest.backbone, pretrained=str(before))
    backbones.write_tokenizer(own, run / backbones.TOKENIZER)
    net = backbones.backbone(own, run, seed=settings.seed).to(torch.device(settings.device))
    states = ImageStates(net, work / "features")
    prepared = prepare(
        shop.items,
        states,
        run / PRODUCTS,
        source=source,
        only=settings.only,
        without=settings.without,
        held_out=settings.held_out,
        validation=_VALIDATION,
        seed=settings.seed,
    )
    count = _triplets(prepared, source, settings)
    values = run_config.document(
        manifest,
        bundle=before,
        run=run,
        features=work / "features",
        vectors=prepared.vectors,
        triplets=count,
        epochs=settings.epochs or min(_MOST_EPOCHS, round(_EXAMPLES / count) or 1),
        seed=settings.seed,
        device=settings.device,
        precision="bfloat16",
    )
    files.write(run / "tailor.toml", tomli_w.dumps(values))
    if not checkpoint.has_ended(run / COMPOSING):
        # on a CPU the fused attention is slower for texts of some twenty tokens
        with sdpa_kernel(SDPBackend.MATH) if settings.device == "cpu" else nullcontext():
            runs.train(run / "tailor.toml", run)
    trial = run / "bundle"
    if not (trial / bundles.MANIFEST).is_file():
        runs.export(run, out=trial)
    if (run / RESULT).is_file():  # of an earlier call that was not to write it
        found = Verdict.read(run / RESULT)
    else:
        found = verdict.judge(
            prepared.products,
            prepared.vectors,
            before=Encoder.open(before),
            tailored=Encoder.open(trial),
            queries=_QUERIES,
            seed=settings.seed,
            date=date,
        )
        found.result.write(run / RESULT)
    is_written = found.is_better or anyway
    fitted = _write(trial, out, prepared, seed=settings.seed) if is_written else None
    skipped = {**shop.skipped, **({"the image cannot be decoded": len(prepared.broken)} if prepared.broken else {})}
    return Tailored(found, prepared.chosen, prepared.words, count, skipped, is_written, fitted)


def _bundle(name: str, work: Path) -> Path:
    """Return the bundle's folder; an open_clip model is exported to `work` first."""
    if (Path(name) / bundles.MANIFEST).is_file():
        return Path(name)
    model, colon, tag = name.partition(":")
    if not colon:
        raise ConfigError(
            f"{name} is no bundle: name a bundle's folder, or an open_clip model and its weights as ViT-B-32:openai"
        )
    exported = work / name.replace("/", "-").replace(":", "-")
    if not (exported / bundles.MANIFEST).is_file():
        weighted_sum.export_open_clip(model, pretrained=tag, text_weight=None, out=exported)
    return exported


def _digest(items: Path, model_id: str, settings: TailorSettings) -> str:
    facts = [VERSION, files.digest(items), model_id, asdict(settings)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _triplets(prepared: PreparedProducts, source: str, settings: TailorSettings) -> int:
    """Return how many triplets there are to train on; raises InputError if they are too few."""
    train = of_split(prepared.products, "train")
    count = len(triplets.draw(train, Looks(train), settings.triplets, seed=settings.seed, wording="train"))
    names = ", ".join([*prepared.chosen.shown, *(["words of titles"] if prepared.words else [])])
    if not count:
        raise InputError(
            f"no two products of {source} differ in few of {names}: they are all alike, or each is alone; name other"
            " attributes with --attributes"
        )
    if count < FEWEST:
        raise InputError(
            f"{source} gives {count} triplets by {names}, and tailoring needs {FEWEST}: add products or attributes"
        )
    return count


def _write(trial: Path, out: Path, prepared: PreparedProducts, *, seed: int) -> FittedCalibration | None:
    """Write the bundle with what its scores mean, and with statistics of the shop's images for builds of others."""
    opened, vectors = Bundle.open(trial), prepared.vectors
    fitted = calibrated.calibrate(prepared.products, vectors, Encoder.open(trial), seed=seed)
    contents: dict[str, Content] = {name: opened.file(name) for name in opened.manifest.files}
    contents[bundles.KNOWN_IMAGES] = known_images.describe(vectors).encoded()
    curves = None if fitted is None else fitted.curves
    bundles.write(out, contents, opened.manifest.model_copy(update={"calibration": curves}))
    return fitted
