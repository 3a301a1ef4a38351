from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.problem import Problem
    from ..models.search_answer import SearchAnswer


T = TypeVar("T", bound="SearchesAnswer")


@_attrs_define
class SearchesAnswer:
    """One answer for each search, in order: hits, or the problem that POST /search would have returned.

    Attributes:
        answers (list[Problem | SearchAnswer]):
    """

    answers: list[Problem | SearchAnswer]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.search_answer import SearchAnswer

        answers = []
        for answers_item_data in self.answers:
            answers_item: dict[str, Any]
            if isinstance(answers_item_data, SearchAnswer):
                answers_item = answers_item_data.to_dict()
            else:
                answers_item = answers_item_data.to_dict()

            answers.append(answers_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "answers": answers,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.problem import Problem
        from ..models.search_answer import SearchAnswer

        d = dict(src_dict)
        answers = []
        _answers = d.pop("answers")
        for answers_item_data in _answers:

            def _parse_answers_item(data: object) -> Problem | SearchAnswer:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    answers_item_type_0 = SearchAnswer.from_dict(data)

                    return answers_item_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                answers_item_type_1 = Problem.from_dict(data)

                return answers_item_type_1

            answers_item = _parse_answers_item(answers_item_data)

            answers.append(answers_item)

        searches_answer = cls(
            answers=answers,
        )

        searches_answer.additional_properties = d
        return searches_answer

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
