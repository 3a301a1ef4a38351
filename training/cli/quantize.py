"""`likebut quantize`: a bundle's large products in 8 bits, written only if its recall stays."""

import argparse
import dataclasses
import re
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from models import cli
from training.cli.evaluate import CACHE, SEED
from training.evaluation.benchmarks.published import PRESETS

ALLOWED = 0.005  # recall that may be lost


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("bundle", type=Path, help="a bundle in float32")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle in 8 bits")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="REGEX",
        help='products to keep in float32, by their "graph/name" as --json lists them; may be repeated. The composing'
        " adapters always are",
    )
    parser.add_argument(
        "--only-queries", action="store_true", help="keep the gallery's graph in float32, so that its galleries serve"
    )
    parser.add_argument(
        "--allow-loss", type=cli.share, default=ALLOWED, metavar="SHARE", help="of each metric; 1 writes in any case"
    )
    parser.add_argument("--benchmark", choices=tuple(PRESETS), help="validate on it instead of a drawn shop")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the benchmark's files")
    parser.add_argument("--products", type=cli.at_least(2), default=2_000, help="items of the drawn shop")
    parser.add_argument("--queries", type=cli.at_least(1), default=2_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="folder that caches images, galleries")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(verb=_quantize)


def _quantize(arguments: argparse.Namespace) -> None:
    from models import bundle
    from models.bundle import Bundle
    from models.encoder import Encoder
    from models.errors import ConfigError
    from training.bundles import quantize
    from training.bundles.verified_write import trial
    from training.evaluation import precision_loss
    from training.evaluation.precision_loss import DrawnValidation, PublishedValidation

    if (arguments.benchmark is None) != (arguments.data is None):
        raise ConfigError("--benchmark and --data go together: the benchmark's name and the folder of its files")
    cache, date = arguments.cache, datetime.now(UTC).isoformat(timespec="seconds")
    validation: DrawnValidation | PublishedValidation
    if arguments.benchmark is None:
        validation = DrawnValidation(arguments.products, arguments.queries, arguments.seed, cache)
    else:
        validation = PublishedValidation.load(arguments.benchmark, arguments.data, cache=cache)
    first = Bundle.open(arguments.bundle)
    found = quantize.quantize(first, keep=arguments.keep, only_queries=arguments.only_queries)
    with trial(found.files, found.manifest) as folder:
        after = validation.measure(Encoder.open(folder), date=date)
    losses = precision_loss.losses(validation.measure(Encoder.open(arguments.bundle), date=date), after)
    kept = [layer for layer in found.layers if not layer.in_8_bits]
    new_mib = sum(map(len, found.files.values())) / 2**20
    old_mib = sum(first.file(name).stat().st_size for name in first.manifest.files) / 2**20
    if arguments.json:
        shown: dict[str, object] = {
            "share_in_8_bits": found.share,
            "layers": [dataclasses.asdict(layer) for layer in found.layers],
            "losses": [dataclasses.asdict(loss) for loss in losses],
        }
    else:
        shown = {
            "in_8_bits": f"{len(found.layers) - len(kept)} of {len(found.layers)} large matrices and kernels,"
            f" {found.share:.1%} of their numbers",
            "in_float32": _grouped(layer.label for layer in kept) or "none of them",
            "size": f"{new_mib:.0f} MiB, of {old_mib:.0f}",
            **{f"{loss.way}, {loss.metric}": loss for loss in losses},
        }
    if losses[0].before < precision_loss.WEAK:
        print(
            f"NOTE  {losses[0].metric} is {losses[0].before:.3f} in float32 already: the model knows little of this"
            " validation set, so its loss says little; name a --benchmark of its own world",
            file=sys.stderr,
        )
    precision_loss.check(losses, allowed=arguments.allow_loss)
    bundle.write(arguments.out, found.files, found.manifest)
    manifest = Bundle.open(arguments.out).manifest
    cli.show({**manifest.model_dump(exclude={"files", "calibration"}), **shown}, as_json=arguments.json)


def _grouped(labels: Iterable[str]) -> str:
    """Return the labels with their numbers as *, each once with its count."""
    counts = Counter(re.sub(r"\d+", "*", label) for label in labels)
    return ", ".join(f"{count} × {label}" for label, count in counts.items())
