"""`likebut catalogue`: draw a shop."""

import argparse
from pathlib import Path

from models import cli
from training.cli.evaluate import SEED


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--products", type=cli.at_least(2), default=5_000)
    parser.add_argument("--triplets", type=cli.at_least(0), default=2_500)
    parser.add_argument("--size", type=cli.at_least(16), default=256, help="side of an image in pixels")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=cli.at_least(1), default=2, help="drawing processes")
    parser.add_argument("--force", action="store_true", help="replace another catalogue at OUT")
    parser.set_defaults(verb=_catalogue)


def _catalogue(arguments: argparse.Namespace) -> None:
    from training.catalogue import contact_sheet, write
    from training.catalogue.world import sample

    write.write(
        arguments.out,
        split=arguments.split,
        products=arguments.products,
        triplets=arguments.triplets,
        size=arguments.size,
        seed=arguments.seed,
        workers=arguments.workers,
        force=arguments.force,
    )
    first = sample.catalogue(arguments.products, split=arguments.split, seed=arguments.seed)[:40]
    sheet = contact_sheet.contact_sheet(first, columns=8, size=128)
    sheet.save(arguments.out / "contact-sheet.jpg", quality=88)
