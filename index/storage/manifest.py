"""The manifest of a snapshot: one JSON file, written last, that names and digests every other."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.vectors.encodings import Encoding
from models.errors import GalleryBroken

MANIFEST = "manifest.json"
SCHEMA_VERSION: Literal[4] = 4


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=True)


class FileEntry(_Strict):
    """One file of the snapshot, as it was when it was written."""

    file: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")  # never a path out of the snapshot
    bytes: int = Field(ge=0)
    sha256: str


class ShardEntry(FileEntry):
    """One FAISS file and how many images it holds."""

    count: int = Field(ge=0)


class SnapshotManifest(_Strict):
    """Facts of a snapshot; `digest` covers all others, so that a changed manifest is noticed too."""

    schema_version: Literal[3, 4]  # 3 has attributes without types
    name: str
    created: datetime = Field(strict=False)  # UTC; JSON has no type for it
    source: str  # empty if only changes filled the gallery
    count: int = Field(ge=0)
    images: int | None = Field(None, ge=1)  # of the items beside the first of each; None if no item has any
    skipped: int = Field(ge=0)
    unlike: int | None = Field(None, ge=0)  # of the images, those unlike what the model knows; None if it does not say
    through: int = Field(ge=0)  # the journal's change up to which all are in here
    dimension: int = Field(ge=1)  # d
    space_id: str
    model_id: str
    encoding: Encoding = Field(alias="form")  # its name in the file since version 1
    nlist: int = Field(ge=1)
    stale: int = Field(ge=0)  # items that are new or changed since the lists were trained
    nprobe: int = Field(ge=1)
    # lists that older versions probed if a filter kept a half, a fifth, a twentieth and a hundredth
    widened: tuple[int, ...] | None = Field(None, strict=False)
    # see shards.Probes; None in older snapshots and, the first, those made on GPUs
    margin: float | None = Field(None, ge=0, le=1)
    reach: float | None = Field(None, ge=0, le=2)
    recall_goal: float = Field(ge=0, le=1)
    recall_at_10: float = Field(ge=0, le=1)  # of composed queries, measured with these lists
    faiss_version: str
    # attributes that the lexical index has the words of; None if the snapshot has no such index
    lexical: tuple[str, ...] | None = Field(None, strict=False)
    shards: tuple[ShardEntry, ...] = Field(strict=False, min_length=1)
    files: tuple[FileEntry, ...] = Field(strict=False)
    digest: str = ""

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Every file of the snapshot but the manifest."""
        return (*self.shards, *self.files)

    @property
    def size_bytes(self) -> int:
        """The size on disk, without the manifest."""
        return sum(entry.bytes for entry in self.entries)


def dump(manifest: SnapshotManifest) -> str:
    """The manifest as the text of its file, with its digest filled in."""
    made = manifest.model_copy(update={"digest": _digest(manifest)})
    return made.model_dump_json(indent=2, by_alias=True, exclude_none=True) + "\n"


def load(path: Path) -> SnapshotManifest:
    """The manifest in the file at `path`; raises GalleryBroken if it is damaged, foreign or changed."""
    try:
        text = path.read_text(encoding="utf-8")
        manifest = SnapshotManifest.model_validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        raise GalleryBroken(f"{path} cannot be read ({error}): roll back or rebuild the gallery") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise GalleryBroken(
            f"{path} is not a snapshot manifest of version {SCHEMA_VERSION} ({where}: {first['msg']}): rebuild it with"
            f" `likebut index build SOURCE --gallery {path.parents[2]}`"
        ) from error
    if text != dump(manifest):
        raise GalleryBroken(f"{path} was changed after it was written: roll back or rebuild the gallery")
    return manifest


def _digest(manifest: SnapshotManifest) -> str:
    without = manifest.model_copy(update={"digest": ""})
    return hashlib.sha256(without.model_dump_json(by_alias=True, exclude_none=True).encode()).hexdigest()
