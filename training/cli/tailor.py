"""`likebut tailor`: train a composing bundle on a shop's own products, and write it if it is better."""

import argparse
import contextlib
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from models import cli

if TYPE_CHECKING:
    from training.tailor.calibrated import FittedCalibration


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", help="the shop's products: a table, a feed or an export, as for likebut index build")
    parser.add_argument("--bundle", required=True, help="a bundle's folder, or an open_clip model as NAME:WEIGHTS")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the tailored bundle")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="folder of the features and the training (default: OUT-work)"
    )
    parser.add_argument(
        "--map",
        type=_mapping,
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the column of a table that is the id, the image or another attribute; repeatable",
    )
    parser.add_argument(
        "--attributes",
        type=_names,
        default=(),
        metavar="NAMES",
        help="attributes whose changes are asked for, with commas (default: those that the images show)",
    )
    parser.add_argument("--without", type=_names, default=(), metavar="NAMES", help="attributes to leave out")
    parser.add_argument("--triplets", type=cli.at_least(100), default=20_000, help="to train on (default: 20 000)")
    parser.add_argument(
        "--epochs",
        type=cli.at_least(1),
        default=0,
        metavar="N",
        help="times that each triplet is seen (default: as many as make 20 000 examples, and at most 20)",
    )
    parser.add_argument(
        "--held-out", type=cli.share, default=0.2, metavar="SHARE", help="share of the products for the evaluation"
    )
    parser.add_argument("--anyway", action="store_true", help="write the bundle even if it is not better")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(verb=_tailor)


def _mapping(given: str) -> tuple[str, str]:
    name, equals, column = (part.strip() for part in given.partition("="))
    if not name or not equals or not column:
        raise argparse.ArgumentTypeError(f"{given!r} is not NAME=COLUMN, as in image=image_link")
    return name, column


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _tailor(arguments: argparse.Namespace) -> None:
    from training.tailor.tailor import TailorSettings, tailor

    out: Path = arguments.out
    settings = TailorSettings(
        triplets=arguments.triplets,
        epochs=arguments.epochs,
        held_out=arguments.held_out,
        only=arguments.attributes,
        without=arguments.without,
        seed=arguments.seed,
        device=arguments.device,
    )
    with contextlib.redirect_stdout(sys.stderr):  # the training's lines are progress
        found = tailor(
            arguments.source,
            bundle=arguments.bundle,
            out=out,
            work=arguments.work or out.with_name(f"{out.name}-work"),
            columns=dict(arguments.map),
            settings=settings,
            anyway=arguments.anyway,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    if arguments.json:
        facts = {
            "better": found.verdict.is_better,
            "written": found.is_written,
            "triplets": found.triplets,
            "attributes": dict(found.chosen.shown),
            "title_words": dict(found.words),
            "left_out": dict(found.chosen.left_out),
            "skipped": dict(found.skipped),
            "calibration_errors": None if found.calibration is None else found.calibration.errors,
            "rows": found.verdict.result.summary()["rows"],
            "against": {way: dataclasses.asdict(estimate) for way, estimate in found.verdict.against.items()},
        }
        cli.print_json(facts)
    else:
        print("attributes that the images show: " + _listed({k: f"{v:.0%}" for k, v in found.chosen.shown.items()}))
        print("words of titles: " + _listed({k: f"{v:.0%}" for k, v in found.words.items()}))
        print("left out: " + _listed(dict(found.chosen.left_out)))
        for reason, number in found.skipped.items():
            print(f"{number} products skipped: {reason}")
        for way, row in found.verdict.result.rows.items():
            cells = (f"{metric} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for metric, e in row.items())
            print(f"{way:>24}  " + "   ".join(cells))
    print(found.verdict.sentence, file=sys.stderr)
    if found.is_written:
        print(f"the bundle is in {out}", file=sys.stderr)
        print(_meaning(found.calibration), file=sys.stderr)
    else:
        print(f"no bundle is written at {out}: --anyway writes it all the same", file=sys.stderr)
    if not found.verdict.is_better:
        sys.exit(1)  # 2 means that it could not be tried


def _meaning(fitted: "FittedCalibration | None") -> str:
    if fitted is None:
        return "too few hits are right, or wrong, to say what its scores mean: hits have no chance"
    apart = ", ".join(f"{kind} {error:.3f}" for kind, error in fitted.errors.items())
    return f"chance and share of right hits are apart by {apart} in the mean, on the held-out products' questions"


def _listed(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} ({fact})" for name, fact in facts.items()) or "none"
