"""Image states of a shop's products from the frozen image tower, each image computed once for all later runs."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models import preprocess
from models.arrays import Pixels, Rows
from models.errors import InputError
from models.nets.backbone import Backbone
from models.preprocess import Resize
from training.data.formats import jsonl
from training.data.images import Images

Halves = NDArray[np.float16]
_BLOCK = 64  # images of a pass, and between two lines of the list
_THREADS = 2  # that decode


class ImageStates:
    """States (1+N, d) of images in a folder of one backbone: a file that grows, and the list of what is in it.

    An image is known by its path, size and time. A killed run leaves all blocks that the list names.
    """

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self._backbone = backbone
        self._folder = folder / _digest(backbone)
        self._shape = (1 + backbone.grid[0] * backbone.grid[1], backbone.dimension)
        self._rows: dict[str, int] = {}  # by key; -1 if the image is broken
        self._problems: dict[str, str] = {}

    def add(self, paths: Sequence[str]) -> dict[str, str]:
        """Compute the states of the images that are missing; return why others cannot be used, by their path."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._read()
        keys = {path: _key(path) for path in paths}
        missing = [path for path in dict.fromkeys(paths) if keys[path] not in self._rows]
        if missing:
            self._compute(missing, keys)
        return {path: self._problems[key] for path, key in keys.items() if key in self._problems}

    def rows(self, paths: Sequence[str]) -> Rows:
        """Return the rows of images in `states`; raises InputError for one that was not added or is broken."""
        found = np.array([self._rows.get(_key(path), -1) for path in paths], dtype=np.int64)
        if (found < 0).any():
            path = paths[int((found < 0).argmax())]
            raise InputError(f"the image {path} has changed since the run began: start again with another --work")
        return found

    @property
    def states(self) -> Halves:
        """All states (rows, 1+N, d), half, memory-mapped."""
        count = len(self._rows) - len(self._problems)
        return np.memmap(self._folder / "states", dtype=np.float16, mode="r", shape=(count, *self._shape))

    def _read(self) -> None:
        self._rows, self._problems = {}, {}
        listed = self._folder / "listed.jsonl"
        for record in jsonl.records(listed) if listed.exists() else ():
            key, problem = str(record["key"]), str(record["problem"])
            self._rows[key] = -1 if problem else len(self._rows) - len(self._problems)
            if problem:
                self._problems[key] = problem

    def _compute(self, paths: Sequence[str], keys: dict[str, str]) -> None:
        count = len(self._rows) - len(self._problems)
        (self._folder / "states").touch()
        with (
            (self._folder / "states").open("r+b") as states,
            (self._folder / "listed.jsonl").open("a", encoding="utf-8") as listed,
            ThreadPoolExecutor(_THREADS) as pool,
            tqdm(total=len(paths), desc="features", unit="image", mininterval=1.0) as bar,
        ):
            states.truncate(count * 2 * int(np.prod(self._shape)))  # of a block that no line names
            states.seek(0, 2)
            for block, decoded in _decoded(pool, paths, resize=self._backbone.resize):
                pixels = [each for each in decoded if not isinstance(each, str)]
                if pixels:
                    states.write(self._states(np.stack(pixels)).tobytes())
                    states.flush()  # before the list, which must name nothing that is not there
                for path, result in zip(block, decoded, strict=True):
                    key, problem = keys[path], result if isinstance(result, str) else ""
                    listed.write(json.dumps({"key": key, "problem": problem}) + "\n")
                    self._rows[key] = -1 if problem else len(self._rows) - len(self._problems)
                    if problem:
                        self._problems[key] = problem
                listed.flush()
                bar.update(len(block))

    @torch.no_grad()
    def _states(self, pixels: Pixels) -> Halves:
        device = self._backbone.mean.device
        halves: Halves = self._backbone.image_states(torch.from_numpy(pixels).to(device)).half().cpu().numpy()
        return halves


def _decoded(
    pool: ThreadPoolExecutor, paths: Sequence[str], *, resize: Resize
) -> Iterator[tuple[Sequence[str], list[Pixels | str]]]:
    """Yield blocks of images, decoded one block ahead: the pixels of each, or why it cannot be read."""
    images = Images.of_files(paths, paths)
    blocks = [range(start, min(start + _BLOCK, len(paths))) for start in range(0, len(paths), _BLOCK)]

    def submit(block: range) -> list[Pixels | str]:
        return [_pixels(images, row, resize=resize) for row in block]

    ahead = pool.submit(submit, blocks[0])
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        decoded = ahead.result()
        if after is not None:
            ahead = pool.submit(submit, after)
        yield [paths[row] for row in block], decoded


def _pixels(images: Images, row: int, *, resize: Resize) -> Pixels | str:
    try:
        return preprocess.pixels(preprocess.decode(images.read(row), side=resize.size), resize)
    except InputError as error:
        return str(error)


def _key(path: str) -> str:
    try:
        facts = Path(path).stat()
    except OSError:
        return f"{path} is gone"
    return hashlib.sha256(f"{path}\n{facts.st_size}\n{facts.st_mtime_ns}".encode()).hexdigest()[:32]


def _digest(backbone: Backbone) -> str:
    """Return a digest of the image tower's weights and of how it wants its images."""
    found = hashlib.sha256(repr(backbone.resize).encode())
    for buffer in (backbone.mean, backbone.std):
        found.update(buffer.cpu().numpy().tobytes())
    for name, tensor in sorted(backbone.clip.visual.state_dict().items()):
        found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
