from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from attrs import define as _attrs_define

from ..models.index_body_encoding_type_0 import IndexBodyEncodingType0, check_index_body_encoding_type_0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.index_body_map_type_0 import IndexBodyMapType0


T = TypeVar("T", bound="IndexBody")


@_attrs_define
class IndexBody:
    """The work of a job: build from a source, serve another model, compact the changes, or roll back.

    Attributes:
        source (None | str | Unset): a folder of images, a table (CSV, JSONL, Parquet) or a product feed, on the server
            or in an object store (s3://…); null uses the source of the live snapshot, or the items of the gallery if
            changes filled it, and builds nothing if the bundle has the same space
        bundle (None | str | Unset): the folder of an exported model on the server; it is tested before the job starts,
            and swapped in together with the snapshot; null keeps the current model
        shards (int | Literal['auto'] | None | Unset): number of FAISS files of a new snapshot; auto decides by the GPUs
            and the number of items; default "auto"
        encoding (IndexBodyEncodingType0 | None | Unset): encoding of the vectors in FAISS, the smallest last; auto
            decides by their number; default "auto"
        recall (float | Literal['auto'] | None | Unset): recall@10 of composed queries to tune the search for; auto is
            .99 for few items, .95 for many; default "auto"
        max_loss (float | None | Unset): share of the live items that may be gone in the new snapshot; a build that
            would lose more fails, and what it embedded is used by the next one; default 0.05
        map_ (IndexBodyMapType0 | None | Unset): the column of a table that is the id, the image or another attribute,
            as {"image": "image_link"}; null uses the map of the live snapshot if its source is used, and otherwise none
        lexical (list[str] | None | Unset): attributes of which the words find items, beside the id; null uses those of
            the live snapshot, or title, name, brand, category, sku, mpn, gtin
        compact (bool | None | Unset): merge the changes since the live snapshot into a new snapshot; default false
        snapshot (None | str | Unset): name of a kept snapshot to roll back to; later changes of items stay
    """

    source: None | str | Unset = UNSET
    bundle: None | str | Unset = UNSET
    shards: int | Literal["auto"] | None | Unset = UNSET
    encoding: IndexBodyEncodingType0 | None | Unset = UNSET
    recall: float | Literal["auto"] | None | Unset = UNSET
    max_loss: float | None | Unset = UNSET
    map_: IndexBodyMapType0 | None | Unset = UNSET
    lexical: list[str] | None | Unset = UNSET
    compact: bool | None | Unset = UNSET
    snapshot: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.index_body_map_type_0 import IndexBodyMapType0

        source: None | str | Unset
        if isinstance(self.source, Unset):
            source = UNSET
        else:
            source = self.source

        bundle: None | str | Unset
        if isinstance(self.bundle, Unset):
            bundle = UNSET
        else:
            bundle = self.bundle

        shards: int | Literal["auto"] | None | Unset
        if isinstance(self.shards, Unset):
            shards = UNSET
        else:
            shards = self.shards

        encoding: None | str | Unset
        if isinstance(self.encoding, Unset):
            encoding = UNSET
        elif isinstance(self.encoding, str):
            encoding = self.encoding
        else:
            encoding = self.encoding

        recall: float | Literal["auto"] | None | Unset
        if isinstance(self.recall, Unset):
            recall = UNSET
        else:
            recall = self.recall

        max_loss: float | None | Unset
        if isinstance(self.max_loss, Unset):
            max_loss = UNSET
        else:
            max_loss = self.max_loss

        map_: dict[str, Any] | None | Unset
        if isinstance(self.map_, Unset):
            map_ = UNSET
        elif isinstance(self.map_, IndexBodyMapType0):
            map_ = self.map_.to_dict()
        else:
            map_ = self.map_

        lexical: list[str] | None | Unset
        if isinstance(self.lexical, Unset):
            lexical = UNSET
        elif isinstance(self.lexical, list):
            lexical = self.lexical

        else:
            lexical = self.lexical

        compact: bool | None | Unset
        if isinstance(self.compact, Unset):
            compact = UNSET
        else:
            compact = self.compact

        snapshot: None | str | Unset
        if isinstance(self.snapshot, Unset):
            snapshot = UNSET
        else:
            snapshot = self.snapshot

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if source is not UNSET:
            field_dict["source"] = source
        if bundle is not UNSET:
            field_dict["bundle"] = bundle
        if shards is not UNSET:
            field_dict["shards"] = shards
        if encoding is not UNSET:
            field_dict["encoding"] = encoding
        if recall is not UNSET:
            field_dict["recall"] = recall
        if max_loss is not UNSET:
            field_dict["max_loss"] = max_loss
        if map_ is not UNSET:
            field_dict["map"] = map_
        if lexical is not UNSET:
            field_dict["lexical"] = lexical
        if compact is not UNSET:
            field_dict["compact"] = compact
        if snapshot is not UNSET:
            field_dict["snapshot"] = snapshot

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.index_body_map_type_0 import IndexBodyMapType0

        d = dict(src_dict)

        def _parse_source(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        source = _parse_source(d.pop("source", UNSET))

        def _parse_bundle(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        bundle = _parse_bundle(d.pop("bundle", UNSET))

        def _parse_shards(data: object) -> int | Literal["auto"] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            shards_type_1 = cast(Literal["auto"], data)
            if shards_type_1 != "auto":
                raise ValueError(f"shards_type_1 must match const 'auto', got '{shards_type_1}'")
            return shards_type_1
            return cast(int | Literal["auto"] | None | Unset, data)

        shards = _parse_shards(d.pop("shards", UNSET))

        def _parse_encoding(data: object) -> IndexBodyEncodingType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                encoding_type_0 = check_index_body_encoding_type_0(data)

                return encoding_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(IndexBodyEncodingType0 | None | Unset, data)

        encoding = _parse_encoding(d.pop("encoding", UNSET))

        def _parse_recall(data: object) -> float | Literal["auto"] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            recall_type_1 = cast(Literal["auto"], data)
            if recall_type_1 != "auto":
                raise ValueError(f"recall_type_1 must match const 'auto', got '{recall_type_1}'")
            return recall_type_1
            return cast(float | Literal["auto"] | None | Unset, data)

        recall = _parse_recall(d.pop("recall", UNSET))

        def _parse_max_loss(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        max_loss = _parse_max_loss(d.pop("max_loss", UNSET))

        def _parse_map_(data: object) -> IndexBodyMapType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                map_type_0 = IndexBodyMapType0.from_dict(data)

                return map_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(IndexBodyMapType0 | None | Unset, data)

        map_ = _parse_map_(d.pop("map", UNSET))

        def _parse_lexical(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                lexical_type_0 = cast(list[str], data)

                return lexical_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        lexical = _parse_lexical(d.pop("lexical", UNSET))

        def _parse_compact(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        compact = _parse_compact(d.pop("compact", UNSET))

        def _parse_snapshot(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        snapshot = _parse_snapshot(d.pop("snapshot", UNSET))

        index_body = cls(
            source=source,
            bundle=bundle,
            shards=shards,
            encoding=encoding,
            recall=recall,
            max_loss=max_loss,
            map_=map_,
            lexical=lexical,
            compact=compact,
            snapshot=snapshot,
        )

        return index_body
