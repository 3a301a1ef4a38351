"""Changes of items in the body of a request, JSON or a form: put, merged or deleted, each with its own problem."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from pydantic import ValidationError

from index.edits import Edit, Put
from index.sources.cells import is_utf8
from index.sources.image_cells import MAX_IMAGES
from index.storage.changes import Delete
from models.errors import InputError, LikebutError
from service.errors import BadRequest, BodyTooLarge, Unusable, invalid_body
from service.http import multipart
from service.http.body import Posted
from service.http.multipart import FormLayout
from service.http.query_body import NO_URLS
from service.http.state import AppState
from service.schemas.gallery import MAX_ITEMS, ItemBody, ItemChange, ItemResult, ItemsAnswer, ItemsBody
from service.schemas.meant import invalid

MAX_PARTS = 500_000  # members and values in one body: each costs memory
MAX_DIGITS = 4000  # of a whole number: Python reads no longer ones
ITEM_FORM = FormLayout(
    ("attributes",),
    f"a form may have up to {MAX_IMAGES} files named image and the field attributes, a JSON object, once",
    'name a URL in a JSON body, as {"image": {"url": …}}',
    max_images=MAX_IMAGES,
)
ITEMS_FORM = FormLayout(
    ("items",),
    "a form has the field items, a JSON array of changes, or an object with it as items, and may have image files, each"
    " named as its item's id",
    'name a URL in items, as {"id": …, "image": {"url": …}}',
    by_id=True,
    max_images=MAX_IMAGES,
    max_parts=1 + MAX_ITEMS * MAX_IMAGES,
)
Kind = TypeVar("Kind", ItemBody, ItemChange)


@dataclass(frozen=True, slots=True)
class RefusedObject:
    """Stands for a JSON object with a key that cannot be kept as it is, so that only its own item is refused."""

    key: str
    cause: str
    id: object  # the item's, if it was read before


@dataclass(frozen=True, slots=True)
class Draft:
    """A change as it was sent; the images that it names by `urls`, by their number, are fetched before it is made."""

    edit: Edit
    urls: Mapping[int, str] = field(default_factory=dict)

    def with_images(self, fetched: Mapping[int, bytes]) -> "Draft":
        """Return the change with the images that were fetched, by their number."""
        assert isinstance(self.edit, Put) and self.edit.images is not None
        images = [fetched.get(number, image) for number, image in enumerate(self.edit.images)]
        return Draft(replace(self.edit, images=images))


@dataclass(slots=True)
class Drafts:
    """The changes of one call by their number, and the problems of those that cannot be made."""

    entries: Sequence[object]
    drafts: dict[int, Draft]
    problems: dict[int, LikebutError | None]

    def apply(self, state: AppState) -> ItemsAnswer:
        """Makes the changes in their order, and returns a result for each entry."""
        edits = {number: draft.edit for number, draft in self.drafts.items() if number not in self.problems}
        self.problems |= zip(edits, state.change(list(edits.values())), strict=True)
        return ItemsAnswer(
            results=[
                _result(entry, edits.get(number), self.problems[number]) for number, entry in enumerate(self.entries)
            ]
        )


def one(id: str, posted: Posted, state: AppState, *, merge: bool) -> Draft:
    """Return the put of one item; raises InputErrors for every mistake that a body can contain."""
    if not id:
        raise _unusable("id", "empty: give the item an id")
    if not posted.is_form:
        return _draft(id, _validated(ItemBody, _json(posted.data)), [], state, merge=merge)
    form = multipart.parse(posted.data, content_type=posted.content_type, layout=ITEM_FORM)
    members = {name: _json(text.encode(), name) for name, text in form.fields.items()}
    return _draft(id, _validated(ItemBody, members), form.images, state, merge=merge)


def many(posted: Posted, state: AppState) -> Drafts:
    """Return the changes of a body; raises InputErrors if the body is not a list of changes."""
    files: dict[str, list[bytes]] = {}
    if posted.is_form:
        form = multipart.parse(posted.data, content_type=posted.content_type, layout=ITEMS_FORM)
        files = form.images_by_id
        members: object = {name: _json(text.encode(), name) for name, text in form.fields.items()}
        if isinstance(members, dict) and isinstance(members.get("items"), dict):
            members = members["items"]  # generated clients send an object, since a list would be a part for each item
    else:
        members = _json(posted.data)
    try:
        entries = ItemsBody.model_validate(_object(members)).items
    except ValidationError as error:
        raise invalid_body(error) from error
    drafts: dict[int, Draft] = {}
    problems: dict[int, LikebutError | None] = {}
    for number, entry in enumerate(entries):
        try:
            change = _validated(ItemChange, entry)
            images = files.pop(change.id, [])
            if change.delete and not images:
                drafts[number] = Draft(Delete(change.id))
            elif change.delete:
                raise _unusable(change.id, "the form has an image of an item to delete: leave out the image")
            else:
                drafts[number] = _draft(change.id, change, images, state, merge=change.merge)
        except InputError as error:
            problems[number] = error
    ids = {entry.get("id") for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)}
    for name in files.keys() - ids:
        raise _unusable(name, "no change of items has this id: name each image part as its item's id")
    return Drafts(entries, drafts, problems)


def _draft(id: str, body: ItemBody, files: Sequence[bytes], state: AppState, *, merge: bool) -> Draft:
    """Return the put of an item, with the image files of a form if there are any."""
    given = body.pictures
    if files and given is not None:
        raise _unusable("image", "given twice: as a file of the form and in items")
    named = "image" if body.image is not None else "images"
    images, urls = [*files], dict[int, str]()
    for number, image in enumerate(given or ()):
        if image.url is not None:
            urls[number] = image.url
        images.append(image.data() or b"")
    if urls and state.downloader is None:
        raise Unusable(NO_URLS, fields=[{"field": f"{named}.url", "detail": NO_URLS}])
    largest = max(map(len, images), default=0)
    if largest > state.settings.max_image_bytes:
        raise BodyTooLarge(
            f"the image has {largest} bytes, more than {state.settings.max_image_bytes}: send a smaller one"
        )
    return Draft(Put(id, images or None, body.attributes, merge), urls)


def _result(entry: object, edit: Edit | None, problem: LikebutError | None) -> ItemResult:
    id = entry.id if isinstance(entry, RefusedObject) else entry.get("id") if isinstance(entry, dict) else None
    status: Literal["put", "patched", "deleted", "failed"] = "failed"
    if problem is None:
        status = "deleted" if not isinstance(edit, Put) else "patched" if edit.merge else "put"
    shown = id if isinstance(id, str) and is_utf8(id) else None
    return ItemResult(id=shown, status=status, detail=None if problem is None else str(problem))


def _json(data: bytes | bytearray, name: str = "the body") -> object:
    """Return decoded JSON; raises BadRequest if it is none, and BodyTooLarge if it may have too many parts."""
    if data.count(b":") + data.count(b",") > MAX_PARTS:
        raise BodyTooLarge(f"{name} has more than {MAX_PARTS} members and values: send the items in several calls")
    try:
        decoded: object = json.loads(data.decode(), object_pairs_hook=_members, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{name} is not valid JSON ({error})") from error
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
    for name, value in _nested(members):
        _object(value, name)
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        raise invalid(error, kind) from error


def _nested(members: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the fields of a change that are objects, with their names."""
    for name in ("image", "attributes"):
        yield name, members.get(name)
    several = members.get("images")
    for number, image in enumerate(several if isinstance(several, list) else []):
        yield f"images.{number}", image


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
