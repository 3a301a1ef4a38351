"""Decodes images in child processes, so that an image which is costly to decode harms nothing else."""

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from models import errors
from models.arrays import Pixels
from models.errors import ImageTooCostly, UnreadableImage
from models.preprocess import Box, Resize

CPU_S = 10.0  # for one image, if no caller waits for it
ROOT = Path(__file__).parents[1]
PIPE_BYTES = 2**20  # the most that Linux gives an ordinary user: an image passes in few pieces
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # others would take address space
ERRORS: Final = {
    kind.__name__: kind for kind in (ImageTooCostly, errors.ImageTooLarge, errors.NotAnImage, UnreadableImage)
}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Facts about an image from its header: Pillow's name of the format, and the size in pixels."""

    format: str
    width: int
    height: int


class ImageDecoders:
    """At most `workers` child processes that decode, each started when it is first needed; for many threads.

    An image may take `cpu_s` seconds of CPU time, and memory in proportion to its `max_pixels`. A process that passes
    a limit is replaced. All end with `close`, and when this process ends in whatever way.

    Every method raises UnreadableImage, NotAnImage, ImageTooLarge or ImageTooCostly, and MemoryError if the system ends
    the process again and again.
    """

    def __init__(self, workers: int, *, cpu_s: float) -> None:
        self._workers, self._cpu_s = workers, cpu_s
        self._free = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []  # the last one decoded last, and so has started for sure
        self._children: set[_Child] = set()
        self._end = weakref.finalize(self, _end, self._children, self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, count: int) -> None:
        """Starts so many processes now, so that the first image does not wait for one; returns before they are ready.

        One is started at least, and as many as there may be at most.
        """
        count = min(max(1, count), self._workers)
        children = [self._child() for _ in range(count - len(self._children))]
        with self._lock:
            self._idle += children

    def close(self) -> None:
        """Ends all processes, also those that decode."""
        self._end()

    def pixels(self, data: bytes, *, resize: Resize, max_pixels: int, box: Box | None = None) -> Pixels:
        """Return the pixels (3, S, S) of an image file, as `preprocess.square` does."""
        _, result = self._answer("pixels", data, max_pixels=max_pixels, resize=asdict(resize), box=box)
        return np.frombuffer(result, np.uint8).reshape(3, resize.size, resize.size)

    def thumbnail(self, data: bytes, *, size: int, max_pixels: int) -> bytes:
        """Return a JPEG of the image with at most `size` pixels a side."""
        return self._answer("thumbnail", data, max_pixels=max_pixels, size=size)[1]

    def header(self, data: bytes, *, max_pixels: int) -> ImageHeader:
        """Return the format and the size of an image, without decoding its pixels."""
        facts, _ = self._answer("header", data, max_pixels=max_pixels)
        return ImageHeader(str(facts["format"]), int(facts["width"]), int(facts["height"]))

    def _answer(self, task: str, data: bytes, *, max_pixels: int, **options: object) -> "_Answer":
        request = {"task": task, "max_pixels": max_pixels, "bytes": len(data), **options}
        head = json.dumps(request).encode() + b"\n"
        try:
            with self._borrowed() as child:
                return child.answer(head, data)
        except _ChildEnded:  # perhaps by the system, for want of memory, or while it was idle
            with self._borrowed() as child:
                return child.answer(head, data, last_try=True)

    @contextmanager
    def _borrowed(self) -> "Iterator[_Child]":
        with self._free:
            child = self._rested() or self._child()
            try:
                yield child
            finally:
                if child.stale:
                    with self._lock:
                        self._children.discard(child)
                    child.end()
                    with suppress(MemoryError, OSError, _Closed):  # for want of memory: the next image tries again
                        child = self._child()  # starts while nothing waits for it
                if not child.stale:
                    with self._lock:
                        self._idle.append(child)

    def _rested(self) -> "_Child | None":
        """An idle process, if there is one; those that the system has ended meanwhile are left out."""
        with self._lock:
            while self._idle:
                if not (child := self._idle.pop()).has_ended:
                    return child
                self._children.discard(child)
                child.end()
        return None

    def _child(self) -> "_Child":
        with self._lock:
            if not self._end.alive:
                raise _Closed("the processes that decode images have been ended")
            try:
                child = _Child(self._cpu_s)
            except BlockingIOError as error:
                raise MemoryError("the system starts no more processes") from error
            self._children.add(child)
        return child


_Answer = tuple[dict[str, Any], bytes]


class _Closed(RuntimeError):
    """All processes have been ended."""


class _ChildEnded(Exception):
    """The process ended for a reason that need not be the image."""


class _Child:
    """One process, for one thread at a time; `stale` if it must not be used again."""

    def __init__(self, cpu_s: float) -> None:
        self.stale = False
        self._cpu_s = cpu_s
        self._process = subprocess.Popen(
            [sys.executable, "-m", "models.decode_process", str(cpu_s)],
            cwd=ROOT,  # so that `-m models` is this package, installed or not
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
            start_new_session=True,  # so that Ctrl-C in a terminal does not reach it
        )

    def answer(self, head: bytes, data: bytes, *, last_try: bool = False) -> _Answer:
        """Return the facts and the bytes that answer a request; raises what the process raises, and _ChildEnded."""
        process, self.stale = self._process, True  # until it has answered
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(head)
            process.stdin.write(data)
            process.stdin.flush()
            facts = json.loads(process.stdout.readline() or b"null")
            result = process.stdout.read(facts["bytes"]) if facts else b""
        except (BrokenPipeError, ValueError):  # ValueError: half a line, or closed meanwhile
            facts, result = None, b""
        if facts is None or len(result) < facts["bytes"]:
            raise self._ended(last_try=last_try)
        kind = ERRORS.get(facts.get("error"))
        self.stale = facts["stale"] or kind is ImageTooCostly
        if kind is not None:
            raise kind(facts["detail"])
        return facts, result

    @property
    def has_ended(self) -> bool:
        """True if the process is gone."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # of what it has not read
                pipe.close()

    def _ended(self, *, last_try: bool) -> Exception:
        code = self._process.wait()
        if code == -signal.SIGPROF:
            return ImageTooCostly(
                f"the image takes more than {self._cpu_s:g} s of CPU time to decode: save it anew as a plain JPEG"
            )
        if code >= 0:
            raise RuntimeError(f"the process that decodes images ended with status {code}")
        if last_try and code == -signal.SIGKILL:
            return MemoryError("the system ended two processes that decoded an image")
        if last_try:
            return UnreadableImage(f"the image cannot be read (its decoder ended by {signal.Signals(-code).name})")
        return _ChildEnded()


def _end(children: set[_Child], lock: threading.Lock) -> None:
    with lock:
        ended = list(children)
        children.clear()
    for child in ended:
        child.end()
