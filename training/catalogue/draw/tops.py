"""Draw garments of the upper body: t-shirt, shirt, sweater, hoodie."""

from collections.abc import Mapping
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.collars import band_collar, binding, hood, inside, opening, pointed_collar
from training.catalogue.draw.fabric import Fabric, contrast, seam, trim
from training.catalogue.draw.tailoring import body, buttons, chest_pocket, folds, hem, placket, ribbing, sleeve, zipper
from training.catalogue.world.world import Product

# Lengths in units down the arm, and heights of hems: far enough apart to tell them at a glance.
_REACH = {"short": 19.0, "three-quarter": 36.0, "long": 55.0}
_HEM = {"short": 54.0, "medium": 73.0, "long": 93.0}


def _t_shirt(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    bare, bottom = look["sleeve"] == "sleeveless", _HEM[look["length"]]
    neck = (38.5, 13.0)
    shoulder, armpit = ((34.5, 15.0), (29.0, 37.0)) if bare else ((30.0, 17.0), (29.0, 38.0))
    low = (27.5, bottom)
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 17 + (bottom - 17) * 0.60
    cut = opening(look["neckline"], neck=neck, drop=10.5)
    front = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=(30, bottom - 14), hem=low)
    if not bare:
        wide = 15.0 if look["sleeve"] == "short" else 9.5
        sleeve(canvas, fabric, shoulder=shoulder, armpit=armpit, reach=_REACH[look["sleeve"]], cuff=wide)
    inside(canvas, fabric, neck=neck, depth=38)
    canvas.cloth(front, fabric)
    if bare:
        _armholes(canvas, fabric, shoulder, armpit)
    folds(canvas, fabric, front, random, top=40, bottom=bottom, half=20)
    binding(canvas, fabric, cut, neck=neck, width=2.2)
    hem(canvas, fabric, hem=low)
    if look["pockets"] == "chest":
        chest_pocket(canvas, fabric, x=54.5, y=35)


def _shirt(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    wide, bottom = look["fit"] == "wide", 84.0
    neck = (41.0, 14.5)
    shoulder, armpit = ((24.0, 20.0), (22.5, 44.0)) if wide else ((33.5, 18.0), (34.0, 38.0))
    low, waist = ((18.5, bottom - 2), (21.5, 62)) if wide else ((35.0, bottom - 2), (36.5, 60))
    canvas.divide = 58
    cut = opening("v-neck", neck=neck, drop=4.5)
    front = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=waist, hem=low, sag=11)
    cuffs = {"short": 16.5, "three-quarter": 11, "long": 9.5} if wide else {"short": 11, "three-quarter": 8, "long": 7}
    sleeve(
        canvas,
        fabric,
        shoulder=shoulder,
        armpit=armpit,
        reach=_REACH[look["sleeve"]],
        cuff=cuffs[look["sleeve"]],
        lean=0.22 if wide else 0.36,
        rib=0.0 if look["sleeve"] == "short" else 5.0,
    )
    inside(canvas, fabric, neck=neck, depth=24)
    canvas.cloth(front, fabric)
    folds(canvas, fabric, front, random, top=42, bottom=bottom, half=26 if wide else 14)
    hem(canvas, fabric, hem=low, sag=11)
    placket(canvas, fabric, top=24, bottom=bottom + 3.2, half=3.2)
    if look["collar"] == "pointed":
        pointed_collar(canvas, fabric, neck=neck, point=(36.5, 30.0), meet=22.5)
    else:
        band_collar(canvas, fabric, neck=(neck[0], neck[1] + 1.5), height=5.0)
    buttons(canvas, fabric, x=50, top=28, bottom=80, count=6, radius=1.7)
    if look["pockets"] == "chest":
        chest_pocket(canvas, fabric, x=55.5 if wide else 54.2, y=38, width=13.5 if wide else 10.0)


def _sweater(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    bottom = _HEM[look["length"]] + 2
    neck = (40.0, 15.0)
    shoulder, armpit = (29.5, 18.0), (27.0, 41.0)
    band, low = (25.5, bottom - 7.5), (28.5, bottom)
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 17 + (bottom - 17) * 0.54
    reach, (cuff, rib) = _REACH[look["sleeve"]] + 2, (16.0, 5.0) if look["sleeve"] == "short" else (10.0, 7.5)
    sleeve(canvas, fabric, shoulder=shoulder, armpit=armpit, reach=reach, cuff=cuff, rib=rib)
    cut = opening("round" if look["neckline"] == "turtleneck" else look["neckline"], neck=neck, drop=9.5)
    front = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=(24.5, bottom - 16), hem=band)
    inside(canvas, fabric, neck=neck, depth=38)
    canvas.cloth(front, fabric)
    folds(canvas, fabric, front, random, top=42, bottom=bottom - 7, half=22)
    ribbing(canvas, fabric, top=band, bottom=low)
    if look["neckline"] == "turtleneck":
        _turtleneck(canvas, fabric)
        return
    binding(canvas, fabric, cut, neck=neck, width=3.6)
    canvas.line(f"M{100 - neck[0]} {neck[1]} {cut}", seam(fabric), width=0.5, alpha=0.6)


def _turtleneck(canvas: Canvas, fabric: Fabric) -> None:
    cloth = trim(fabric)
    roll = "M38.5 20 L40.5 5 Q50 2.8 59.5 5 L61.5 20 Q50 27.5 38.5 20 Z"
    canvas.cloth(roll, cloth)
    with canvas.within(roll):
        ribs = "".join(f"M{50 + rib * 2.2:.1f} 2 L{50 + rib * 2.45:.1f} 28 " for rib in range(-5, 6))
        canvas.line(ribs, seam(cloth), width=0.6, alpha=0.5)
    canvas.cloth("M40.5 5 Q50 1.6 59.5 5 Q50 8.4 40.5 5 Z", cloth, shade=0.5)
    canvas.cloth("M39.4 13 L40.5 5 Q50 8.6 59.5 5 L60.6 13 Q50 17.5 39.4 13 Z", cloth, shade=-0.10)


def _hoodie(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    bottom = {"short": 67.0, "medium": 92.0}[look["length"]]
    neck = (40.0, 25.0)
    shoulder, armpit = (28.5, 28.0), (26.5, 49.0)
    band, low = (25.0, bottom - 7), (28.0, bottom)
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 10 + (bottom - 10) * 0.62
    sleeve(canvas, fabric, shoulder=shoulder, armpit=armpit, reach=50, cuff=10.5, rib=7)
    front = body(neck=neck, opening="L40 25", shoulder=shoulder, armpit=armpit, waist=(24, bottom - 14), hem=band)
    canvas.cloth(front, fabric)
    folds(canvas, fabric, front, random, top=48, bottom=bottom - 8, half=22)
    ribbing(canvas, fabric, top=band, bottom=low)
    zipped = look["closure"] == "zip"
    if look["pockets"] == "kangaroo":
        _kangaroo(canvas, fabric, bottom=bottom - 6.5)
    hood(canvas, fabric, neck=neck, top=5, half=15)
    if zipped:
        zipper(canvas, fabric, top=35.5, bottom=bottom + 0.6)
    for side in (-1, 1):
        x, cord = 50 + side * 5, contrast(fabric)
        canvas.line(f"M{x} 33 Q{x + side * 2} 41 {x + side * 0.6} 49", cord, width=1.4)
        canvas.line(f"M{x + side * 0.6} 47 L{x + side * 0.6} 50", cord, width=2.4)


def _kangaroo(canvas: Canvas, fabric: Fabric, *, bottom: float) -> None:
    top, edge = bottom - 17, contrast(fabric)
    d = f"M38.5 {top} L61.5 {top} L70 {bottom - 6} L69 {bottom + 0.4} L31 {bottom + 0.4} L30 {bottom - 6} Z"
    canvas.cloth(d, fabric, shade=0.20)
    canvas.line(f"M38.5 {top} L61.5 {top}", edge, width=0.8, alpha=0.7)
    for path in (f"M38.5 {top} L30 {bottom - 6}", f"M61.5 {top} L70 {bottom - 6}"):
        canvas.line(path, edge, width=1.5, alpha=0.85)


def _armholes(canvas: Canvas, fabric: Fabric, shoulder: tuple[float, float], armpit: tuple[float, float]) -> None:
    (sx, sy), (ax, ay) = shoulder, armpit
    edge = f"M{sx} {sy} Q{ax + 1.5} {(sy + ay) / 2 + 2} {ax} {ay}"
    canvas.line(edge, trim(fabric).colour, width=1.6)
    with canvas.mirrored():
        canvas.line(edge, trim(fabric).colour, width=1.6)


DRAWINGS: Mapping[str, Drawing] = {"t-shirt": _t_shirt, "shirt": _shirt, "sweater": _sweater, "hoodie": _hoodie}
