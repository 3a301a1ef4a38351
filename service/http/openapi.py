"""The OpenAPI document: FastAPI's own, plus the bodies that routes read by hand, and problem details."""

import asyncio
import json
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
from service.schemas import filter_schema
from service.schemas.gallery import IndexBody, ItemBody, ItemChange, ItemsBody
from service.schemas.search import Problem, SearchBody, SearchesBody, without_empty

ABOUT = "Finds the product that is like this image, but … Failures are problem details (RFC 9457)."
TEMPLATE = "#/components/schemas/{model}"
DOCUMENT = TypeAdapter(dict[str, JsonValue])
SEARCH_FORM: JsonValue = {
    "type": "object",
    "description": "A search with an image file, as a multipart form.",
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "the reference image file"},
        "text": {"type": "string", "description": "the change to the image"},
        "k": {"type": "integer", "minimum": 1, "description": "number of hits"},
        "query": {
            "$ref": "#/components/schemas/SearchBody",
            "description": "all other fields, as JSON; beside an image file, its `image` may have a box only",
        },
    },
}
MERGE_PATCH = ("application/json", "application/merge-patch+json")


def _json_body(model: str, media_types: Sequence[str] = ("application/json",)) -> dict[str, JsonValue]:
    schema: JsonValue = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    return {"required": True, "content": dict.fromkeys(media_types, schema)}


def _object(parent: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    child = parent.setdefault(name, {})
    assert isinstance(child, dict)
    return child


def _with_form(body: dict[str, JsonValue], form: str, *, part: str) -> dict[str, JsonValue]:
    """Return a body that may also be a form, with one part of JSON."""
    content = {**_object(body, "content")}
    schema: JsonValue = {"$ref": f"#/components/schemas/{form}"}
    content["multipart/form-data"] = {"schema": schema, "encoding": {part: {"contentType": "application/json"}}}
    return {**body, "content": content}


SEARCH_BODY = _with_form(_json_body("SearchBody"), "SearchForm", part="query")
ITEM_FORM: JsonValue = {
    "type": "object",
    "description": "The new state of an item, or for PATCH what changes in it, as a multipart form.",
    "additionalProperties": False,
    "properties": {
        "image": {
            "type": "array", "maxItems": MAX_IMAGES, "items": {"type": "string", "format": "binary"},
            "description": "the image files of the item, the first one first: a part for each",
        },
        "attributes": {"$ref": "#/components/schemas/AttributeChanges", "description": "as in ItemBody, as JSON"},
    },
}  # fmt: skip
ITEMS_FORM: JsonValue = {
    "type": "object",
    "description": "Many changes, with image files, as a multipart form.",
    "required": ["items"],
    "properties": {
        "items": {"$ref": "#/components/schemas/ItemsBody", "description": "the changes, or only their list, as JSON"},
    },
    "additionalProperties": {
        "type": "array", "maxItems": MAX_IMAGES, "items": {"type": "string", "format": "binary"},
        "description": "the image files of the item of that id, the first one first: a part for each",
    },
}  # fmt: skip
TABLE_TYPES = (
    "text/csv", "text/tab-separated-values", "application/x-ndjson", "application/xml",
    "application/vnd.apache.parquet", "application/octet-stream",
)  # fmt: skip
TABLE_FORMATS = ("csv", "tsv", "jsonl", "xml", "parquet")  # for clients that know one content type for all files
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
        "name": "format", "in": "query", "schema": {"type": "string", "enum": [*TABLE_FORMATS]},
        "description": "for a table as the body, sent as application/octet-stream: its format",
    },
    {
        "name": "map", "in": "query", "schema": {"type": "array", "items": {"type": "string"}},
        "description": "for a table as the body: NAME=COLUMN, as image=image_link; repeatable",
    },
    {
        "name": "max_loss", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "description": "for a table as the body: as the field of IndexBody",
    },
]  # fmt: skip
ITEM_BODY = _with_form(_json_body("ItemBody"), "ItemForm", part="attributes")
PATCH_BODY = _with_form(_json_body("ItemBody", MERGE_PATCH), "ItemForm", part="attributes")
ITEMS_BODY = _with_form(_json_body("ItemsBody"), "ItemsForm", part="items")
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
    for name in schemas:  # those of responses, since requests are read by hand: each field is always there
        answer = _object(schemas, name)
        if "properties" in answer and name != Problem.__name__:
            answer["required"] = [*_object(answer, "properties")]
    for model in (SearchBody, SearchesBody, IndexBody, ItemBody, ItemChange, ItemsBody, Problem):
        schema = model.model_json_schema(ref_template=TEMPLATE)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    schemas.update({"SearchForm": SEARCH_FORM, "ItemForm": ITEM_FORM, "ItemsForm": ITEMS_FORM, **filter_schema.SCHEMAS})
    searches = _object(_object(schemas, "SearchesBody"), "properties")  # validated one by one, so the model has no type
    _object(searches, "searches")["items"] = {"$ref": TEMPLATE.format(model="SearchBody")}
    changes = _object(_object(schemas, "ItemsBody"), "properties")
    _object(changes, "items")["items"] = {"$ref": TEMPLATE.format(model="ItemChange")}
    schemas["AttributeChanges"] = _replaced(
        schemas, ("ItemBody", "ItemChange"), "AttributeChanges", "Attributes to write, by name; null for none."
    )
    schemas["Attributes"] = _replaced(
        schemas, ("ItemAnswer", "HitAnswer"), "Attributes", "The attributes that have a value, by name."
    )
    for name in schemas:
        if "properties" in _object(schemas, name):
            members = _object(_object(schemas, name), "properties")
            for member in members:
                _default_in_words(_object(members, member), _object(members, member))
            for member in members.keys() & {"filter", "last"}:  # index/items/filters.py validates them
                _type_filter(_object(members, member))
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
            _complete_parameters(operation, examples.job_id if name.startswith("/index") else item_id)
            responses = _object(operation, "responses")
            responses.pop("422", None)
            responses["default"] = PROBLEM
    return api


def _type_filter(field: dict[str, JsonValue]) -> None:
    """Replaces the schema of any JSON object by that of filters."""
    options = field.get("anyOf", [field])
    assert isinstance(options, list)
    for option in options:
        if isinstance(option, dict) and option.get("type") == "object":
            del option["type"], option["additionalProperties"]
            option["$ref"] = TEMPLATE.format(model="Filter")


def _replaced(schemas: dict[str, JsonValue], models: Sequence[str], name: str, description: str) -> JsonValue:
    """Replaces the schema of the attributes of these models by a reference of that name, and returns it.

    Clients then have one class for it, and not one for each model.
    """
    schema: dict[str, JsonValue] = {}
    for model in models:
        field = _object(_object(_object(schemas, model), "properties"), "attributes")
        options = field.get("anyOf", [field])
        assert isinstance(options, list) and isinstance(options[0], dict)
        keys = options[0].keys() & {"type", "additionalProperties", "propertyNames"}
        schema = {key: options[0].pop(key) for key in sorted(keys)}
        options[0]["$ref"] = TEMPLATE.format(model=name)
    return {**schema, "description": description}


def _complete_parameters(operation: dict[str, JsonValue], id: str | None) -> None:
    """Adds an example to the parameter `id` of an operation, and says the defaults of others in words."""
    parameters = operation.get("parameters", [])
    assert isinstance(parameters, list)
    for parameter in parameters:
        assert isinstance(parameter, dict)
        if parameter["name"] == "id" and id is not None:
            parameter["example"] = id
        _default_in_words(parameter, _object(parameter, "schema"))


def _default_in_words(member: dict[str, JsonValue], schema: dict[str, JsonValue]) -> None:
    """Moves the default of a schema into the description of the member or parameter that has it.

    Generators would have clients send each default, so that they keep those of an old version.
    """
    default = schema.pop("default", None)
    if default not in (None, "", [], {}):
        member["description"] = f"{member.get('description', '')}; default {json.dumps(default)}".removeprefix("; ")
