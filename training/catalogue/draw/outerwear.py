"""Draw outerwear: jacket and coat."""

from collections.abc import Mapping
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.collars import band_collar, hood, inside, lapels, opening, pointed_collar
from training.catalogue.draw.fabric import Fabric, seam
from training.catalogue.draw.tailoring import (
    belt,
    body,
    buttons,
    chest_pocket,
    folds,
    hem,
    placket,
    ribbing,
    side_pockets,
    sleeve,
    zipper,
)
from training.catalogue.world.world import Product


def _jacket(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    short = look["length"] == "short"
    bottom = 64.0 if short else 86.0
    neck = (40.0, 16.0)
    shoulder, armpit = (26.5, 20.0), (26.0, 42.0)
    low = (27.5, bottom - 7) if short else (26.0, bottom)
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 17 + (bottom - 17) * 0.60
    sleeve(canvas, fabric, shoulder=shoulder, armpit=armpit, reach=52, cuff=11.5, rib=4.5)
    cut = opening("v-neck", neck=neck, drop=3.6)
    front = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=(24.5, bottom - 16), hem=low)
    inside(canvas, fabric, neck=neck, depth=25)
    canvas.cloth(front, fabric)
    folds(canvas, fabric, front, random, top=44, bottom=bottom - 4, half=22)
    if short:
        ribbing(canvas, fabric, top=low, bottom=(29.5, bottom))
    else:
        hem(canvas, fabric, hem=low)
    start = {"pointed": 25.0, "band": 21.0, "lapel": 43.0}[look["collar"]]
    if look["closure"] == "zip":
        zipper(canvas, fabric, top=start, bottom=bottom + 0.6)
    else:
        placket(canvas, fabric, top=start - 1, bottom=bottom + 0.8, half=3.6)
        count = (3 if look["collar"] == "lapel" else 4) + (0 if short else 1)
        first = start + (4 if look["collar"] == "lapel" else 6)
        buttons(canvas, fabric, x=50, top=first, bottom=bottom - 4, count=count, radius=2.4)
    if look["pockets"] == "chest":
        for x in (31.0, 56.5):
            chest_pocket(canvas, fabric, x=x, y=35.5 if short else 40, width=12.5)
    elif look["pockets"] == "side":
        tall = 13.0 if short else 19.0
        side_pockets(canvas, fabric, x=29.5, y=(bottom - 8.5 if short else bottom - 5) - tall, width=15, height=tall)
    _collar(canvas, fabric, look["collar"], neck=neck, spread=8.5, meet=start)


def _coat(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    long, belted = look["length"] == "long", look["closure"] == "belt"
    bottom = 95.0 if long else 75.0
    rise = 6.0 if look["collar"] == "hood" else 0.0
    neck = (41.5, 13.0 + rise)
    shoulder, armpit = (32.0, 15.5 + rise), (33.0, 33.0 + rise / 2)
    low = (19.5, bottom) if long else (23.5, bottom)
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 14 + (bottom - 14) * 0.62
    sleeve(canvas, fabric, shoulder=shoulder, armpit=armpit, reach=40, cuff=10.5, lean=0.42, rib=3.5)
    cut = opening("v-neck", neck=neck, drop=3.3)
    front = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=(33.0, 50), hem=low, sag=3)
    inside(canvas, fabric, neck=neck, depth=22 + rise)
    canvas.cloth(front, fabric)
    folds(canvas, fabric, front, random, top=50, bottom=bottom, half=26)
    hem(canvas, fabric, hem=low, sag=3)
    meet = {"lapel": 40.0, "band": 18.0, "hood": 29.0}[look["collar"]]
    canvas.line(f"M50 {meet} L50 {bottom + 1.4}", seam(fabric), width=1.2)
    if look["pockets"] == "side":
        side_pockets(canvas, fabric, x=29.5, y=56, width=13, height=14 if not long else 17)
    _collar(canvas, fabric, look["collar"], neck=neck, spread=9.0, meet=meet)
    if belted:
        belt(canvas, fabric, left=32.4, y=48, height=6.4)
        return
    first = meet + 4 if meet < 36 else 45
    for x in (44.5, 55.5):  # double-breasted
        buttons(canvas, fabric, x=x, top=first, bottom=max(68.0, first + 14) if not long else 78, count=4, radius=2.3)


def _collar(
    canvas: Canvas, fabric: Fabric, kind: str, *, neck: tuple[float, float], spread: float, meet: float
) -> None:
    match kind:
        case "pointed":
            pointed_collar(canvas, fabric, neck=neck, point=(34.0, 33.5), meet=meet)
        case "band":
            band_collar(canvas, fabric, neck=(neck[0], neck[1] + 1), height=7.0)
        case "hood":
            hood(canvas, fabric, neck=neck, top=3.5, half=12.5)
        case _:
            lapels(canvas, fabric, neck=neck, spread=spread, meet=meet)


DRAWINGS: Mapping[str, Drawing] = {"jacket": _jacket, "coat": _coat}
