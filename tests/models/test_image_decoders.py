"""Images decoded in child processes: the same pixels, limits of time and memory, and no process left behind."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models import preprocess
from models.errors import ImageTooCostly, ImageTooLarge, NotAnImage, UnreadableImage
from models.image_decoders import ImageDecoders, ImageHeader
from models.preprocess import Resize

PIXELS = preprocess.MAX_IMAGE_PIXELS


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def striped(strips: int) -> bytes:
    """Return a PGM that Pillow scales value by value: about a second of CPU for a million of them."""
    return b"P5 1000 %d 65534\n" % strips + bytes(2000 * strips)


@pytest.fixture(scope="module")
def decoders() -> Iterator[ImageDecoders]:
    with ImageDecoders(2, cpu_s=0.5) as started:
        yield started


def children() -> set[int]:
    """Return the processes that decode for this one."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if "models.decode_process" in line}


def test_a_child_gives_the_same_pixels(decoders: ImageDecoders) -> None:
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    for form in ("JPEG", "PNG", "WEBP"):
        data = encoded(Image.fromarray(noise), form)
        found = decoders.pixels(data, resize=Resize(64), max_pixels=PIXELS)
        assert (found == preprocess.square(data, resize=Resize(64), max_pixels=PIXELS)).all()
        assert decoders.header(data, max_pixels=PIXELS) == ImageHeader(form, 130, 90)
        small = Image.open(io.BytesIO(decoders.thumbnail(data, size=40, max_pixels=PIXELS)))
        assert (small.format, max(small.size)) == ("JPEG", 40)


def test_the_errors_are_those_of_the_image(decoders: ImageDecoders) -> None:
    large = encoded(Image.new("1", (9000, 9000)))
    for data, kind in (
        (b"text", NotAnImage),
        (b"", UnreadableImage),
        (large, ImageTooLarge),
    ):
        with pytest.raises(kind) as caught:
            decoders.pixels(data, resize=Resize(64), max_pixels=PIXELS)
        assert type(caught.value) is kind


def test_an_image_that_takes_too_long_is_refused_and_the_next_is_decoded(decoders: ImageDecoders) -> None:
    before = children()
    with pytest.raises(ImageTooCostly, match="CPU time"):
        decoders.pixels(striped(4000), resize=Resize(64), max_pixels=PIXELS)
    assert (
        decoders.pixels(encoded(Image.new("RGB", (9, 9), "red")), resize=Resize(8), max_pixels=PIXELS)[0].min() == 255
    )
    assert len(before - children()) <= 1


@pytest.mark.slow
def test_memory_follows_the_pixels_allowed() -> None:
    image = encoded(Image.new("RGBA", (7000, 7000), (255, 0, 0, 128)))
    with ImageDecoders(1, cpu_s=30) as decoders:
        for _ in range(2):  # the limit is set anew for each image
            with pytest.raises(ImageTooCostly, match="memory"):
                decoders.pixels(image, resize=Resize(8), max_pixels=PIXELS)
            assert decoders.pixels(image, resize=Resize(8), max_pixels=80_000_000)[1].max() == 127


def test_a_killed_process_is_replaced_without_an_error(decoders: ImageDecoders) -> None:
    data = encoded(Image.new("RGB", (9, 9), "red"))
    decoders.pixels(data, resize=Resize(8), max_pixels=PIXELS)
    for child in children():
        os.kill(child, signal.SIGKILL)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: decoders.pixels(data, resize=Resize(8), max_pixels=PIXELS), range(8)))
    assert len(results) == 8


def test_processes_that_end_while_they_are_idle_are_not_used() -> None:
    data = encoded(Image.new("RGB", (9, 9), "red"))
    with ImageDecoders(3, cpu_s=5) as decoders:
        before = children()
        decoders.start(3)
        for child in children() - before:
            os.kill(child, signal.SIGKILL)
        while not all(child.has_ended for child in decoders._idle):
            time.sleep(0.01)
        decoders.pixels(data, resize=Resize(8), max_pixels=PIXELS)
        assert len(decoders._children) == len(decoders._idle) == 1


def test_an_image_whose_processes_are_killed_is_not_to_blame(decoders: ImageDecoders) -> None:
    def kill(done: threading.Event) -> None:
        while not done.wait(0.05):
            for child in children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(kill, done)
        try:
            with pytest.raises(MemoryError):
                decoders.pixels(striped(1000), resize=Resize(64), max_pixels=PIXELS)
        finally:
            done.set()
    assert decoders.header(encoded(Image.new("RGB", (9, 9))), max_pixels=PIXELS).width == 9


def test_a_limit_of_the_whole_service_holds_for_its_processes() -> None:
    code = """
    import resource, sys
    from pathlib import Path
    resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))
    from models.image_decoders import ImageDecoders
    from models.preprocess import Resize
    data = Path(sys.argv[1]).read_bytes()
    with ImageDecoders(1, cpu_s=5) as decoders:
        print([decoders.pixels(data, resize=Resize(8), max_pixels=10**10).shape for _ in range(2)])
    """
    image = Path(__file__).parents[2] / "docs" / "sweater.jpg"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), image], capture_output=True, text=True)
    assert done.stdout.strip() == "[(3, 8, 8), (3, 8, 8)]", done.stderr


def test_as_many_processes_start_as_wanted_and_allowed() -> None:
    for count, started in ((0, 1), (2, 2), (9, 3)):
        with ImageDecoders(3, cpu_s=5) as decoders:
            decoders.start(count)
            decoders.start(count)
            assert len(decoders._children) == started


@pytest.mark.slow
def test_a_costly_image_delays_no_other() -> None:
    data = encoded(Image.new("RGB", (9, 9), "red"))
    with ImageDecoders(2, cpu_s=5) as decoders, ThreadPoolExecutor(1) as pool:
        decoders.start(2)
        decoders.header(data, max_pixels=PIXELS)
        costly = pool.submit(decoders.pixels, striped(3000), resize=Resize(64), max_pixels=PIXELS)
        while not costly.done():
            begin = time.monotonic()
            decoders.pixels(data, resize=Resize(8), max_pixels=PIXELS)
            assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)", "sys.exit(0)", "decoders.close()"])
def test_no_process_outlives_its_parent(end: str) -> None:
    code = f"""
    import os, subprocess, sys
    from models.image_decoders import ImageDecoders
    from models.preprocess import Resize
    decoders = ImageDecoders(2, cpu_s=1)
    decoders.start(2)
    try: decoders.header(b"x", max_pixels=1)
    except Exception: pass
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    print(*(line.split()[0] for line in listed.stdout.splitlines() if "decode_process" in line), flush=True)
    {end}
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    started = done.stdout.split()
    assert len(started) == 2 and done.stderr == ""
    until = time.monotonic() + 10
    while any(_runs(child) for child in started):
        assert time.monotonic() < until
        time.sleep(0.02)


def _runs(child: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{child}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_after_the_end_nothing_is_started() -> None:
    decoders = ImageDecoders(1, cpu_s=1)
    decoders.close()
    with pytest.raises(RuntimeError):
        decoders.header(b"x", max_pixels=1)


def test_the_end_waits_for_no_image_and_leaves_no_process() -> None:
    before, decoders, data = children(), ImageDecoders(3, cpu_s=20), striped(10**6)  # of 2 GB, so made once
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(decoders.pixels, data, resize=Resize(8), max_pixels=PIXELS * 20) for _ in range(3)]
        while len(children() - before) < 3:
            time.sleep(0.01)
        decoders.close()
        errors = [future.exception(timeout=20) for future in futures]
    assert all(isinstance(error, RuntimeError | UnreadableImage | MemoryError) for error in errors), errors
    assert not [child for child in children() - before if _runs(str(child))]


def test_a_system_without_processes_is_short_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with ImageDecoders(1, cpu_s=1) as decoders, pytest.raises(MemoryError):
        decoders.header(b"x", max_pixels=1)
