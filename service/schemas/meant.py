"""Names for a caller who misspelt a field of a body, or used the word of another search engine."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError

from models.errors import InputError
from service.errors import NO_FIELD, Unusable, invalid_body, unusable_fields

SIMILAR = 0.7  # of two names, by difflib
SYNONYMS: Mapping[str, str] = {
    "query": "text", "q": "text", "search": "text", "prompt": "text", "description": "text", "caption": "text",
    "limit": "k", "size": "k", "top_k": "k", "topk": "k", "n": "k", "num_results": "k", "per_page": "k", "hits": "k",
    "skip": "offset", "from": "offset", "start": "offset", "page": "offset",
    "where": "filter", "filter_by": "filter", "conditions": "filter",
    "facet_by": "facets", "aggregations": "facets", "aggs": "facets",
    "sort_by": "sort", "order_by": "sort", "order": "sort",
    "threshold": "min_score", "score_threshold": "min_score", "probability": "min_chance", "chance": "min_chance",
    "include_fields": "fields", "select": "fields", "columns": "fields",
    "exclude": "exclude_ids", "hidden_hits": "exclude_ids", "pinned": "pinned_ids", "pinned_hits": "pinned_ids",
    "distinct": "group_by", "weight": "text_weight", "alpha": "text_weight",
    "reference": "image", "picture": "image", "photo": "image", "image_url": "image",
    "data": "base64", "b64": "base64", "content": "base64", "file": "base64", "id": "item_id", "item": "item_id",
    "uri": "url", "href": "url", "link": "url",
    "payload": "attributes", "metadata": "attributes", "properties": "attributes",
}  # fmt: skip


def invalid(error: ValidationError, kind: type[BaseModel]) -> InputError:
    """Return pydantic's errors about a body of this kind as one error, which names the fields that were meant."""
    problem = invalid_body(error)
    if not isinstance(problem, Unusable) or not any(field["detail"] == NO_FIELD for field in problem.fields):
        return problem
    return unusable_fields([_with_hint(field, kind) for field in problem.fields])


def _with_hint(problem: Mapping[str, str], kind: type[BaseModel]) -> Mapping[str, str]:
    *path, name = problem["field"].split(".")
    model = _model_at(kind, path)
    if problem["detail"] != NO_FIELD or model is None:
        return problem
    fields = [*model.model_fields]
    meant = SYNONYMS.get(name.lower())
    if meant not in fields:
        meant = next(iter(get_close_matches(name.lower(), fields, n=1, cutoff=SIMILAR)), None)
    if meant is not None:
        return {**problem, "detail": f"{NO_FIELD}: did you mean {meant}?"}
    if "attributes" in fields:
        return {**problem, "detail": f"{NO_FIELD}: give attributes of the item in attributes"}
    return problem


def _model_at(kind: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    """Return the model of the object at a path, None if none is known there."""
    for name in path:
        field = kind.model_fields.get(name)
        if field is not None:
            models = _models(field.annotation)
            if len(models) != 1:
                return None
            kind = models[0]
        elif not name.isdecimal() and name != kind.__name__:  # the place in a list, or pydantic's member of a union
            return None
    return kind


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
