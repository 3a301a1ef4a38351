from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from attrs import define as _attrs_define

from ..models.search_body_facet_scope_type_0 import SearchBodyFacetScopeType0, check_search_body_facet_scope_type_0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.attribute_sort import AttributeSort
    from ..models.facet_size import FacetSize
    from ..models.filter_ import Filter
    from ..models.query_image import QueryImage
    from ..models.weighted_image import WeightedImage


T = TypeVar("T", bound="SearchBody")


@_attrs_define
class SearchBody:
    """A search: an image, a text, or both (the image, changed as the text says).

    Attributes:
        facets (list[FacetSize | str] | None | Unset): attributes to count the values of, over all items that pass the
            filter: names, or objects with a limit of their own
        sort (list[AttributeSort | Literal['score']] | None | Unset): what to sort the first `window` hits by, the most
            important key first; ties stay as ranked
        last (Filter | None | Unset): a filter: hits for which it holds come after all others of the first `window`
        min_score (float | None | Unset): hits among the first `window` with a lower score are left out
        min_chance (float | None | Unset): hits among the first `window` with a lower chance are left out; for a model
            that tells chances
        window (int | None | Unset): number of first hits that sort, last, min_score and min_chance apply to; with one
            of these, no later hit is returned; default 200
        facet_scope (None | SearchBodyFacetScopeType0 | Unset): items that `facets` and `ranges` count: all that pass
            the filter, or the first `window` hits, and of these the ones that reach min_score or min_chance; default
            "filter"
        fields (list[str] | None | Unset): attributes to return of each hit; null returns all, [] none
        image (None | QueryImage | Unset): the reference image
        text (None | str | Unset): the change to the image; without an image, a description of the product
        images (list[WeightedImage] | None | Unset): several reference images, in place of `image`
        negative (list[WeightedImage] | None | Unset): images that the hits shall be unlike; items among them are no
            hits
        steps (list[str] | None | Unset): changes said one after the other, all of them to the same image, in place of
            `text`
        facts (bool | None | Unset): read facts in the words, such as `under 50`, `from Fjord` and `in stock`, as
            conditions on attributes of the gallery; `understood` of the answer has them; default true
        literal (list[str] | None | Unset): phrases of the words that are no facts
        k (int | None | Unset): number of hits; GET /limits has the maximum; default 20
        offset (int | None | Unset): number of hits to skip; pages of one snapshot do not overlap. offset + k is at most
            10 000, and 1 000 with group_by or max_similarity; default 0
        exclude_reference (bool | None | Unset): leave the reference out of the hits: the item of item_id, and items
            that look the same; if there is a text, also items with exactly the uploaded image file; default true
        exclude_ids (list[str] | None | Unset): ids of items to leave out
        pinned_ids (list[str] | None | Unset): ids of items to put first, in this order, if they pass the filter
        filter_ (Filter | None | Unset): conditions on attributes; all must hold. A value means equality, an array means
            one of its values, an object means a range (gte, gt, lte, lt) or not; the keys and, or, not combine filters
        group_by (None | str | Unset): an attribute; of all items with the same value, only the best is returned
        max_similarity (float | None | Unset): if two items have at least this cosine similarity, only the better one is
            returned
        nprobe (int | None | Unset): number of index lists to search; null uses the value that the gallery was tuned to
        text_weight (float | None | Unset): weight of the text if there are both image and text; null uses the default
            of the model
        lexical_weight (float | None | Unset): weight of the words that the text shares with the title, the brand, the
            id and other chosen attributes of an item; the similarity has the rest. 0 ignores words, null uses the default
            of 0.5
        rerank (bool | int | None | Unset): re-rank the first hits with the model's re-ranker, if it has one, for an
            image with a text: true for the first 100, or a number. Scores stay cosines, so they may no longer be in
            descending order; default false
    """

    facets: list[FacetSize | str] | None | Unset = UNSET
    sort: list[AttributeSort | Literal["score"]] | None | Unset = UNSET
    last: Filter | None | Unset = UNSET
    min_score: float | None | Unset = UNSET
    min_chance: float | None | Unset = UNSET
    window: int | None | Unset = UNSET
    facet_scope: None | SearchBodyFacetScopeType0 | Unset = UNSET
    fields: list[str] | None | Unset = UNSET
    image: None | QueryImage | Unset = UNSET
    text: None | str | Unset = UNSET
    images: list[WeightedImage] | None | Unset = UNSET
    negative: list[WeightedImage] | None | Unset = UNSET
    steps: list[str] | None | Unset = UNSET
    facts: bool | None | Unset = UNSET
    literal: list[str] | None | Unset = UNSET
    k: int | None | Unset = UNSET
    offset: int | None | Unset = UNSET
    exclude_reference: bool | None | Unset = UNSET
    exclude_ids: list[str] | None | Unset = UNSET
    pinned_ids: list[str] | None | Unset = UNSET
    filter_: Filter | None | Unset = UNSET
    group_by: None | str | Unset = UNSET
    max_similarity: float | None | Unset = UNSET
    nprobe: int | None | Unset = UNSET
    text_weight: float | None | Unset = UNSET
    lexical_weight: float | None | Unset = UNSET
    rerank: bool | int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.attribute_sort import AttributeSort
        from ..models.facet_size import FacetSize
        from ..models.filter_ import Filter
        from ..models.query_image import QueryImage

        facets: list[dict[str, Any] | str] | None | Unset
        if isinstance(self.facets, Unset):
            facets = UNSET
        elif isinstance(self.facets, list):
            facets = []
            for facets_type_0_item_data in self.facets:
                facets_type_0_item: dict[str, Any] | str
                if isinstance(facets_type_0_item_data, FacetSize):
                    facets_type_0_item = facets_type_0_item_data.to_dict()
                else:
                    facets_type_0_item = facets_type_0_item_data
                facets.append(facets_type_0_item)

        else:
            facets = self.facets

        sort: list[dict[str, Any] | Literal["score"]] | None | Unset
        if isinstance(self.sort, Unset):
            sort = UNSET
        elif isinstance(self.sort, list):
            sort = []
            for sort_type_0_item_data in self.sort:
                sort_type_0_item: dict[str, Any] | Literal["score"]
                if isinstance(sort_type_0_item_data, AttributeSort):
                    sort_type_0_item = sort_type_0_item_data.to_dict()
                else:
                    sort_type_0_item = sort_type_0_item_data
                sort.append(sort_type_0_item)

        else:
            sort = self.sort

        last: dict[str, Any] | None | Unset
        if isinstance(self.last, Unset):
            last = UNSET
        elif isinstance(self.last, Filter):
            last = self.last.to_dict()
        else:
            last = self.last

        min_score: float | None | Unset
        if isinstance(self.min_score, Unset):
            min_score = UNSET
        else:
            min_score = self.min_score

        min_chance: float | None | Unset
        if isinstance(self.min_chance, Unset):
            min_chance = UNSET
        else:
            min_chance = self.min_chance

        window: int | None | Unset
        if isinstance(self.window, Unset):
            window = UNSET
        else:
            window = self.window

        facet_scope: None | str | Unset
        if isinstance(self.facet_scope, Unset):
            facet_scope = UNSET
        elif isinstance(self.facet_scope, str):
            facet_scope = self.facet_scope
        else:
            facet_scope = self.facet_scope

        fields: list[str] | None | Unset
        if isinstance(self.fields, Unset):
            fields = UNSET
        elif isinstance(self.fields, list):
            fields = self.fields

        else:
            fields = self.fields

        image: dict[str, Any] | None | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        elif isinstance(self.image, QueryImage):
            image = self.image.to_dict()
        else:
            image = self.image

        text: None | str | Unset
        if isinstance(self.text, Unset):
            text = UNSET
        else:
            text = self.text

        images: list[dict[str, Any]] | None | Unset
        if isinstance(self.images, Unset):
            images = UNSET
        elif isinstance(self.images, list):
            images = []
            for images_type_0_item_data in self.images:
                images_type_0_item = images_type_0_item_data.to_dict()
                images.append(images_type_0_item)

        else:
            images = self.images

        negative: list[dict[str, Any]] | None | Unset
        if isinstance(self.negative, Unset):
            negative = UNSET
        elif isinstance(self.negative, list):
            negative = []
            for negative_type_0_item_data in self.negative:
                negative_type_0_item = negative_type_0_item_data.to_dict()
                negative.append(negative_type_0_item)

        else:
            negative = self.negative

        steps: list[str] | None | Unset
        if isinstance(self.steps, Unset):
            steps = UNSET
        elif isinstance(self.steps, list):
            steps = self.steps

        else:
            steps = self.steps

        facts: bool | None | Unset
        if isinstance(self.facts, Unset):
            facts = UNSET
        else:
            facts = self.facts

        literal: list[str] | None | Unset
        if isinstance(self.literal, Unset):
            literal = UNSET
        elif isinstance(self.literal, list):
            literal = self.literal

        else:
            literal = self.literal

        k: int | None | Unset
        if isinstance(self.k, Unset):
            k = UNSET
        else:
            k = self.k

        offset: int | None | Unset
        if isinstance(self.offset, Unset):
            offset = UNSET
        else:
            offset = self.offset

        exclude_reference: bool | None | Unset
        if isinstance(self.exclude_reference, Unset):
            exclude_reference = UNSET
        else:
            exclude_reference = self.exclude_reference

        exclude_ids: list[str] | None | Unset
        if isinstance(self.exclude_ids, Unset):
            exclude_ids = UNSET
        elif isinstance(self.exclude_ids, list):
            exclude_ids = self.exclude_ids

        else:
            exclude_ids = self.exclude_ids

        pinned_ids: list[str] | None | Unset
        if isinstance(self.pinned_ids, Unset):
            pinned_ids = UNSET
        elif isinstance(self.pinned_ids, list):
            pinned_ids = self.pinned_ids

        else:
            pinned_ids = self.pinned_ids

        filter_: dict[str, Any] | None | Unset
        if isinstance(self.filter_, Unset):
            filter_ = UNSET
        elif isinstance(self.filter_, Filter):
            filter_ = self.filter_.to_dict()
        else:
            filter_ = self.filter_

        group_by: None | str | Unset
        if isinstance(self.group_by, Unset):
            group_by = UNSET
        else:
            group_by = self.group_by

        max_similarity: float | None | Unset
        if isinstance(self.max_similarity, Unset):
            max_similarity = UNSET
        else:
            max_similarity = self.max_similarity

        nprobe: int | None | Unset
        if isinstance(self.nprobe, Unset):
            nprobe = UNSET
        else:
            nprobe = self.nprobe

        text_weight: float | None | Unset
        if isinstance(self.text_weight, Unset):
            text_weight = UNSET
        else:
            text_weight = self.text_weight

        lexical_weight: float | None | Unset
        if isinstance(self.lexical_weight, Unset):
            lexical_weight = UNSET
        else:
            lexical_weight = self.lexical_weight

        rerank: bool | int | None | Unset
        if isinstance(self.rerank, Unset):
            rerank = UNSET
        else:
            rerank = self.rerank

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if facets is not UNSET:
            field_dict["facets"] = facets
        if sort is not UNSET:
            field_dict["sort"] = sort
        if last is not UNSET:
            field_dict["last"] = last
        if min_score is not UNSET:
            field_dict["min_score"] = min_score
        if min_chance is not UNSET:
            field_dict["min_chance"] = min_chance
        if window is not UNSET:
            field_dict["window"] = window
        if facet_scope is not UNSET:
            field_dict["facet_scope"] = facet_scope
        if fields is not UNSET:
            field_dict["fields"] = fields
        if image is not UNSET:
            field_dict["image"] = image
        if text is not UNSET:
            field_dict["text"] = text
        if images is not UNSET:
            field_dict["images"] = images
        if negative is not UNSET:
            field_dict["negative"] = negative
        if steps is not UNSET:
            field_dict["steps"] = steps
        if facts is not UNSET:
            field_dict["facts"] = facts
        if literal is not UNSET:
            field_dict["literal"] = literal
        if k is not UNSET:
            field_dict["k"] = k
        if offset is not UNSET:
            field_dict["offset"] = offset
        if exclude_reference is not UNSET:
            field_dict["exclude_reference"] = exclude_reference
        if exclude_ids is not UNSET:
            field_dict["exclude_ids"] = exclude_ids
        if pinned_ids is not UNSET:
            field_dict["pinned_ids"] = pinned_ids
        if filter_ is not UNSET:
            field_dict["filter"] = filter_
        if group_by is not UNSET:
            field_dict["group_by"] = group_by
        if max_similarity is not UNSET:
            field_dict["max_similarity"] = max_similarity
        if nprobe is not UNSET:
            field_dict["nprobe"] = nprobe
        if text_weight is not UNSET:
            field_dict["text_weight"] = text_weight
        if lexical_weight is not UNSET:
            field_dict["lexical_weight"] = lexical_weight
        if rerank is not UNSET:
            field_dict["rerank"] = rerank

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attribute_sort import AttributeSort
        from ..models.facet_size import FacetSize
        from ..models.filter_ import Filter
        from ..models.query_image import QueryImage
        from ..models.weighted_image import WeightedImage

        d = dict(src_dict)

        def _parse_facets(data: object) -> list[FacetSize | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                facets_type_0 = []
                _facets_type_0 = data
                for facets_type_0_item_data in _facets_type_0:

                    def _parse_facets_type_0_item(data: object) -> FacetSize | str:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            facets_type_0_item_type_1 = FacetSize.from_dict(data)

                            return facets_type_0_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(FacetSize | str, data)

                    facets_type_0_item = _parse_facets_type_0_item(facets_type_0_item_data)

                    facets_type_0.append(facets_type_0_item)

                return facets_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[FacetSize | str] | None | Unset, data)

        facets = _parse_facets(d.pop("facets", UNSET))

        def _parse_sort(data: object) -> list[AttributeSort | Literal["score"]] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                sort_type_0 = []
                _sort_type_0 = data
                for sort_type_0_item_data in _sort_type_0:

                    def _parse_sort_type_0_item(data: object) -> AttributeSort | Literal["score"]:
                        sort_type_0_item_type_0 = cast(Literal["score"], data)
                        if sort_type_0_item_type_0 != "score":
                            raise ValueError(
                                f"sort_type_0_item_type_0 must match const 'score', got '{sort_type_0_item_type_0}'"
                            )
                        return sort_type_0_item_type_0
                        if not isinstance(data, dict):
                            raise TypeError()
                        sort_type_0_item_type_1 = AttributeSort.from_dict(data)

                        return sort_type_0_item_type_1

                    sort_type_0_item = _parse_sort_type_0_item(sort_type_0_item_data)

                    sort_type_0.append(sort_type_0_item)

                return sort_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[AttributeSort | Literal["score"]] | None | Unset, data)

        sort = _parse_sort(d.pop("sort", UNSET))

        def _parse_last(data: object) -> Filter | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_type_0 = Filter.from_dict(data)

                return last_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Filter | None | Unset, data)

        last = _parse_last(d.pop("last", UNSET))

        def _parse_min_score(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        min_score = _parse_min_score(d.pop("min_score", UNSET))

        def _parse_min_chance(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        min_chance = _parse_min_chance(d.pop("min_chance", UNSET))

        def _parse_window(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        window = _parse_window(d.pop("window", UNSET))

        def _parse_facet_scope(data: object) -> None | SearchBodyFacetScopeType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                facet_scope_type_0 = check_search_body_facet_scope_type_0(data)

                return facet_scope_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SearchBodyFacetScopeType0 | Unset, data)

        facet_scope = _parse_facet_scope(d.pop("facet_scope", UNSET))

        def _parse_fields(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                fields_type_0 = cast(list[str], data)

                return fields_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        fields = _parse_fields(d.pop("fields", UNSET))

        def _parse_image(data: object) -> None | QueryImage | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                image_type_0 = QueryImage.from_dict(data)

                return image_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | QueryImage | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        def _parse_text(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        text = _parse_text(d.pop("text", UNSET))

        def _parse_images(data: object) -> list[WeightedImage] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                images_type_0 = []
                _images_type_0 = data
                for images_type_0_item_data in _images_type_0:
                    images_type_0_item = WeightedImage.from_dict(images_type_0_item_data)

                    images_type_0.append(images_type_0_item)

                return images_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[WeightedImage] | None | Unset, data)

        images = _parse_images(d.pop("images", UNSET))

        def _parse_negative(data: object) -> list[WeightedImage] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                negative_type_0 = []
                _negative_type_0 = data
                for negative_type_0_item_data in _negative_type_0:
                    negative_type_0_item = WeightedImage.from_dict(negative_type_0_item_data)

                    negative_type_0.append(negative_type_0_item)

                return negative_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[WeightedImage] | None | Unset, data)

        negative = _parse_negative(d.pop("negative", UNSET))

        def _parse_steps(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                steps_type_0 = cast(list[str], data)

                return steps_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        steps = _parse_steps(d.pop("steps", UNSET))

        def _parse_facts(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        facts = _parse_facts(d.pop("facts", UNSET))

        def _parse_literal(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                literal_type_0 = cast(list[str], data)

                return literal_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        literal = _parse_literal(d.pop("literal", UNSET))

        def _parse_k(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        k = _parse_k(d.pop("k", UNSET))

        def _parse_offset(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        offset = _parse_offset(d.pop("offset", UNSET))

        def _parse_exclude_reference(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        exclude_reference = _parse_exclude_reference(d.pop("exclude_reference", UNSET))

        def _parse_exclude_ids(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                exclude_ids_type_0 = cast(list[str], data)

                return exclude_ids_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        exclude_ids = _parse_exclude_ids(d.pop("exclude_ids", UNSET))

        def _parse_pinned_ids(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                pinned_ids_type_0 = cast(list[str], data)

                return pinned_ids_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        pinned_ids = _parse_pinned_ids(d.pop("pinned_ids", UNSET))

        def _parse_filter_(data: object) -> Filter | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                filter_type_0 = Filter.from_dict(data)

                return filter_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Filter | None | Unset, data)

        filter_ = _parse_filter_(d.pop("filter", UNSET))

        def _parse_group_by(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        group_by = _parse_group_by(d.pop("group_by", UNSET))

        def _parse_max_similarity(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        max_similarity = _parse_max_similarity(d.pop("max_similarity", UNSET))

        def _parse_nprobe(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        nprobe = _parse_nprobe(d.pop("nprobe", UNSET))

        def _parse_text_weight(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        text_weight = _parse_text_weight(d.pop("text_weight", UNSET))

        def _parse_lexical_weight(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        lexical_weight = _parse_lexical_weight(d.pop("lexical_weight", UNSET))

        def _parse_rerank(data: object) -> bool | int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | int | None | Unset, data)

        rerank = _parse_rerank(d.pop("rerank", UNSET))

        search_body = cls(
            facets=facets,
            sort=sort,
            last=last,
            min_score=min_score,
            min_chance=min_chance,
            window=window,
            facet_scope=facet_scope,
            fields=fields,
            image=image,
            text=text,
            images=images,
            negative=negative,
            steps=steps,
            facts=facts,
            literal=literal,
            k=k,
            offset=offset,
            exclude_reference=exclude_reference,
            exclude_ids=exclude_ids,
            pinned_ids=pinned_ids,
            filter_=filter_,
            group_by=group_by,
            max_similarity=max_similarity,
            nprobe=nprobe,
            text_weight=text_weight,
            lexical_weight=lexical_weight,
            rerank=rerank,
        )

        return search_body
