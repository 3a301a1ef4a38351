"""The bundle: the folder of an exported model, the only thing that passes from training to serving.

`manifest.json` is written last, so its presence means complete. The graphs keep their large tensors in one
`weights.bin`, each stored once however many graphs use it. A bundle is never edited.
"""

import hashlib
import io
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models import files
from models.arrays import Embeddings
from models.errors import BundleBroken, BundleMissing, ConfigError
from models.preprocess import Mode, Resize

Content: TypeAlias = bytes | bytearray | Path  # of a file of a bundle, or the file that has it
SHIPPED = Path(__file__).parent / "bundles" / "two-stage"  # the default of the commands
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
SELF_TEST = "selftest.npz"
WEIGHTS = "weights.bin"
KNOWN_IMAGES = "known.npz"  # in a bundle, and in the snapshots that were built with it
MANY_UNLIKE = 0.2  # share of the images from which a gallery is unlike those that its model knows
_COMPARED = 65_536  # embeddings that are compared with them at a time
TOWERS = ("gallery", "text")  # a weighted sum needs no third: composed is the gallery's vector
QUERY_WHOLE = ("gallery", "query", "text")  # the graphs of a bundle, in the order that its model_id digests them
QUERY_SPLIT = ("gallery", "reference", "compose", "text")  # an image is processed once for many texts
QUERY_OF_VECTORS = ("gallery", "text", "compose")  # a query needs no more than the two towers' vectors
RERANK = "rerank"  # an optional graph
CANDIDATES = 100  # most rows that it re-ranks, as in its training
_ResizeName: TypeAlias = Literal["shorter side, centre crop", "squash", "longer side, padded"]
_NAMES: Mapping[Mode, _ResizeName] = {
    "crop": "shorter side, centre crop",
    "squash": "squash",
    "pad": "longer side, padded",
}


Precision = Literal["float32", "float16", "bfloat16", "int8"]
# Largest difference of a component of a unit vector from torch's in float32, by the precision of the products: float32
# sums in another order stay well below the first.
TOLERANCES: Mapping[Precision, float] = {"float32": 2e-4, "float16": 4e-3, "bfloat16": 2e-2, "int8": 2e-2}


class Preprocessing(BaseModel):
    """How an image becomes pixels; part of the space, since other pixels give other vectors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    image_size: int = Field(gt=0)  # S
    resize: _ResizeName = "shorter side, centre crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    fill: int = Field(default=0, ge=0, le=255, exclude_if=lambda fill: fill == 0)  # grey of the padding

    @property
    def size_and_way(self) -> Resize:
        """How an image becomes that square."""
        mode = next(mode for mode, name in _NAMES.items() if name == self.resize)
        return Resize(self.image_size, mode=mode, filter=self.interpolation, fill=self.fill)

    @classmethod
    def from_resize(cls, resize: Resize) -> "Preprocessing":
        """Return what a manifest says of a resize."""
        return cls(image_size=resize.size, resize=_NAMES[resize.mode], interpolation=resize.filter, fill=resize.fill)


class Logistic(BaseModel):
    """A curve from a score to the chance that an item satisfies: 1 / (1 + exp(−(slope · score + intercept)))."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float
    intercept: float

    def chance(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Chances 0…1 of scores, of the same shape."""
        return 1.0 / (1.0 + np.exp(-(self.slope * np.asarray(scores, np.float64) + self.intercept)))

    def score(self, chance: float) -> float:
        """Return the score of a chance between 0 and 1."""
        return (math.log(chance / (1.0 - chance)) - self.intercept) / self.slope


class Calibration(BaseModel):
    """Meaning of a bundle's scores: `likebut calibrate` fits the curves on queries of known answers (Platt, 1999)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    composed: Logistic  # of an image with a wanted change
    text: Logistic  # of a text alone


@dataclass(frozen=True, slots=True, eq=False)
class KnownImages:
    """Images that a model knows: centres (K, d) of their embeddings, and the least similarity to one that was usual."""

    centres: Embeddings
    least: float

    @classmethod
    def read(cls, path: Path, *, dimension: int) -> "KnownImages":
        """Read a file that holds `encoded`; raises ValueError if it cannot be read or is of another dimension d."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as record:  # closed in any case
                known = cls(record["centres"].astype(np.float32), float(record["least"]))
        except (AttributeError, BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(str(error)) from error
        if known.centres.shape != (len(known.centres), dimension):
            raise ValueError(f"its centres have the shape {known.centres.shape} instead of (K, {dimension})")
        return known

    def encoded(self) -> bytes:
        """Return the content of a file, about 2 K d bytes."""
        file = io.BytesIO()
        centres = self.centres.astype(np.float16)
        np.savez_compressed(file, allow_pickle=False, centres=centres, least=np.float32(self.least))
        return file.getvalue()

    def count_unlike(self, vectors: NDArray[np.floating]) -> int:
        """Return how many images, with embeddings (n, d), are less similar to every centre than was usual."""
        below = 0
        for start in range(0, len(vectors), _COMPARED):
            block = vectors[start : start + _COMPARED].astype(np.float32)
            below += int(((block @ self.centres.T).max(axis=1) < self.least).sum())
        return below

    def unlike(self, vectors: NDArray[np.floating]) -> float:
        """Return the share of such images."""
        return self.count_unlike(vectors) / max(1, len(vectors))


class Manifest(BaseModel):
    """Manifest of a bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: Literal[1] = 1
    method: str  # "sum", "two-stage", …
    backbone: str  # open_clip's name of the model
    dimension: int = Field(gt=0)  # d
    context_length: int = Field(gt=2)  # L
    preprocessing: Preprocessing
    template: str = Field(pattern=r"\{text\}")  # what a composed query's text is set into
    slot: int | None = Field(None, gt=0)  # the pseudo-word's column in the tokens, if the template has one
    text_weight: float = Field(ge=0, le=1)  # default share of the text embedding in a composed query
    model_id: str  # digest of all graphs with their weights
    space_id: str  # digest of the gallery side with its preprocessing
    precision: Precision = "float32"  # the lowest in which any of its large products is computed
    tolerance: float = Field(gt=0)  # largest difference from torch's outputs that the self-test allows
    calibration: Calibration | None = None  # what its scores mean; None: not known
    files: dict[str, str]  # every other file of the folder → its SHA-256

    @property
    def image_size(self) -> int:
        """S, the side of the square of pixels."""
        return self.preprocessing.image_size

    @property
    def resize(self) -> Resize:
        """How an image becomes that square."""
        return self.preprocessing.size_and_way


@dataclass(frozen=True, slots=True)
class Bundle:
    """A complete bundle on disk, its files checked against the manifest."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Reads the manifest and checks every file's digest; raises BundleMissing or BundleBroken."""
        try:
            text = (path / MANIFEST).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BundleMissing(f"no {MANIFEST} in {path}: was the export interrupted or is the path wrong?") from error
        except (OSError, UnicodeDecodeError) as error:
            raise BundleBroken(f"{path / MANIFEST} cannot be read: {error}") from error
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole file"
            raise BundleBroken(f"{path / MANIFEST} is not one this version reads ({where}: {first['msg']})") from error
        for name, expected in manifest.files.items():
            try:
                actual = files.digest(path / name)
            except OSError as error:
                raise BundleBroken(f"{path / name} is in the manifest but cannot be read: export again") from error
            if actual != expected:
                raise BundleBroken(f"{path / name} has changed since the export: its digest differs, export again")
        return cls(path=path, manifest=manifest)

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of its graphs: one of the tuples above, perhaps with RERANK; or raises BundleBroken."""
        found = {name.removesuffix(".onnx") for name in self.manifest.files if name.endswith(".onnx")}
        for graphs in (TOWERS, QUERY_WHOLE, QUERY_SPLIT, QUERY_OF_VECTORS):
            if found - {RERANK} == set(graphs):
                return (*graphs, RERANK) if RERANK in found else graphs
        raise BundleBroken(f"the bundle {self.path} has the graphs {', '.join(sorted(found))}: export it again")

    @property
    def known_images(self) -> KnownImages | None:
        """The images that the model knows, None if the bundle does not say; raises BundleBroken for another file."""
        if KNOWN_IMAGES not in self.manifest.files:
            return None
        try:
            return KnownImages.read(self.file(KNOWN_IMAGES), dimension=self.manifest.dimension)
        except ValueError as error:
            raise BundleBroken(f"{KNOWN_IMAGES} of {self.path} cannot be read ({error}): export it again") from error

    def file(self, name: str) -> Path:
        """The path of a file that the manifest names."""
        if name not in self.manifest.files:
            raise BundleBroken(f"the bundle {self.path} has no {name}: export it again")
        return self.path / name


def write(path: Path, contents: Mapping[str, Content], manifest: Manifest) -> None:
    """Writes a bundle to a temporary sibling, its manifest last, and renames it to `path`.

    `manifest.files` is filled in here; a content that is in a file already is linked, or copied to another disk. A
    bundle that stands at `path` is replaced by two renames, and put back if the second fails. Raises ConfigError if
    anything else than a bundle stands there.
    """
    if path.exists() and not (path / MANIFEST).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path} holds something that is not a bundle: choose another folder")
    digests = {name: _digest(data) for name, data in sorted(contents.items())}
    complete = manifest.model_copy(update={"files": digests})
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(path) as folder:
        for name, data in contents.items():
            _place(data, folder / name)
        (folder / MANIFEST).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if not path.exists():
            files.settle(folder, path)
            return
        files.sync_tree(folder)  # before the old bundle leaves, so that none is there only for a moment
        previous = folder.with_name(folder.name + "-previous")
        path.rename(previous)
        try:
            folder.rename(path)
        except OSError:
            previous.rename(path)
            raise
        files.sync(path.parent)
        shutil.rmtree(previous)


def _digest(content: Content) -> str:
    return files.digest(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def _place(content: Content, path: Path) -> None:
    if not isinstance(content, Path):
        path.write_bytes(content)
        return
    try:
        path.hardlink_to(content)
    except OSError:  # another disk
        shutil.copyfile(content, path)
