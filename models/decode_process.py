"""A process that decodes images for another one, under limits: `python -m models.decode_process CPU_SECONDS`.

Requests come on standard input, answers go to standard output: each is a line of JSON, followed by as many bytes as it
says, so that the parent unpickles nothing. The process ends with its input; more CPU time than allowed for one image
ends it by SIGPROF.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from models import preprocess
from models.errors import ImageTooCostly, InputError
from models.preprocess import Resize

BYTES_PER_PIXEL = 6  # RGB takes 4 of each; WebP takes 16, and so is read up to three eighths of the pixels
SLACK_BYTES = 64 * 2**20
NICER = 10  # than the parent's main thread: batches of its own threads go first
STALE_BYTES = 96 * 2**20  # of fragmented memory, at which a new process is cheaper than wrong refusals


def main() -> None:
    """Answers requests until the input ends."""
    with suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as answers:  # if the parent has ended
        os.dup2(2, 1)  # so that nothing printed by a library gets between the answers
        _lower_priority()
        preprocess.load_plugins()
        _serve(sys.stdin.buffer, answers, cpu_s=float(sys.argv[1]))


def _serve(requests: BinaryIO, answers: BinaryIO, *, cpu_s: float) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    base = _address_space()
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        if len(data) < request["bytes"]:
            return  # the parent has ended
        _limit_memory(base + BYTES_PER_PIXEL * request["max_pixels"] + SLACK_BYTES + 3 * len(data))
        signal.setitimer(signal.ITIMER_PROF, cpu_s)  # CPU time of this process, so a busy machine refuses nothing
        try:
            facts, result = _answer(request, data)
        except InputError as error:
            facts, result = {"error": type(error).__name__, "detail": str(error)}, b""
        except MemoryError:
            facts, result = {"error": ImageTooCostly.__name__, "detail": preprocess.TOO_MUCH_MEMORY}, b""
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(None)
        del data
        stale = _address_space() > base + STALE_BYTES
        answers.write(json.dumps({**facts, "bytes": len(result), "stale": stale}).encode() + b"\n")
        answers.write(result)
        answers.flush()


def _answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, object], bytes]:
    """Return the facts and the bytes that answer a request."""
    task, max_pixels = request["task"], request["max_pixels"]
    if task == "pixels":
        resize = Resize(**request["resize"])
        return {}, preprocess.square(data, resize=resize, max_pixels=max_pixels, box=request["box"]).tobytes()
    if task == "thumbnail":
        return {}, preprocess.thumbnail(data, size=request["size"], max_pixels=max_pixels)
    with preprocess.opened(data, max_pixels=max_pixels) as image:
        return {"format": image.format or "", "width": image.width, "height": image.height}, b""


def _address_space() -> int:
    """Return the bytes of address space in use; 0 if the system does not tell."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()


def _limit_memory(limit: int | None) -> None:
    """Bounds the address space; None allows as much as this process was given."""
    if sys.platform == "linux":  # macOS does not enforce it
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = hard if limit is None else limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _lower_priority() -> None:
    wanted = min(19, os.getpriority(os.PRIO_PROCESS, os.getppid()) + NICER)
    os.setpriority(os.PRIO_PROCESS, 0, max(wanted, os.getpriority(os.PRIO_PROCESS, 0)))


if __name__ == "__main__":
    main()
