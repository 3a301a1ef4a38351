"""The attributes of a gallery that phrases may state facts about, with their values: kept current with its changes."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

from index.items.attribute_types import AttributeType
from index.items.attribute_types import text as as_text
from index.items.columns import Column, Columns
from index.items.values import Number, Scalar, SortedValues
from index.lexical.words import words
from index.sources.feeds.column_names import fold
from index.sources.feeds.prices import is_price_name
from index.sources.feeds.stock import STOCK_NAMES
from index.storage.contents import Contents
from index.storage.open_snapshot import OpenSnapshot
from index.storage.view import RowView

Role: TypeAlias = Literal["price", "stock", "brand", "audience", "size", "look", "kind"]
MOST_VALUES = 1_000  # of one attribute: with more of them, it is none to name values of
MOST_PRICES = 1_000  # of the changes that are looked at for the range of prices

# folded names, the preferred ones first
BRANDS = ("brand", "brand_name", "manufacturer", "vendor", "designer", "maker", "marke", "marque", "marca")
AUDIENCES = (
    "gender", "audience", "age_group", "department", "target_group", "target_audience", "sex", "geschlecht",
    "zielgruppe",
)  # fmt: skip
SIZES = ("size", "sizes", "clothing_size", "shoe_size", "größe", "größen", "taille", "tailles", "talla", "tallas")
PRICES = ("price", "current_price", "sale_price", "final_price", "preis", "prix", "precio", "prezzo")
FORMER_PRICES = (
    "msrp",
    "rrp",
    "uvp",
    "list_price",
    "regular_price",
    "original_price",
    "compare_at_price",
    "unit_price",
)
LOOKS = (
    "colour", "color", "colour_name", "color_name", "main_colour", "main_color", "farbe", "couleur", "pattern", "print",
    "muster", "motif", "material", "fabric",
)  # fmt: skip
KINDS = (
    "category", "categories", "product_type", "article_type", "garment", "kategorie", "produktart", "catégorie",
    "categoría",
)  # fmt: skip
NAMED: Sequence[tuple[Role, Sequence[str]]] = (
    ("brand", BRANDS), ("audience", AUDIENCES), ("size", SIZES), ("look", LOOKS),
    ("kind", KINDS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A value that a phrase may name, and the attribute that has it."""

    attribute: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class KnownValues:
    """The attributes that phrases may be about, and from folded words to values those of some kinds.

    `looks` are colours, patterns and materials, `kinds` the words for kinds of products, as "boots".
    """

    price: str | None
    price_range: tuple[Number, Number] | None
    stock: str | None
    brands: Mapping[str, Named]
    audiences: Mapping[str, Named]
    sizes: Mapping[str, Named]
    looks: Mapping[str, Named] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()


NOTHING_KNOWN = KnownValues(None, None, None, {}, {}, {})


class AttributeValues:
    """Reads the values of a snapshot once, and those of the changes when there are new ones."""

    def __init__(self, base: OpenSnapshot | None) -> None:
        """`base` is None if the items are not in a snapshot on disk: then no values are known."""
        self._base = Columns(0, {}, {}) if base is None else base.items.attributes
        self._lock = threading.Lock()
        self._snapshot: Mapping[str, Sequence[Scalar]] = {}
        self._known: tuple[object, KnownValues] | None = None

    def current(self, view: Contents) -> KnownValues:
        """Return the known values as of a view; what only former items had may be among them."""
        if not isinstance(view, RowView):
            return NOTHING_KNOWN
        types = dict(view.types)
        roles = {name: role for name, type in types.items() if (role := _role(name, type)) is not None}
        fresh = view.overlay.columns
        state = (
            tuple((name, types[name], len(fresh.get(name).values)) for name in roles) if view.overlay.count else roles
        )
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = state, self._read(roles, fresh if view.overlay.count else None)
            return self._known[1]

    def _read(self, roles: Mapping[str, Role], fresh: Columns | None) -> KnownValues:
        price = _preferred(roles, "price", PRICES)
        stock = _preferred(roles, "stock", ("in_stock",))
        named = {role: self._named(_preferred(roles, role, names), fresh) for role, names in NAMED}
        return KnownValues(
            price[0] if price else None,
            self._range(price[0], fresh) if price else None,
            stock[0] if stock else None,
            named["brand"],
            named["audience"],
            named["size"],
            named["look"],
            frozenset(word for kind in named["kind"] for word in kind.split()),
        )

    def _named(self, names: Sequence[str], fresh: Columns | None) -> dict[str, Named]:
        named: dict[str, Named] = {}
        for name in names:
            if name not in self._snapshot:
                values = list(_scalars(self._base.get(name)))
                self._snapshot = {**self._snapshot, name: values if len(values) <= MOST_VALUES else ()}
            more = [] if fresh is None else list(_scalars(fresh.get(name)))
            for value in (*self._snapshot[name], *more[:MOST_VALUES]):
                for key in spellings(as_text(value)):
                    named.setdefault(key, Named(name, value))
        return named

    def _range(self, name: str, fresh: Columns | None) -> tuple[Number, Number] | None:
        """Return the least and the most price, also of former items."""
        base = self._base.get(name).values
        ends = [base.value(0), base.value(len(base) - 1)] if isinstance(base, SortedValues) and len(base) else []
        if fresh is not None:
            more = fresh.get(name).values
            ends += [more.value(code) for code in range(min(len(more), MOST_PRICES))]
        numbers = [end for end in ends if isinstance(end, int | float)]
        return (min(numbers), max(numbers)) if numbers else None


def spellings(value: str) -> Iterator[str]:
    """Yield the folded words of a value, in each way to say it: with "and" for "&", too."""
    plain = " ".join(words(value))
    if plain:
        yield plain
    if "&" in value:
        yield " ".join(words(value.replace("&", " and ")))


@lru_cache(maxsize=4096)  # every search asks for those of all attributes
def _role(name: str, type: AttributeType | None) -> Role | None:
    folded = fold(name)
    if type in ("integer", "number") and is_price_name(name) and folded not in FORMER_PRICES:
        return "price"
    if type == "boolean" and folded in STOCK_NAMES:
        return "stock"
    if type in ("text", "list of texts"):
        return next((role for role, names in NAMED if folded in names), None)
    return "size" if type == "integer" and folded in SIZES else None


def _preferred(roles: Mapping[str, Role], role: Role, names: Sequence[str]) -> list[str]:
    """Return the attributes of a role, the preferred one first."""
    order = {name: place for place, name in enumerate(names)}
    own = [name for name, other in roles.items() if other == role]
    return sorted(own, key=lambda name: order.get(fold(name), len(order)))


def _scalars(column: Column) -> Iterator[Scalar]:
    """Yield the distinct values of a column, each text of its lists by itself, and one more than are used."""
    values = column.values if column.type != "list of texts" else column.values.members().texts
    for code in range(min(len(values), MOST_VALUES + 1)):
        value = values.value(code)
        if value is not None and not isinstance(value, list):
            yield value
