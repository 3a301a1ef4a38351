"""The manners every command line of the house shares."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from models.errors import LikebutError

Verb = Callable[[argparse.Namespace], None]


def run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    """Runs the verb that `argv` names (each subparser sets `verb`) and gives the exit status.

    An expected failure is one sentence on stderr and status 2, never a traceback.
    """
    arguments = parser.parse_args(argv)
    verb: Verb = arguments.verb
    try:
        verb(arguments)
    except LikebutError as error:
        print(f"likebut: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return 0


def show(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Prints facts on stdout, for machines as one JSON object, for people as aligned lines."""
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {value}")
