"""Strips of images that show queries and their answers: the reference, the text, the first hits, the target."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from models.errors import InputError

Show = Callable[[str], Image.Image]  # an image by its name; raises InputError if there is none

SIDE = 112  # of an image, in pixels
SHOWN = 5  # hits per query
_GAP = 8
_FRAME = 4
_WORDS = 150  # width of the text
_FONT, _LINE, _LETTER = 12, 15, 6.4  # size, height and a letter's mean width, in pixels
_INK, _PALE, _RIGHT, _TARGET = "#222222", "#777777", "#2e8b57", "#c77700"


@dataclass(frozen=True, slots=True)
class Example:
    """One query and its answer."""

    reference: str  # "" if the query has none
    text: str
    hits: tuple[str, ...]  # best first
    relevant: tuple[str, ...]  # the first is the target; empty if only the test server has the targets
    target: str  # label of the target, "rank 7"


def sheet(examples: Sequence[Example], show: Show) -> Image.Image:
    """Arrange the examples one below the other; correct hits are framed, the target is at the end."""
    height = SIDE + 2 * _FRAME + _LINE + _GAP
    words = _GAP + SIDE + 2 * _FRAME + _GAP
    left = words + _WORDS + _GAP
    width = left + (SHOWN + 1) * (SIDE + 2 * _FRAME + _GAP) + 4 * _GAP  # "rank 123403, 21 answers" is the longest
    whole = Image.new("RGB", (width, height * len(examples) + _LINE + _GAP), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(_FONT)
    places = [left + place * (SIDE + 2 * _FRAME + _GAP) for place in range(SHOWN)]
    last = places[-1] + SIDE + 2 * _FRAME + 3 * _GAP
    heads = {_GAP: "reference", words: "wanted", left: f"the first {SHOWN}"}
    if any(example.relevant for example in examples):
        heads[last] = "target"
    for place, head in heads.items():
        pen.text((place, _GAP // 2), head, fill=_PALE, font=font)
    for row, example in enumerate(examples):
        top = _LINE + _GAP + row * height
        if example.reference:
            _paste(whole, example.reference, (_GAP, top), show, frame="white")
        room = (SIDE + 2 * _FRAME) // _LINE
        lines = textwrap.wrap(example.text, int(_WORDS / _LETTER), max_lines=room, placeholder=" …")
        for number, line in enumerate(lines):
            pen.text((words, top + number * _LINE), line, fill=_INK, font=font)
        for place, name in zip(places, example.hits, strict=False):  # there may be fewer than places
            _paste(whole, name, (place, top), show, frame=_frame(example, name))
        if example.relevant:
            _paste(whole, example.relevant[0], (last, top), show, frame=_TARGET)
            pen.text((last, top + SIDE + 2 * _FRAME), example.target, fill=_INK, font=font)
    return whole


def _frame(example: Example, name: str) -> str:
    if name not in example.relevant:
        return "white"
    return _TARGET if name == example.relevant[0] else _RIGHT


def _paste(whole: Image.Image, name: str, place: tuple[int, int], show: Show, *, frame: str) -> None:
    """Paste the image in a frame; if it is missing, a grey field that says so."""
    field = Image.new("RGB", (SIDE, SIDE), "#eeeeee")
    try:
        shown = ImageOps.contain(show(name), (SIDE, SIDE))
        field.paste(shown, ((SIDE - shown.width) // 2, (SIDE - shown.height) // 2))
    except InputError:
        font = ImageFont.load_default(_FONT)
        ImageDraw.Draw(field).text((_GAP, SIDE // 2 - _LINE), "no image", fill=_PALE, font=font)
    whole.paste(ImageOps.expand(field, _FRAME, frame), place)
