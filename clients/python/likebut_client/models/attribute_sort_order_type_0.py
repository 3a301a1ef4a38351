from typing import Literal

AttributeSortOrderType0 = Literal["asc", "desc"]

ATTRIBUTE_SORT_ORDER_TYPE_0_VALUES: set[AttributeSortOrderType0] = {
    "asc",
    "desc",
}


def check_attribute_sort_order_type_0(value: str) -> AttributeSortOrderType0:
    if value in ATTRIBUTE_SORT_ORDER_TYPE_0_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {ATTRIBUTE_SORT_ORDER_TYPE_0_VALUES!r}")
