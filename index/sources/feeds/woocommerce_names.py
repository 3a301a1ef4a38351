"""Names of the columns of WooCommerce's product export, which are written in the language of the shop's back end."""

import re

from index.sources.feeds.column_names import fold

ENGLISH = {  # folded names of exports in German, French and Spanish, formal and informal
    "typ": "type", "tipo": "type",
    "artikelnummer": "sku", "art._nr.": "sku", "ugs": "sku", "référence": "sku", "referencia": "sku",
    "nom": "name", "nombre": "name",
    "veröffentlicht": "published", "publié": "published", "publicado": "published",
    "sichtbarkeit_im_katalog": "visibility_in_catalog", "katalogsichtbarkeit": "visibility_in_catalog",
    "visibilité_dans_le_catalogue": "visibility_in_catalog", "visibilidad_en_el_catálogo": "visibility_in_catalog",
    "kurzbeschreibung": "short_description", "description_courte": "short_description",
    "descripción_corta": "short_description", "beschreibung": "description", "descripción": "description",
    "vorrätig": "in_stock", "auf_lager": "in_stock", "lagerstatus": "in_stock", "en_stock": "in_stock",
    "existencias": "in_stock", "en_inventario": "in_stock", "hay_existencias": "in_stock",
    "lager": "stock", "bestand": "stock", "lagerbestand": "stock", "inventaire": "stock", "inventario": "stock",
    "angebotspreis": "sale_price", "tarif_promo": "sale_price", "prix_promo": "sale_price",
    "prix_de_vente": "sale_price", "precio_rebajado": "sale_price", "precio_de_oferta": "sale_price",
    "regulärer_preis": "regular_price", "normaler_preis": "regular_price", "tarif_régulier": "regular_price",
    "prix_régulier": "regular_price", "prix_de_base": "regular_price", "precio_normal": "regular_price",
    "precio_regular": "regular_price",
    "kategorien": "categories", "catégories": "categories", "categorías": "categories",
    "schlagwörter": "tags", "étiquettes": "tags", "etiquetas": "tags",
    "bilder": "images", "imágenes": "images",
    "übergeordnetes_produkt": "parent", "übergeordnet": "parent", "eltern": "parent", "superior": "parent",
    "marken": "brands", "marques": "brands", "marcas": "brands", "marke": "brands", "marque": "brands",
    "marca": "brands", "brand": "brands",
}  # fmt: skip
ATTRIBUTE_NAME = re.compile(r"attribute?_([0-9]+)_name|nom_de_l'attribut_([0-9]+)|nombre_del_atributo_([0-9]+)")
ATTRIBUTE_VALUES = re.compile(
    r"attribute?_([0-9]+)_(?:value|wert)\S*|valeur\S*_de_l'attribut_([0-9]+)|valor\S*_del_atributo_([0-9]+)"
)


def english(name: str) -> str:
    """Return the name that a column has in an English export, folded and without the question mark."""
    folded = fold(name).replace("’", "'").strip("_?¿")
    if folded.startswith("gtin,_upc"):  # GTIN, UPC, EAN, or ISBN
        return "gtin"
    for pattern, target in ((ATTRIBUTE_NAME, "attribute_{}_name"), (ATTRIBUTE_VALUES, "attribute_{}_value(s)")):
        if match := pattern.fullmatch(folded):
            return target.format(next(number for number in match.groups() if number))
    return ENGLISH.get(folded, folded)
