"""Strips of images: positions, frames, and missing images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.errors import InputError
from training.evaluation import strips
from training.evaluation.strips import Example

COLOURS = {"reference": "red", "target": "lime", "other": "blue", "more": "yellow", "wrong": "black"}
ORANGE, GREEN, WHITE = (0xC7, 0x77, 0x00), (0x2E, 0x8B, 0x57), (255, 255, 255)
EXAMPLE = Example("reference", "in red", ("wrong", "other", "target"), ("target", "other"), "rank 3")


def show(name: str) -> Image.Image:
    if name not in COLOURS:
        raise InputError(f"no {name}")
    return Image.new("RGB", (60, 40), COLOURS[name])


def colours(sheet: Image.Image, example: int = 0) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the colours of each image in the row, at its centre and its frame."""
    step, height = strips.SIDE + 2 * strips._FRAME + strips._GAP, strips.SIDE + 2 * strips._FRAME
    top = strips._LINE + strips._GAP + example * (height + strips._LINE + strips._GAP)
    left = strips._GAP + step + strips._WORDS + strips._GAP
    places = [strips._GAP, *(left + place * step for place in range(strips.SHOWN))]
    places.append(places[-1] + step + 2 * strips._GAP)
    pixels = np.asarray(sheet)
    middles = [tuple(pixels[top + height // 2, place + height // 2].tolist()) for place in places]
    frames = [tuple(pixels[top + 1, place + height // 2].tolist()) for place in places]
    return list(zip(middles, frames, strict=True))


def test_reference_hits_and_target_are_in_place_and_answers_framed() -> None:
    found = colours(strips.sheet([EXAMPLE], show))
    red, black, blue, lime = (255, 0, 0), (0, 0, 0), (0, 0, 255), (0, 255, 0)
    assert found[:4] == [(red, WHITE), (black, WHITE), (blue, GREEN), (lime, ORANGE)]
    assert found[4:6] == [(WHITE, WHITE)] * 2  # there were three hits
    assert found[6] == (lime, ORANGE)


def test_each_example_is_a_row_of_its_own() -> None:
    other = Example("more", "longer", ("target",), ("target",), "rank 1")
    sheet = strips.sheet([EXAMPLE, other], show)
    assert colours(sheet, 1)[0][0] == (255, 255, 0) and colours(sheet, 1)[1] == ((0, 255, 0), ORANGE)
    assert sheet.height > strips.sheet([EXAMPLE], show).height + strips.SIDE


@pytest.mark.parametrize(
    ("change", "place"),
    [(lambda: Example("gone", "in red", (), (), ""), 0), (lambda: Example("more", "x", ("gone",), (), ""), 1)],
)
def test_a_picture_that_is_not_there_is_a_grey_field(change: Callable[[], Example], place: int) -> None:
    middle, _ = colours(strips.sheet([change()], show))[place]
    assert middle == (0xEE, 0xEE, 0xEE)


def test_a_query_without_reference_and_target_leaves_white_fields() -> None:
    found = colours(strips.sheet([Example("", "a red dress " * 40, ("other",), (), "")], show))
    assert found[0] == (WHITE, WHITE) and found[-1] == (WHITE, WHITE) and found[1][0] == (0, 0, 255)


def test_the_target_has_a_head_and_room_for_the_longest_label() -> None:
    hidden = replace(EXAMPLE, relevant=(), target="")
    left = strips._GAP + (strips.SHOWN + 1) * (strips.SIDE + 2 * strips._FRAME + strips._GAP) + strips._WORDS
    heads = [np.asarray(strips.sheet([each], show))[: strips._LINE + strips._GAP, left:] for each in (EXAMPLE, hidden)]
    assert (heads[0] < 255).any() and (heads[1] == 255).all()
    long = replace(EXAMPLE, target="rank 123403, 21 answers")  # of CIRCO, the longest that occurs
    assert (np.asarray(strips.sheet([long], show))[:, -1] == 255).all()


def test_pictures_keep_their_shape_whatever_it_is() -> None:
    tall = strips.sheet([EXAMPLE], lambda name: Image.new("RGB", (1, 4_000), COLOURS[name]))
    assert tall.size == strips.sheet([EXAMPLE], show).size
