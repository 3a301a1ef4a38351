from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.job_kind import JobKind, check_job_kind
from ..models.job_state import JobState, check_job_state

if TYPE_CHECKING:
    from ..models.skipped_image import SkippedImage


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """An index job: a build, a swap of the model, a compaction or a roll-back.

    Attributes:
        id (str):
        kind (JobKind):
        source (str):
        bundle (str): folder of the model that builds and then serves
        shards (int | Literal['auto']):
        state (JobState):
        stage (None | str): read, embed, train, write, publish, open; only open if nothing had to be built
        done (int): number of units that the stage has finished; default 0
        total (int): number of units of the stage; 0 if it is unknown; default 0
        rate (float): units per second; default 0.0
        embedded (int | None): for a build: number of images that the model embedded
        reused (int | None): for a build: number of images that are unchanged, as is the model
        unreachable (int): number of images that could not be fetched and that keep the vector they had; default 0
        skipped (int): number of items left out because they could not be read; default 0
        skipped_items (list[SkippedImage]): the first hundred skipped items
        notes (list[str]): attributes whose values the build converted to one type, images that it could not fetch, and
            if nothing changed
        error (None | str):
        snapshot (None | str): the snapshot that serves since the end of the job
        items (int | None):
        started (None | str): ISO 8601, UTC
        finished (None | str):
    """

    id: str
    kind: JobKind
    source: str
    bundle: str
    shards: int | Literal["auto"]
    state: JobState
    stage: None | str
    done: int
    total: int
    rate: float
    embedded: int | None
    reused: int | None
    unreachable: int
    skipped: int
    skipped_items: list[SkippedImage]
    notes: list[str]
    error: None | str
    snapshot: None | str
    items: int | None
    started: None | str
    finished: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        kind: str = self.kind

        source = self.source

        bundle = self.bundle

        shards: int | Literal["auto"]
        shards = self.shards

        state: str = self.state

        stage: None | str
        stage = self.stage

        done = self.done

        total = self.total

        rate = self.rate

        embedded: int | None
        embedded = self.embedded

        reused: int | None
        reused = self.reused

        unreachable = self.unreachable

        skipped = self.skipped

        skipped_items = []
        for skipped_items_item_data in self.skipped_items:
            skipped_items_item = skipped_items_item_data.to_dict()
            skipped_items.append(skipped_items_item)

        notes = self.notes

        error: None | str
        error = self.error

        snapshot: None | str
        snapshot = self.snapshot

        items: int | None
        items = self.items

        started: None | str
        started = self.started

        finished: None | str
        finished = self.finished

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "kind": kind,
                "source": source,
                "bundle": bundle,
                "shards": shards,
                "state": state,
                "stage": stage,
                "done": done,
                "total": total,
                "rate": rate,
                "embedded": embedded,
                "reused": reused,
                "unreachable": unreachable,
                "skipped": skipped,
                "skipped_items": skipped_items,
                "notes": notes,
                "error": error,
                "snapshot": snapshot,
                "items": items,
                "started": started,
                "finished": finished,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.skipped_image import SkippedImage

        d = dict(src_dict)
        id = d.pop("id")

        kind = check_job_kind(d.pop("kind"))

        source = d.pop("source")

        bundle = d.pop("bundle")

        def _parse_shards(data: object) -> int | Literal["auto"]:
            shards_type_1 = cast(Literal["auto"], data)
            if shards_type_1 != "auto":
                raise ValueError(f"shards_type_1 must match const 'auto', got '{shards_type_1}'")
            return shards_type_1
            return cast(int | Literal["auto"], data)

        shards = _parse_shards(d.pop("shards"))

        state = check_job_state(d.pop("state"))

        def _parse_stage(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        stage = _parse_stage(d.pop("stage"))

        done = d.pop("done")

        total = d.pop("total")

        rate = d.pop("rate")

        def _parse_embedded(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        embedded = _parse_embedded(d.pop("embedded"))

        def _parse_reused(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        reused = _parse_reused(d.pop("reused"))

        unreachable = d.pop("unreachable")

        skipped = d.pop("skipped")

        skipped_items = []
        _skipped_items = d.pop("skipped_items")
        for skipped_items_item_data in _skipped_items:
            skipped_items_item = SkippedImage.from_dict(skipped_items_item_data)

            skipped_items.append(skipped_items_item)

        notes = cast(list[str], d.pop("notes"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        def _parse_snapshot(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        snapshot = _parse_snapshot(d.pop("snapshot"))

        def _parse_items(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        items = _parse_items(d.pop("items"))

        def _parse_started(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        started = _parse_started(d.pop("started"))

        def _parse_finished(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        finished = _parse_finished(d.pop("finished"))

        job = cls(
            id=id,
            kind=kind,
            source=source,
            bundle=bundle,
            shards=shards,
            state=state,
            stage=stage,
            done=done,
            total=total,
            rate=rate,
            embedded=embedded,
            reused=reused,
            unreachable=unreachable,
            skipped=skipped,
            skipped_items=skipped_items,
            notes=notes,
            error=error,
            snapshot=snapshot,
            items=items,
            started=started,
            finished=finished,
        )

        job.additional_properties = d
        return job

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
