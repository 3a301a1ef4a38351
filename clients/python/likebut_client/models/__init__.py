"""Contains all the data models used in inputs/outputs"""

from .attribute_answer import AttributeAnswer
from .attribute_answer_type import AttributeAnswerType
from .attribute_changes import AttributeChanges
from .attribute_sort import AttributeSort
from .attribute_sort_order_type_0 import AttributeSortOrderType0
from .attributes import Attributes
from .attributes_answer import AttributesAnswer
from .browse_answer import BrowseAnswer
from .browse_answer_facets import BrowseAnswerFacets
from .browse_answer_ranges import BrowseAnswerRanges
from .condition import Condition
from .count import Count
from .facet_size import FacetSize
from .filter_ import Filter
from .hit_answer import HitAnswer
from .image import Image
from .index_body import IndexBody
from .index_body_encoding_type_0 import IndexBodyEncodingType0
from .index_body_map_type_0 import IndexBodyMapType0
from .item_answer import ItemAnswer
from .item_body import ItemBody
from .item_change import ItemChange
from .item_form import ItemForm
from .item_result import ItemResult
from .item_result_status import ItemResultStatus
from .items_answer import ItemsAnswer
from .items_body import ItemsBody
from .items_form import ItemsForm
from .items_page import ItemsPage
from .job import Job
from .job_accepted import JobAccepted
from .job_kind import JobKind
from .job_state import JobState
from .limits import Limits
from .live_gallery import LiveGallery
from .live_response_live import LiveResponseLive
from .named_attribute import NamedAttribute
from .number_range import NumberRange
from .problem import Problem
from .problem_errors_item import ProblemErrorsItem
from .query_image import QueryImage
from .ready_answer import ReadyAnswer
from .search_answer import SearchAnswer
from .search_answer_facets import SearchAnswerFacets
from .search_answer_ranges import SearchAnswerRanges
from .search_answer_took_ms import SearchAnswerTookMs
from .search_body import SearchBody
from .search_body_facet_scope_type_0 import SearchBodyFacetScopeType0
from .search_form import SearchForm
from .searches_answer import SearchesAnswer
from .searches_body import SearchesBody
from .skipped_image import SkippedImage
from .start_index_job_format import StartIndexJobFormat
from .storefront_answer import StorefrontAnswer
from .suggestion_answer import SuggestionAnswer
from .suggestions_answer import SuggestionsAnswer
from .understood_phrase import UnderstoodPhrase
from .unlike_images import UnlikeImages
from .weighted_image import WeightedImage

__all__ = (
    "AttributeAnswer",
    "AttributeAnswerType",
    "AttributeChanges",
    "Attributes",
    "AttributesAnswer",
    "AttributeSort",
    "AttributeSortOrderType0",
    "BrowseAnswer",
    "BrowseAnswerFacets",
    "BrowseAnswerRanges",
    "Condition",
    "Count",
    "FacetSize",
    "Filter",
    "HitAnswer",
    "Image",
    "IndexBody",
    "IndexBodyEncodingType0",
    "IndexBodyMapType0",
    "ItemAnswer",
    "ItemBody",
    "ItemChange",
    "ItemForm",
    "ItemResult",
    "ItemResultStatus",
    "ItemsAnswer",
    "ItemsBody",
    "ItemsForm",
    "ItemsPage",
    "Job",
    "JobAccepted",
    "JobKind",
    "JobState",
    "Limits",
    "LiveGallery",
    "LiveResponseLive",
    "NamedAttribute",
    "NumberRange",
    "Problem",
    "ProblemErrorsItem",
    "QueryImage",
    "ReadyAnswer",
    "SearchAnswer",
    "SearchAnswerFacets",
    "SearchAnswerRanges",
    "SearchAnswerTookMs",
    "SearchBody",
    "SearchBodyFacetScopeType0",
    "SearchesAnswer",
    "SearchesBody",
    "SearchForm",
    "SkippedImage",
    "StartIndexJobFormat",
    "StorefrontAnswer",
    "SuggestionAnswer",
    "SuggestionsAnswer",
    "UnderstoodPhrase",
    "UnlikeImages",
    "WeightedImage",
)
