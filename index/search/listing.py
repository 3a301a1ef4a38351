"""Pages of a gallery's items in the order of their ids, which neither a change nor a new snapshot alters."""

from collections.abc import Callable

from index.items.filters import Filter
from index.items.items import GalleryItem
from index.storage.contents import Contents


def listed(
    contents: Contents, filter: Filter | None, *, after: str, limit: int, check: Callable[[], None]
) -> tuple[list[GalleryItem], int]:
    """Return the first items that pass the filter and whose ids follow `after`, and how many pass it in all.

    An item that exists from the first page to the last is on exactly one, whatever changes meanwhile. Raises
    InputError if the filter names an attribute that no item has; `check` raises if the work must end.
    """
    candidates = contents.candidates(filter, check)
    return [contents.item(row) for row in candidates.by_id(after, limit, check)], candidates.total
