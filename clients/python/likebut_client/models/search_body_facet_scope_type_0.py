from typing import Literal

SearchBodyFacetScopeType0 = Literal["filter", "hits"]

SEARCH_BODY_FACET_SCOPE_TYPE_0_VALUES: set[SearchBodyFacetScopeType0] = {
    "filter",
    "hits",
}


def check_search_body_facet_scope_type_0(value: str) -> SearchBodyFacetScopeType0:
    if value in SEARCH_BODY_FACET_SCOPE_TYPE_0_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SEARCH_BODY_FACET_SCOPE_TYPE_0_VALUES!r}")
