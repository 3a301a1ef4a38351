"""Other names that shops give to the columns id, image, title, price, brand and in_stock, to propose a map."""

import shlex
from collections.abc import Callable, Collection, Sequence

LIKELY = {  # folded, the likeliest first
    "id": (
        "sku", "product_id", "productid", "item_id", "article_number", "product_number", "item_number", "handle",
        "artikelnummer", "artikelnr", "artikel_nr", "art._nr.", "produktnummer", "produkt_id", "artikel_id",
        "référence", "reference", "ref", "réf", "id_produit", "identifiant", "ugs", "referencia", "código", "codigo",
        "id_producto", "code", "nr", "no", "number", "ean", "gtin",
    ),
    "image": (
        "image_url", "image_link", "image_src", "imageurl", "image_path", "img", "img_url", "picture",
        "picture_url", "photo", "photo_url", "main_image", "thumbnail", "file", "filename", "path", "url_image",
        "bild", "bilder", "bildlink", "bild_url", "foto", "hauptbild", "image_principale", "lien_image", "imagen",
        "imágenes", "imagen_url", "enlace_imagen",
    ),
    "title": (
        "name", "product_name", "product_title", "titel", "bezeichnung", "produktname", "artikelname", "nom", "titre",
        "désignation", "libellé", "nombre", "título",
    ),
    "price": ("regular_price", "price_eur", "price_usd", "preis", "verkaufspreis", "prix", "tarif", "precio"),
    "brand": ("vendor", "manufacturer", "maker", "marke", "hersteller", "marque", "fabricant", "marca", "fabricante"),
    "in_stock": (
        "stock_status", "availability", "available", "instock", "auf_lager", "verfügbarkeit", "lieferbar", "vorrätig",
        "en_stock", "disponibilité", "disponible", "disponibilidad",
    ),
}  # fmt: skip


def proposed(missing: Collection[str], present: Sequence[str], fold: Callable[[str], str]) -> str:
    """Return the options --map NAME=COLUMN for the missing names that a column may be meant by; "" if there is none."""
    folded: dict[str, str] = {}
    for name in present:
        folded.setdefault(fold(name), name)
    columns = {name: next((folded[likely] for likely in LIKELY[name] if likely in folded), "") for name in missing}
    return " ".join(f"--map {shlex.quote(f'{name}={column}')}" for name, column in columns.items() if column)
