"""`likebut train`: train a method as its config says."""

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", type=Path, help="a TOML file: see training/configs")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; drawn images are in OUT/../cache")
    parser.add_argument(
        "--until",
        metavar="STAGE",
        help="the last stage to train: mapping, composing; reformulating, combining; inverting, distilling; …",
    )
    parser.add_argument("--mapping", type=Path, metavar="RUN", help="reuse the first stage of another run")
    parser.set_defaults(verb=_train)


def _train(arguments: argparse.Namespace) -> None:
    from training.methods import runs

    runs.train(arguments.config, arguments.out, until=arguments.until, mapping=arguments.mapping)
