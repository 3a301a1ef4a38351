"""Changes of items in the body of a request: put, merged or deleted, each with its own problem."""

import json
import math
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import ValidationError

from index.edits import Edit, Problem, Put
from index.sources.cells import is_utf8
from index.storage.changes import Delete
from models.errors import InputError
from service.errors import BadRequest, BodyTooLarge, Unusable, invalid_body
from service.http.state import AppState
from service.schemas.gallery import ItemBody, ItemChange, ItemResult, ItemsAnswer, ItemsBody
from service.schemas.search import Image

MAX_PARTS = 500_000  # members and values in one body: each costs memory
MAX_DIGITS = 4000  # of a whole number: Python reads no longer ones
Kind = TypeVar("Kind", ItemBody, ItemChange)


@dataclass(frozen=True, slots=True)
class RefusedObject:
    """Stands for a JSON object with a key that cannot be kept as it is, so that only its own item is refused."""

    key: str
    cause: str
    id: object  # the item's, if it was read before


def put(id: str, posted: bytes | bytearray, state: AppState, *, merge: bool) -> Put:
    """Return the put of one item; raises InputErrors for every mistake that a body can contain."""
    if not id:
        raise _unusable("id", "empty: give the item an id")
    body = _validated(ItemBody, _json(posted))
    return Put(id, _image(body.image, state), body.attributes, merge)


def change_all(posted: bytes | bytearray, state: AppState) -> ItemsAnswer:
    """Applies each change of a body and returns its result; raises InputErrors if the body is not a list of changes."""
    try:
        entries = ItemsBody.model_validate(_object(_json(posted))).items
    except ValidationError as error:
        raise invalid_body(error) from error
    edits: dict[int, Edit] = {}
    problems: dict[int, Problem | None] = {}
    for number, entry in enumerate(entries):
        try:
            edits[number] = _edit(_validated(ItemChange, entry), state)
        except InputError as error:
            problems[number] = error
    problems |= zip(edits, state.change(list(edits.values())), strict=True)
    return ItemsAnswer(
        results=[_result(entry, edits.get(number), problems[number]) for number, entry in enumerate(entries)]
    )


def _edit(change: ItemChange, state: AppState) -> Edit:
    if change.delete:
        return Delete(change.id)
    return Put(change.id, _image(change.image, state), change.attributes, change.merge)


def _result(entry: object, edit: Edit | None, problem: Problem | None) -> ItemResult:
    id = entry.id if isinstance(entry, RefusedObject) else entry.get("id") if isinstance(entry, dict) else None
    status: Literal["put", "patched", "deleted", "failed"] = "failed"
    if problem is None:
        status = "deleted" if not isinstance(edit, Put) else "patched" if edit.merge else "put"
    shown = id if isinstance(id, str) and is_utf8(id) else None
    return ItemResult(id=shown, status=status, detail=None if problem is None else str(problem))


def _json(data: bytes | bytearray) -> object:
    """Return decoded JSON; raises BadRequest if it is none, and BodyTooLarge if it may have too many parts."""
    if data.count(b":") + data.count(b",") > MAX_PARTS:
        raise BodyTooLarge(f"the body has more than {MAX_PARTS} members and values: send the items in several calls")
    try:
        decoded: object = json.loads(data.decode(), object_pairs_hook=_members, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not valid JSON ({error})") from error
    return decoded


def _members(pairs: list[tuple[str, object]]) -> dict[str, object] | RefusedObject:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            return RefusedObject(name, "given twice", members.get("id"))
        texts = [name, *(value if isinstance(value, list) else [value])]
        if not all(is_utf8(text) for text in texts if isinstance(text, str)):
            return RefusedObject(name, "half a character: write it again as whole text", members.get("id"))
        members[name] = value
    return members


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _validated(kind: type[Kind], given: object) -> Kind:
    members = _object(given)
    for name in ("image", "attributes"):
        _object(members.get(name), name)
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        raise invalid_body(error) from error


def _object(given: object, where: str = "") -> dict[str, object]:
    """Return a JSON object; raises Unusable for one that is refused, and for something else at the top."""
    if isinstance(given, RefusedObject):
        key = given.key.encode(errors="replace").decode()
        raise _unusable(f"{where}.{key}" if where else key, given.cause)
    if isinstance(given, dict):
        return given
    if where:
        return {}  # the schema refuses it, or it is left out
    raise Unusable("the change is not a JSON object: give an object with the fields of the item")


def _unusable(field: str, detail: str) -> Unusable:
    return Unusable(f"{field}: {detail}", fields=[{"field": field, "detail": detail}])


def _image(image: Image | None, state: AppState) -> bytes | None:
    data = None if image is None else image.data()
    if data is not None and len(data) > state.settings.max_image_bytes:
        raise BodyTooLarge(
            f"the image has {len(data)} bytes, more than {state.settings.max_image_bytes}: send a smaller one"
        )
    return data
