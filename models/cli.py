"""The behaviour that all command lines share: exit status, errors, number types, output."""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from models.errors import LikebutError

Verb = Callable[[argparse.Namespace], None]


def run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    """Runs the verb that `argv` names (each subparser sets `verb`) and returns the exit status.

    An expected failure is one sentence on stderr and status 2, never a traceback.
    """

    def run_verb() -> int:
        arguments = parser.parse_args(argv)
        verb: Verb = arguments.verb
        verb(arguments)
        return 0

    return guarded(run_verb)


def guarded(command: Callable[[], int]) -> int:
    """Runs a command on any console and returns its exit status, which is 2 for an expected failure.

    Characters that the console cannot show are written as escapes. A reader that leaves early, such as `head`, is no
    failure.
    """
    _prepare_console()
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # here, since at the exit of Python a failure is a message of its own
    except LikebutError as error:
        print(f"likebut: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _discard_output()
        return 0
    except OSError as error:  # a path that cannot be written, a full disk
        _discard_output()
        print(f"likebut: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def is_unicode(stream: TextIO) -> bool:
    """Return whether the stream can hold every character, so that JSON needs no escapes."""
    return (stream.encoding or "").lower().startswith("utf")


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
        print_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {value}")


def print_json(value: object, *, indent: int | None = None) -> None:
    """Prints a value as JSON on stdout, valid in every encoding of a console."""
    print(json.dumps(value, indent=indent, ensure_ascii=not is_unicode(sys.stdout), allow_nan=False), flush=True)


def _prepare_console() -> None:
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed: without a replacement, a file that is opened later gets its number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r+", encoding="utf-8"))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Leads stdout to nowhere, since Python flushes it again at its exit."""
    with suppress(OSError, ValueError):  # a replaced stdout may have no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    r"""Return a text of others as one line without control characters, each written as in \x1b."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
