"""Exports as shops really have them: other languages, quotes, continuation rows, metafields, prices of their locale."""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO

GOOGLE_TSV = (
    "id\ttitle\tdescription\tlink\timage link\tadditional image link\tavailability\tprice\tsale price effective date"
    "\tgtin\r\n"
    'S1\tKleid "Luna"\t<b>Leinen</b> &amp; Baumwolle, 27" lang\thttps://shop.example/1?a=1&b=2\t{0}\t{1},{2}\tin_stock'
    "\t1.299,00 EUR\t2026-11-01T00:00+0100/2026-12-01T00:00+0100\t04006381333931\r\n"
    "\r\n"
    'S2\t"Rock, lang"\t"A skirt with\ta tab, ""so""\r\nand two lines"\thttps://shop.example/2\t{1}\t'
    "\tout_of_stock\t49,90 EUR\t\t\r\n"
    'S3\t"Best" coat\tMantel\thttps://shop.example/3\t{2}\t\tpreorder\t89,00 EUR\t\t\r\n'
)
GOOGLE_GERMAN = (
    "ID\tTitel\tBildlink\tZusätzlicher Bildlink\tVerfügbarkeit\tPreis\tMarke\r\n"
    "S1\tKleid\t{0}\t{1}\tauf Lager\t1.299,00 EUR\tFjord\r\nS2\tRock\t{1}\t\tnicht auf Lager\t49,90 EUR\tFjord\r\n"
)

SHOPIFY_NAMES = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option1 Linked To", "Variant SKU", "Variant Inventory Tracker", "Variant Inventory Qty",
    "Variant Inventory Policy", "Variant Price", "Image Src", "Image Position",
    "Material (product.metafields.custom.material)", "Material (product.metafields.specs.material)",
    "Waterproof (product.metafields.custom.waterproof)", "Care (product.metafields.custom.care_guide)",
    "Color (product.metafields.shopify.color-pattern)", "Cost (variant.metafields.custom.cut)",
    "Related (product.metafields.shopify--discovery--product_recommendation.related_products)", "Status",
)  # fmt: skip
DRESS = {
    "Handle": "dress", "Title": "Dress", "Body (HTML)": "<p>A dress,<br>\nblue &amp; light</p>", "Vendor": "Fjord",
    "Tags": "summer, linen", "Published": "true", "Option1 Name": "Size", "Option1 Value": "S", "Variant SKU": "'007",
    "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "0", "Variant Inventory Policy": "deny",
    "Variant Price": "1299.00", "Image Src": "{0}", "Image Position": "1", SHOPIFY_NAMES[16]: "linen; cotton",
    SHOPIFY_NAMES[17]: "1.5", SHOPIFY_NAMES[18]: "FALSE", SHOPIFY_NAMES[20]: "blue; navy", SHOPIFY_NAMES[21]: "slim",
    SHOPIFY_NAMES[19]: '{"type":"root","children":[{"type":"text","value":"Wash \\"cold\\""}]}',
    SHOPIFY_NAMES[22]: "skirt", "Status": "active",
}  # fmt: skip
MORE = {
    "Handle": "dress", "Option1 Value": "M", "Variant SKU": "D-M", "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "-2", "Variant Inventory Policy": "deny", "Variant Price": "999.50",
    SHOPIFY_NAMES[21]: "wide", "Image Src": "{1}", "Image Position": "2",
}  # fmt: skip
PHOTO = {"Handle": "dress", "Image Src": "{2}", "Image Position": "3"}
SKIRT = {
    "Handle": "skirt", "Title": "Skirt", "Published": "true", "Option1 Name": "Title", "Option1 Value": "Default Title",
    "Variant Price": "15.00", "Image Src": "{1}", "Image Position": "1", SHOPIFY_NAMES[16]: "wool",
    SHOPIFY_NAMES[18]: "TRUE", "Status": "active",
}  # fmt: skip

WOOCOMMERCE_NAMES = {
    "de": "ID;Typ;Artikelnummer;GTIN, UPC, EAN oder ISBN;Name;Veröffentlicht;Ist hervorgehoben?;Sichtbarkeit im Katalog"
    ";Kurzbeschreibung;Beschreibung;Vorrätig?;Lager;Angebotspreis;Regulärer Preis;Kategorien;Schlagwörter;Bilder"
    ";Übergeordnetes Produkt;Marken;Attribut 1 Name;Attribut 1 Wert(e);Attribut 1 Sichtbar",
    "fr": "ID;Type;UGS;GTIN, UPC, EAN ou ISBN;Nom;Publié;Mis en avant\u00a0?;Visibilité dans le catalogue"
    ";Description courte;Description;En stock\u00a0?;Stock;Tarif promo;Tarif régulier;Catégories;Étiquettes;Images"
    ";Parent;Marques;Nom de l’attribut 1;Valeur(s) de l’attribut 1 ;Attribut 1 visible",
    "es": "ID;Tipo;SKU;GTIN, UPC, EAN o ISBN;Nombre;Publicado;¿Está destacado?;Visibilidad en el catálogo"
    ";Descripción corta;Descripción;¿Existencias?;Inventario;Precio rebajado;Precio normal;Categorías;Etiquetas"
    ";Imágenes;Superior;Marcas;Nombre del atributo 1;Valor(es) del atributo 1;Atributo visible 1",
    "en": "ID;Type;SKU;GTIN, UPC, EAN, or ISBN;Name;Published;Is featured?;Visibility in catalog;Short description"
    ";Description;In stock?;Stock;Sale price;Regular price;Categories;Tags;Images;Parent;Brands;Attribute 1 name"
    ";Attribute 1 value(s);Attribute 1 visible",
}
WOOCOMMERCE_ROWS = (
    "11;variable;KL;;Kleid;1;0;visible;<p>Aus Leinen</p>;;1;;;;Kleidung > Kleider, Sale;sommer;{0}, {1};;Fjord;Größe"
    ";S, M;1",
    "12;variation;KL-S;;Kleid - S;1;0;visible;;;0;0;;1.299,00 €;;;;id:11;;Größe;S;",
    "13;variation;KL-M;;Kleid - M;1;0;visible;;;1;5;899,00 €;999,00 €;;;{2};KL;;Größe;M;",
    "14;simple;0815;4006381333931;Rock;1;0;visible;;Rock;backorder;0;;49,90 €;Kleidung;;{1};;;;;",
)

OWN = (
    "SKU ; Name;BILD ;Preis;Größen;Auf Lager\r\nA 1;Kleid;{0};1.299,00 €;36|38;ja\r\nA 2;Rock;{1};49,90 €;S|M;nein\r\n"
)


def shopify() -> str:
    """Return a product export with several rows a product and metafields."""
    return _table(SHOPIFY_NAMES, [DRESS, MORE, PHOTO, SKIRT])


def woocommerce(language: str) -> str:
    """Return a product export in a language, as a spreadsheet program saves it."""
    return "\r\n".join((WOOCOMMERCE_NAMES[language], *WOOCOMMERCE_ROWS))


def _table(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
