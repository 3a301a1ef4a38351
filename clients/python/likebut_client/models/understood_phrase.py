from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.attribute_sort import AttributeSort
    from ..models.filter_ import Filter


T = TypeVar("T", bound="UnderstoodPhrase")


@_attrs_define
class UnderstoodPhrase:
    """A phrase that was read as a fact, and not as a description of what to find.

    Attributes:
        text (str): the phrase; send it in `literal` to have it read as words
        start (int): its place in the text, or in its step, in characters (code points)
        end (int):
        step (int | None): number of the step that has it, from 0; null without steps
        filter_ (Filter): Conditions on attributes, which must all hold. Every key but these four is an attribute. Its
            value means equality, null that it is missing, an array one of its values, an object a range or `not`. At most
            1000 values in 200 conditions, 16 levels deep.
        sort (AttributeSort | None): the order that it became, as in `sort` of a search
    """

    text: str
    start: int
    end: int
    step: int | None
    filter_: Filter
    sort: AttributeSort | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.attribute_sort import AttributeSort

        text = self.text

        start = self.start

        end = self.end

        step: int | None
        step = self.step

        filter_ = self.filter_.to_dict()

        sort: dict[str, Any] | None
        if isinstance(self.sort, AttributeSort):
            sort = self.sort.to_dict()
        else:
            sort = self.sort

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text": text,
                "start": start,
                "end": end,
                "step": step,
                "filter": filter_,
                "sort": sort,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attribute_sort import AttributeSort
        from ..models.filter_ import Filter

        d = dict(src_dict)
        text = d.pop("text")

        start = d.pop("start")

        end = d.pop("end")

        def _parse_step(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        step = _parse_step(d.pop("step"))

        filter_ = Filter.from_dict(d.pop("filter"))

        def _parse_sort(data: object) -> AttributeSort | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                sort_type_0 = AttributeSort.from_dict(data)

                return sort_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AttributeSort | None, data)

        sort = _parse_sort(d.pop("sort"))

        understood_phrase = cls(
            text=text,
            start=start,
            end=end,
            step=step,
            filter_=filter_,
            sort=sort,
        )

        understood_phrase.additional_properties = d
        return understood_phrase

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
