"""Contact sheet: many products in one image, each with its caption."""

import textwrap
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageDraw, ImageFont

from training.catalogue.draw.draw import draw
from training.catalogue.language.product_captions import caption
from training.catalogue.world.world import Product

_MARGIN = 10
_FONT_SIZE = 11
_LINE = 14
_LINES = 4
_LETTER = 6.2  # average width of a letter in pixels


def contact_sheet(products: Sequence[Product], *, columns: int, size: int) -> Image.Image:
    """Arrange the products row by row, each drawn at `size` with up to four lines of its caption below."""
    rows = -(-len(products) // columns)
    cell = (size + _MARGIN, size + _MARGIN + _LINES * _LINE)
    sheet = Image.new("RGB", (columns * cell[0] + _MARGIN, rows * cell[1] + _MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for place, product in enumerate(products):
        left = _MARGIN + place % columns * cell[0]
        top = _MARGIN + place // columns * cell[1]
        sheet.paste(Image.fromarray(draw(product, size=size)), (left, top))
        text = caption(product, Random(f"{product.id}/contact sheet")).text
        lines = textwrap.wrap(text, width=int(size / _LETTER), max_lines=_LINES, placeholder=" …")
        for number, line in enumerate(lines):
            pen.text((left, top + size + 2 + number * _LINE), line, fill="#444444", font=font)
    return sheet
