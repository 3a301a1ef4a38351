from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.job import Job
    from ..models.unlike_images import UnlikeImages


T = TypeVar("T", bound="LiveGallery")


@_attrs_define
class LiveGallery:
    """The live snapshot, the model that searches it, and the last job.

    Attributes:
        snapshot (None | str):
        items (int):
        images (int): number of images of all items
        model (str): the model that encodes the queries
        created (None | str):
        changes (int): number of changes since the snapshot; searches include them
        kept (list[str]): snapshots that a roll-back can use, oldest first
        unlike (None | UnlikeImages): images unlike those that the model knows; null if the bundle of the snapshot does
            not say which
        missing_shards (list[str]): shard files of the snapshot that cannot be read
        encoding (None | str): encoding of the vectors: flat, fp16, sq8 or rabitq
        recall_at_10 (float | None): recall@10 of composed queries, measured when the snapshot was built
        shards (int | None):
        dimension (int | None):
        space (str): embedding space of the model and the snapshot; vectors of two spaces cannot be compared
        last_job (Job | None):
    """

    snapshot: None | str
    items: int
    images: int
    model: str
    created: None | str
    changes: int
    kept: list[str]
    unlike: None | UnlikeImages
    missing_shards: list[str]
    encoding: None | str
    recall_at_10: float | None
    shards: int | None
    dimension: int | None
    space: str
    last_job: Job | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.job import Job
        from ..models.unlike_images import UnlikeImages

        snapshot: None | str
        snapshot = self.snapshot

        items = self.items

        images = self.images

        model = self.model

        created: None | str
        created = self.created

        changes = self.changes

        kept = self.kept

        unlike: dict[str, Any] | None
        if isinstance(self.unlike, UnlikeImages):
            unlike = self.unlike.to_dict()
        else:
            unlike = self.unlike

        missing_shards = self.missing_shards

        encoding: None | str
        encoding = self.encoding

        recall_at_10: float | None
        recall_at_10 = self.recall_at_10

        shards: int | None
        shards = self.shards

        dimension: int | None
        dimension = self.dimension

        space = self.space

        last_job: dict[str, Any] | None
        if isinstance(self.last_job, Job):
            last_job = self.last_job.to_dict()
        else:
            last_job = self.last_job

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "snapshot": snapshot,
                "items": items,
                "images": images,
                "model": model,
                "created": created,
                "changes": changes,
                "kept": kept,
                "unlike": unlike,
                "missing_shards": missing_shards,
                "encoding": encoding,
                "recall_at_10": recall_at_10,
                "shards": shards,
                "dimension": dimension,
                "space": space,
                "last_job": last_job,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job import Job
        from ..models.unlike_images import UnlikeImages

        d = dict(src_dict)

        def _parse_snapshot(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        snapshot = _parse_snapshot(d.pop("snapshot"))

        items = d.pop("items")

        images = d.pop("images")

        model = d.pop("model")

        def _parse_created(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        created = _parse_created(d.pop("created"))

        changes = d.pop("changes")

        kept = cast(list[str], d.pop("kept"))

        def _parse_unlike(data: object) -> None | UnlikeImages:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                unlike_type_0 = UnlikeImages.from_dict(data)

                return unlike_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UnlikeImages, data)

        unlike = _parse_unlike(d.pop("unlike"))

        missing_shards = cast(list[str], d.pop("missing_shards"))

        def _parse_encoding(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        encoding = _parse_encoding(d.pop("encoding"))

        def _parse_recall_at_10(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        recall_at_10 = _parse_recall_at_10(d.pop("recall_at_10"))

        def _parse_shards(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        shards = _parse_shards(d.pop("shards"))

        def _parse_dimension(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        dimension = _parse_dimension(d.pop("dimension"))

        space = d.pop("space")

        def _parse_last_job(data: object) -> Job | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_job_type_0 = Job.from_dict(data)

                return last_job_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Job | None, data)

        last_job = _parse_last_job(d.pop("last_job"))

        live_gallery = cls(
            snapshot=snapshot,
            items=items,
            images=images,
            model=model,
            created=created,
            changes=changes,
            kept=kept,
            unlike=unlike,
            missing_shards=missing_shards,
            encoding=encoding,
            recall_at_10=recall_at_10,
            shards=shards,
            dimension=dimension,
            space=space,
            last_job=last_job,
        )

        live_gallery.additional_properties = d
        return live_gallery

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
