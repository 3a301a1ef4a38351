"""`likebut calibrate`: fit what a bundle's scores mean, on unseen queries of known answers, and describe its images."""

import argparse
from functools import partial
from pathlib import Path

from models import cli

SEED = 7  # of the drawn world of the shipped bundle
CACHE = Path("runs/cache")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("bundle", type=Path, help="the bundle; its manifest gets the calibration")
    parser.add_argument("--products", type=cli.at_least(100), default=5_000, help="items of each shop")
    parser.add_argument("--queries", type=cli.at_least(10), default=2_000, help="queries of each kind and split")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="folder that caches drawn images")
    parser.add_argument(
        "--images-only",
        action="store_true",
        help="only describe the images that it knows, so that builds notice others",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw how well it holds on the test split")
    parser.set_defaults(verb=_calibrate)


def _calibrate(arguments: argparse.Namespace) -> None:
    import numpy as np

    from models import bundle
    from models.bundle import Bundle, Calibration
    from models.encoder import Encoder
    from training.bundles import known_images
    from training.catalogue.language import phrasebook
    from training.evaluation import calibration, charts

    encoder = Encoder.open(arguments.bundle)
    opened = Bundle.open(arguments.bundle)
    files = {name: opened.file(name).read_bytes() for name in opened.manifest.files}
    shop = partial(calibration.shop, encoder, products=arguments.products, seed=arguments.seed, cache=arguments.cache)
    files[bundle.KNOWN_IMAGES] = known_images.describe(np.array(shop(split="val").gallery(encoder))).encoded()
    if arguments.images_only:
        bundle.write(arguments.bundle, files, opened.manifest)
        return
    kinds = {"composed": calibration.composed, "text": calibration.text}
    judged: dict[tuple[str, str], calibration.Judged] = {}
    for split, books in (("val", phrasebook.VALIDATION), ("test", phrasebook.TEST)):
        drawn = shop(split=split)
        for kind, ask in kinds.items():
            found = ask(encoder, drawn, books=books, queries=arguments.queries, seed=arguments.seed)
            judged[split, kind] = found
    curves = {kind: calibration.fit(judged["val", kind]) for kind in kinds}
    rows = {kind: calibration.reliability(curve, judged["test", kind]) for kind, curve in curves.items()}
    calibrated = opened.manifest.model_copy(update={"calibration": Calibration(**curves)})
    bundle.write(arguments.bundle, files, calibrated)
    for kind, curve in curves.items():
        error = calibration.error(rows[kind])
        print(f"{kind}: slope {curve.slope:.2f}, intercept {curve.intercept:.2f}, error on the test split {error:.3f}")
    if arguments.plot is not None:
        charts.reliability(rows, arguments.plot)
