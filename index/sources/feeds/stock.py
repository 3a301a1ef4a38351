"""Words for yes and no, and for what is in stock, as true and false."""

from collections.abc import Mapping, Sequence

from index.sources.feeds.column_names import fold

YES_NO = {  # and in German, French and Spanish, as spreadsheet programs write true and false there
    "true": True, "false": False, "yes": True, "no": False, "wahr": True, "falsch": False, "ja": True, "nein": False,
    "vrai": True, "faux": False, "oui": True, "non": False, "verdadero": True, "falso": False, "sí": True,
}  # fmt: skip
AVAILABILITY = {  # as Google Merchant, schema.org and WooCommerce have it; what comes only later is not in stock
    "in stock": True, "instock": True, "limited availability": True, "out of stock": False, "outofstock": False,
    "sold out": False, "soldout": False, "preorder": False, "pre order": False, "backorder": False,
    "onbackorder": False, "available for order": False, "discontinued": False,
}  # fmt: skip
STOCK_NAMES = frozenset(  # of columns that say whether a product is in stock, folded
    {
        "in_stock", "instock", "in_stock?", "is_in_stock", "available", "is_available", "availability", "stock_status",
        "auf_lager", "lieferbar", "verfügbar", "verfügbarkeit", "en_stock", "disponible", "disponibilité",
        "disponibilidad",
    }
)  # fmt: skip
STOCK_WORDS = YES_NO | AVAILABILITY | {
    "1": True, "0": False, "y": True, "n": False, "available": True, "unavailable": False, "not available": False,
    "auf lager": True, "lieferbar": True, "nicht auf lager": False, "nicht lieferbar": False,
    "vorbestellt": False, "ausverkauft": False, "en stock": True, "épuisé": False, "rupture de stock": False,
    "si": True, "disponible": True, "agotado": False, "sin stock": False,
}  # fmt: skip


def words(name: str, values: Sequence[str]) -> Mapping[str, bool] | None:
    """Return the folded words of a column without empty cells by what they mean; None if it holds other words, too.

    A column of "no" or "non" alone may be text, as a country: it is one of booleans only if its name says so.
    """
    distinct: set[str] = set()
    for value in dict.fromkeys(values):  # most columns end at the first
        word = availability(value)
        if word not in STOCK_WORDS:
            return None
        distinct.add(word)
    if fold(name) in STOCK_NAMES:
        return STOCK_WORDS
    if distinct <= YES_NO.keys() and not distinct <= {"no", "non"}:
        return YES_NO
    return AVAILABILITY if distinct <= AVAILABILITY.keys() and distinct & {"in stock", "out of stock"} else None


def availability(cell: str) -> str:
    """Return a word in lower case, with spaces for underscores and hyphens."""
    return fold(cell.rpartition("schema.org/")[2] or cell).replace("_", " ")
