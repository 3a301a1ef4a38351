"""The base of all request bodies."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

ANNOTATIONS = frozenset({"default", "description", "examples", "title"})  # of a member of a JSON schema


class RequestBody(BaseModel):
    """Body of a request: strict and without unknown fields; null for an optional field means that it is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    OPTIONAL_TEXTS: ClassVar[frozenset[str]] = frozenset()  # fields for which an empty text means the same

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, members: object) -> object:
        if not isinstance(members, dict):
            return members
        fields = cls.model_fields
        return {
            name: value
            for name, value in members.items()
            if not (value is None and name in fields and not fields[name].is_required())
            and not (value == "" and name in cls.OPTIONAL_TEXTS)
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema that says so, too."""
        schema = handler.resolve_ref_schema(handler(core))
        for name, member in schema.get("properties", {}).items():
            if name in schema.get("required", ()):
                continue
            constraints = {key: member.pop(key) for key in list(member) if key not in ANNOTATIONS}
            options = constraints.get("anyOf", [constraints])
            if name in cls.OPTIONAL_TEXTS:
                for option in options:
                    option.pop("minLength", None)
            member["anyOf"] = options if {"type": "null"} in options else [*options, {"type": "null"}]
        return schema
