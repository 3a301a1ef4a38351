"""The OpenAPI document: FastAPI's own, plus the bodies that routes read by hand, and problem details."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from fastapi.openapi.utils import get_openapi
from pydantic import JsonValue, TypeAdapter
from starlette.routing import BaseRoute

from index.items.items import GalleryItem
from index.sources.image_cells import MAX_IMAGES
from service.auth.keys import Role
from service.errors import PROBLEM_TYPE
from service.schemas.gallery import IndexBody, ItemBody, ItemChange, ItemsBody
from service.schemas.search import Problem, SearchBody, SearchesBody, without_empty

ABOUT = "Finds the product that is like this image, but … Failures are problem details (RFC 9457)."
TEMPLATE = "#/components/schemas/{model}"
DOCUMENT = TypeAdapter(dict[str, JsonValue])
FORM: JsonValue = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "the reference image file"},
        "text": {"type": "string", "description": "the change to the image"},
        "k": {"type": "integer", "default": 20, "minimum": 1},
        "query": {"type": "object", "description": "all other fields of SearchBody, as JSON"},
    },
}  # fmt: skip
MERGE_PATCH = ("application/json", "application/merge-patch+json")


def _json_body(model: str, media_types: Sequence[str] = ("application/json",)) -> dict[str, JsonValue]:
    schema: JsonValue = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    return {"required": True, "content": dict.fromkeys(media_types, schema)}


def _object(parent: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    child = parent.setdefault(name, {})
    assert isinstance(child, dict)
    return child


def _with_form(body: dict[str, JsonValue], form: JsonValue, *, part: str) -> dict[str, JsonValue]:
    """Return a body that may also be a form, with one part of JSON."""
    content = {**_object(body, "content")}
    content["multipart/form-data"] = {"schema": form, "encoding": {part: {"contentType": "application/json"}}}
    return {**body, "content": content}


SEARCH_BODY = _with_form(_json_body("SearchBody"), FORM, part="query")
ITEM_FORM: JsonValue = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {
            "type": "array", "maxItems": MAX_IMAGES, "items": {"type": "string", "format": "binary"},
            "description": "the image files of the item, the first one first: a part for each",
        },
        "attributes": {"type": "object", "description": "as in ItemBody, as JSON"},
    },
}  # fmt: skip
ITEMS_FORM: JsonValue = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/ItemChange"}}},
    "additionalProperties": {
        "type": "array", "maxItems": MAX_IMAGES, "items": {"type": "string", "format": "binary"},
        "description": "the image files of the item of that id, the first one first: a part for each",
    },
}  # fmt: skip
TABLE_TYPES = (
    "text/csv", "text/tab-separated-values", "application/x-ndjson", "application/xml",
    "application/vnd.apache.parquet",
)  # fmt: skip
TABLE: JsonValue = {"schema": {"type": "string", "format": "binary", "description": "the table or feed itself"}}
INDEX_BODY: dict[str, JsonValue] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/IndexBody"}},
        **dict.fromkeys(TABLE_TYPES, TABLE),
    },
}
SEARCHES_BODY = _json_body("SearchesBody")
INDEX_PARAMETERS: list[JsonValue] = [
    {
        "name": "map", "in": "query", "schema": {"type": "array", "items": {"type": "string"}},
        "description": "for a table as the body: NAME=COLUMN, as image=image_link; repeatable",
    },
    {
        "name": "max_loss", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "description": "for a table as the body: as the field of IndexBody",
    },
]  # fmt: skip
ITEM_BODY = _with_form(_json_body("ItemBody"), ITEM_FORM, part="attributes")
PATCH_BODY = _with_form(_json_body("ItemBody", MERGE_PATCH), ITEM_FORM, part="attributes")
ITEMS_BODY = _with_form(_json_body("ItemsBody"), ITEMS_FORM, part="items")
PROBLEM: JsonValue = {
    "description": "A failure, as problem details (RFC 9457).",
    "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


@dataclass(frozen=True, slots=True)
class Examples:
    """Values for the examples, so that each example runs as it is; None if there is no such value yet."""

    item: GalleryItem | None = None
    source: str | None = None
    job_id: str | None = None


class Documents:
    """The OpenAPI document for each role of callers; made again, in a thread, only if its examples change."""

    def __init__(self) -> None:
        self._documents: dict[Role | None, tuple[Examples, dict[str, JsonValue]]] = {}
        self._lock = asyncio.Lock()  # one at a time, for any number of callers

    async def get(
        self, routes: Sequence[BaseRoute], examples: Examples, *, role: Role | None, root_path: str
    ) -> dict[str, JsonValue]:
        """Return the document of these routes, with these examples, for callers of this role; None: without a key."""
        async with self._lock:
            before, api = self._documents.get(role, (None, {}))
            if before != examples:
                api = await asyncio.to_thread(document, routes, examples)
                self._documents[role] = examples, api
        return {**api, "servers": [{"url": root_path}]} if root_path else api


def document(routes: Sequence[BaseRoute], examples: Examples) -> dict[str, JsonValue]:
    """Return the document of these routes, with these examples."""
    api = DOCUMENT.validate_python(
        get_openapi(title="Likebut", version=metadata.version("likebut"), description=ABOUT, routes=routes)
    )
    schemas = _object(_object(api, "components"), "schemas")
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own errors, which this service never sends
        schemas.pop(name, None)
    for model in (SearchBody, SearchesBody, IndexBody, ItemBody, ItemChange, ItemsBody, Problem):
        schema = model.model_json_schema(ref_template=TEMPLATE)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    searches = _object(_object(schemas, "SearchesBody"), "properties")  # validated one by one, so the model has no type
    _object(searches, "searches")["items"] = {"$ref": TEMPLATE.format(model="SearchBody")}
    changes = _object(_object(schemas, "ItemsBody"), "properties")
    _object(changes, "items")["items"] = {"$ref": TEMPLATE.format(model="ItemChange")}
    item_id = None
    if examples.item is not None:
        item_id = examples.item.id
        attributes: dict[str, JsonValue] = {
            name: [*value] if isinstance(value, list) else value
            for name, value in without_empty(examples.item.attributes).items()
        }
        _object(schemas, "ItemBody")["examples"] = [{"attributes": attributes}]
        _object(schemas, "ItemsBody")["examples"] = [{"items": [{"id": item_id, "attributes": attributes}]}]
        changed: JsonValue = {"image": {"item_id": item_id}, "text": "in red", "k": 10}
        body = _object(schemas, "SearchBody")
        plain = body["examples"]
        assert isinstance(plain, list)
        body["examples"] = [changed, *plain]
    if examples.source is not None:
        _object(schemas, "IndexBody")["examples"] = [{"source": examples.source}]
    for name, path in _object(api, "paths").items():
        assert isinstance(path, dict)
        for operation in path.values():
            assert isinstance(operation, dict)
            _add_example(operation, examples.job_id if name.startswith("/index") else item_id)
            responses = _object(operation, "responses")
            responses.pop("422", None)
            responses["default"] = PROBLEM
    return api


def _add_example(operation: dict[str, JsonValue], id: str | None) -> None:
    """Adds an example to the parameter `id` of an operation."""
    parameters = operation.get("parameters", [])
    assert isinstance(parameters, list)
    for parameter in parameters:
        if isinstance(parameter, dict) and parameter["name"] == "id" and id is not None:
            parameter["example"] = id
