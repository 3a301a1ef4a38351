"""Small exports of shop programs, written to their published specifications, for products with the images given."""

from collections.abc import Sequence
from pathlib import Path

GOOGLE_TSV = (
    "id\ttitle\tdescription\tlink\timage link\tadditional image link\tavailability\tprice\tsale price\tbrand\tgtin\n"
    "A1\tBlue dress\tA dress, blue.\thttps://shop.example/a1\t{0}\t{1},{2}\tin_stock\t1299.00 EUR\t999.50 EUR\tFjord"
    "\t04006381333931\n"
    "A2\tRed skirt\tA skirt\thttps://shop.example/a2\t{1}\t\tbackorder\t15.00 EUR\t\tFjord\t\n"
)
GOOGLE_RSS = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop</title><link>https://shop.example</link><description>All</description>
<item><g:id>A1</g:id><title>Dress</title><g:title>Blue dress</g:title>
<g:description><![CDATA[A dress, blue.]]></g:description>
<g:link>https://shop.example/a1</g:link><g:image_link>{0}</g:image_link>
<g:additional_image_link>{1}</g:additional_image_link><g:additional_image_link>{2}</g:additional_image_link>
<g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping>
<g:availability>in stock</g:availability><g:price>1299.00 EUR</g:price><g:sale_price>999.50 EUR</g:sale_price>
<g:brand>Fjord</g:brand><g:gtin>04006381333931</g:gtin></item>
<item><g:id>A2</g:id><title>Red skirt</title><description>A skirt</description><link>https://shop.example/a2</link>
<g:image_link>{1}</g:image_link><g:availability>backorder</g:availability><g:price>15.00 EUR</g:price>
<g:brand>Fjord</g:brand></item>
</channel></rss>
"""
GOOGLE_ATOM = """<?xml version="1.0" encoding="ISO-8859-1"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><g:id>A1</g:id><title>Blue dress</title><link href="https://shop.example/a1"/><g:image_link>{0}</g:image_link>
<g:availability>in stock</g:availability><g:price>1299.00 EUR</g:price><g:brand>Fjörd</g:brand></entry>
<entry><g:id>A2</g:id><title>Red skirt</title><link rel="alternate" href="https://shop.example/a2"/>
<g:image_link>{1}</g:image_link><g:availability>out of stock</g:availability><g:price>15.00 EUR</g:price>
<g:brand>Fjörd</g:brand></entry></feed>
"""
SHOPIFY = """Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,\
Option2 Name,Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,\
Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Position,Image Alt Text,SEO Title,\
Variant Image,Status
blue-dress,Blue dress,"<p>A dress,</p><p>blue &amp; light</p>",Fjord,Apparel > Dresses,Dress,"summer, linen",TRUE,\
Size,S,Color,Blue,BD-S,shopify,0,deny,1299.00,1500.00,,{1},2,back,,,active
blue-dress,,,,,,,,,M,,Blue,BD-M,shopify,3,deny,999.50,,,{0},1,front,,,
blue-dress,,,,,,,,,,,,,,,,,,,{2},3,detail,,,
red-skirt,Red skirt,A skirt,Fjord,,Skirt,,TRUE,Title,Default Title,,,RS,shopify,0,deny,15.00,,,{1},1,,,,active
old-hat,Old hat,,Fjord,,Hat,,TRUE,Title,Default Title,,,OH,,0,deny,5.00,,,{2},1,,,,draft
"""
WOOCOMMERCE = """ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,In stock?,\
Stock,Sale price,Regular price,Categories,Tags,Images,Parent,Attribute 1 name,Attribute 1 value(s),Attribute 1 visible
11,variable,BD,Blue dress,1,0,visible,<p>A dress</p>,Long,1,,,,"Clothing > Dresses, Sale","summer, linen\\, light",\
"{0}, {1}",,Size,"S, M",1
12,variation,BD-S,Blue dress - S,1,0,visible,,,0,0,,"1299,00",,,,id:11,Size,S,
13,variation,BD-M,Blue dress - M,1,0,visible,,,1,3,,"999,50",,,,BD,Size,M,
14,simple,RS,Red skirt,1,0,visible,,A\\nskirt,backorder,0,"12,00","15,00",Clothing,,{1},,,,
15,simple,OH,Old hat,-1,0,visible,,,1,,,"5,00",Clothing,,{2},,,,
"""


def write(path: Path, text: str, images: Sequence[str], encoding: str = "utf-8") -> Path:
    """Write the export with the addresses of three images in it."""
    for number, image in enumerate(images):
        text = text.replace(f"{{{number}}}", image)
    path.write_text(text, encoding=encoding)
    return path
