"""The behaviour that all command lines share: exit status, errors, number types, output."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from models.errors import LikebutError

Verb = Callable[[argparse.Namespace], None]


def run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    """Runs the verb that `argv` names (each subparser sets `verb`) and returns the exit status.

    An expected failure is one sentence on stderr and status 2, never a traceback.
    """
    arguments = parser.parse_args(argv)
    verb: Verb = arguments.verb
    try:
        verb(arguments)
    except LikebutError as error:
        print(f"likebut: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:  # a path that cannot be written, a full disk
        print(f"likebut: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def at_least(least: int) -> Callable[[str], int]:
    """A `type` for argparse: a whole number not below `least`."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return number


def between(least: int, most: int) -> Callable[[str], int]:
    """A `type` for argparse: a whole number from `least` to `most`."""

    def number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return int(text)

    return number


def share(text: str) -> float:
    """A `type` for argparse: a number from 0 to 1."""
    if not 0.0 <= float(text) <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return float(text)


def show(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Prints facts on stdout, as one JSON object or as aligned lines."""
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {value}")
