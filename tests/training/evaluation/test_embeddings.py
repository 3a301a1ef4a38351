"""Cached embeddings: equal to those computed one by one, resumed after a kill, shared by a space."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest
from numpy.lib.format import open_memmap

from models.arrays import Embeddings, Pixels
from models.bundle import SHIPPED
from models.encoder import Encoder
from tests.training.evaluation import synthetic
from training.evaluation import benchmark_images, embeddings
from training.evaluation.benchmarks.benchmark import BenchmarkImage

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED, threads=1)


@dataclass
class Counting:
    """An encoder that counts the images it embeds, and fails after some of them."""

    encoder: Encoder
    fail_after: int = 10**9
    seen: list[int] = field(default_factory=list)

    @property
    def manifest(self) -> object:
        return self.encoder.manifest

    def gallery(self, pixels: Pixels) -> Embeddings:
        if sum(self.seen) >= self.fail_after:
            raise KeyboardInterrupt
        self.seen.append(len(pixels))
        return self.encoder.gallery(pixels)


def pictures(folder: Path, count: int) -> list[tuple[str, BenchmarkImage]]:
    for number in range(count):
        synthetic.picture(folder / f"{number:04}.png", seed=number, size=(12, 10))
    return [(f"{number:04}", BenchmarkImage(folder / f"{number:04}.png")) for number in range(count)]


def test_rows_are_those_of_one_picture_at_a_time(encoder: Encoder, tmp_path: Path) -> None:
    shown = pictures(tmp_path, 7)
    shown.append(("0001:box", BenchmarkImage(shown[1][1].path, (2.0, 2.0, 5.0, 4.0))))
    found = embeddings.embeddings(encoder, shown, cache=tmp_path / "cache")
    expected = [
        encoder.gallery(benchmark_images.pixels(picture, encoder.manifest.resize)[None])[0] for _, picture in shown
    ]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    assert isinstance(found, np.memmap) and found.dtype == np.float32
    assert np.abs(found[7] - found[1]).max() > 0.01


def test_a_killed_run_goes_on_where_it_was(encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "BLOCK", 8)
    shown, cache = pictures(tmp_path, 30), tmp_path / "cache"
    killed = Counting(encoder, fail_after=16)
    with pytest.raises(KeyboardInterrupt):
        embeddings.embeddings(cast(Encoder, killed), shown, cache=cache)
    assert sum(killed.seen) == 16 and not list(cache.glob("*.npy"))
    resumed = Counting(encoder)
    found = embeddings.embeddings(cast(Encoder, resumed), shown, cache=cache)
    assert sum(resumed.seen) == 14
    whole = embeddings.embeddings(encoder, shown, cache=tmp_path / "other")
    np.testing.assert_array_equal(found, whole)
    assert {path.suffix for path in cache.iterdir()} == {".npy", ".lock"}
    again = Counting(encoder)
    embeddings.embeddings(cast(Encoder, again), shown, cache=cache)
    assert again.seen == []


def test_a_process_that_is_killed_leaves_no_row_that_is_noted_but_not_there(encoder: Encoder, tmp_path: Path) -> None:
    shown, cache = pictures(tmp_path, 1_500), tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.training.evaluation.test_embeddings", tmp_path, cache], cwd=ROOT
    )
    end = time.monotonic() + 60
    while not any(1 in path.read_bytes() for path in cache.glob("*.done")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.wait()
    (noted,), (part,) = cache.glob("*.done"), cache.glob("*.part")
    done, rows = noted.read_bytes(), np.load(part)
    assert 0 < sum(done) < len(done)
    for block, there in enumerate(done):
        lengths = np.linalg.norm(rows[block * embeddings.BLOCK : (block + 1) * embeddings.BLOCK], axis=1)
        if there:
            np.testing.assert_allclose(lengths, 1.0, atol=1e-5)
    resumed = Counting(encoder)
    found = embeddings.embeddings(cast(Encoder, resumed), shown, cache=cache)
    assert sum(resumed.seen) <= 1_500 - embeddings.BLOCK * sum(done)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def killed_run(encoder: Encoder, shown: list[tuple[str, BenchmarkImage]], cache: Path) -> tuple[Path, Path]:
    """Return the files of a run that was killed after its first block: the rows and the list of blocks."""
    killed = Counting(encoder, fail_after=8)
    with pytest.raises(KeyboardInterrupt):
        embeddings.embeddings(cast(Encoder, killed), shown, cache=cache)
    (part,), (noted,) = cache.glob("*.part"), cache.glob("*.done")
    return part, noted


@pytest.mark.parametrize("notes", [b"", b"\x01", b"\x01" * 9])
def test_notes_that_are_not_of_as_many_blocks_are_not_believed(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: bytes
) -> None:
    monkeypatch.setattr(embeddings, "BLOCK", 8)
    shown, cache = pictures(tmp_path, 30), tmp_path / "cache"
    _, noted = killed_run(encoder, shown, cache)
    noted.write_bytes(notes)  # empty, if the kill came between opening the file and writing it
    found = embeddings.embeddings(encoder, shown, cache=cache)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_notes_of_an_earlier_file_say_nothing_of_a_new_one(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "BLOCK", 8)
    shown, cache = pictures(tmp_path, 30), tmp_path / "cache"
    part, noted = killed_run(encoder, shown, cache)
    part.unlink()
    noted.write_bytes(b"\x01" * 4)  # left by a kill after the last block, beside a finished file that was deleted since

    def killed(rows: Path, *, mode: Literal["w+"], dtype: type[np.float32], shape: tuple[int, int]) -> None:
        open_memmap(rows, mode=mode, dtype=dtype, shape=shape)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(embeddings, "open_memmap", killed)
        embeddings.embeddings(encoder, shown, cache=cache)
    found = embeddings.embeddings(encoder, shown, cache=cache)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_a_picture_that_cannot_be_read_is_a_row_of_nan(encoder: Encoder, tmp_path: Path) -> None:
    shown = pictures(tmp_path, 5)
    shown[2][1].path.write_bytes(b"\x89PNG, cut")
    shown[4] = ("0004", BenchmarkImage(shown[4][1].path, (500.0, 500.0, 9.0, 9.0)))  # a box outside of the image
    found = embeddings.embeddings(encoder, shown, cache=tmp_path / "cache")
    assert np.isnan(found).any(axis=1).tolist() == [False, False, True, False, True]
    assert np.isnan(found[[2, 4]]).all()


def test_other_pictures_of_the_same_names_are_another_file(encoder: Encoder, tmp_path: Path) -> None:
    shown, cache = pictures(tmp_path, 3), tmp_path / "cache"
    before = np.array(embeddings.embeddings(encoder, shown, cache=cache))
    synthetic.picture(shown[1][1].path, seed=99, size=(14, 10))
    after = embeddings.embeddings(encoder, shown, cache=cache)
    assert (np.abs(before - after).max(axis=1) > 1e-3).tolist() == [False, True, False]
    assert len(list(cache.glob("*.npy"))) == 2


def test_two_at_once_compute_once(encoder: Encoder, tmp_path: Path) -> None:
    shown, counting = pictures(tmp_path, 40), [Counting(encoder), Counting(encoder)]
    threads = [
        threading.Thread(target=embeddings.embeddings, args=(each, shown), kwargs={"cache": tmp_path / "cache"})
        for each in counting
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sum(each.seen) for each in counting) == [0, 40]


if __name__ == "__main__":  # for the test that kills it
    folder, kept = map(Path, sys.argv[1:])
    embeddings.embeddings(
        Encoder.open(SHIPPED, threads=1),
        [(path.stem, BenchmarkImage(path)) for path in sorted(folder.glob("*.png"))],
        cache=kept,
    )
