"""Google Merchant's feed: a row or element an item."""

from collections.abc import Iterable, Iterator

from index.sources.feeds import stock
from index.sources.feeds.cell_types import Row
from index.sources.feeds.column_names import fold
from index.sources.feeds.html_text import plain
from models.csv_tables import Note

COLUMNS = {
    "id": "id", "image": "image_link", "in_stock": "availability", "availability": "availability",
    **{name: name for name in ("title", "description", "link", "price", "sale_price", "brand", "gtin", "mpn")},
    "images": "additional_image_link",
    **{name: name for name in ("condition", "color", "size", "gender", "material")},
    **{name: name for name in ("item_group_id", "google_product_category", "product_type", "age_group")},
}  # fmt: skip
TEXTS = frozenset({"availability", "gtin", "mpn", "item_group_id", "google_product_category"})
ENGLISH = {  # a file with tabs may have its names in another language; folded
    "titel": "title", "beschreibung": "description", "bildlink": "image_link", "verfügbarkeit": "availability",
    "zusätzlicher_bildlink": "additional_image_link", "preis": "price", "sonderangebotspreis": "sale_price",
    "marke": "brand", "zustand": "condition", "farbe": "color", "größe": "size", "geschlecht": "gender",
    "altersgruppe": "age_group", "artikelgruppennummer": "item_group_id", "produkttyp": "product_type",
    "google_produktkategorie": "google_product_category",
    "identifiant": "id", "titre": "title", "lien": "link", "lien_image": "image_link", "disponibilité": "availability",
    "lien_image_supplémentaire": "additional_image_link", "prix": "price", "prix_soldé": "sale_price",
    "marque": "brand", "état": "condition", "couleur": "color", "taille": "size", "sexe": "gender",
    "identifiant_groupe": "item_group_id", "catégorie_de_produits_google": "google_product_category",
    "identificador": "id", "título": "title", "descripción": "description", "enlace": "link",
    "enlace_imagen": "image_link", "enlace_imagen_adicional": "additional_image_link", "precio": "price",
    "disponibilidad": "availability", "precio_oferta": "sale_price", "marca": "brand", "estado": "condition",
    "talla": "size", "sexo": "gender",
}  # fmt: skip


def english(name: str) -> str:
    """Return the English name of a column, folded."""
    folded = fold(name)
    return ENGLISH.get(folded, folded)


def products(rows: Iterable[Row], note: Note) -> Iterator[Row]:
    """Yield the items of a feed with all their images; what can be bought only later is not in stock."""
    for row in rows:
        availability = row.get("in_stock")
        if isinstance(availability, str):
            meaning = stock.STOCK_WORDS.get(stock.availability(availability))
            row["in_stock"] = "" if meaning is None else "true" if meaning else "false"
        more = row.get("images")
        if isinstance(more, str):
            row["images"] = [part.strip() for part in more.split(",") if part.strip()]
        description = row.get("description")
        if isinstance(description, str):
            row["description"] = plain(description)
        yield row
