"""Draw garments from the waist down: skirt, trousers, shorts."""

from collections.abc import Mapping
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import Fabric, seam, trim
from training.catalogue.draw.tailoring import belt, buttons, folds, placket
from training.catalogue.world.world import Product


def _skirt(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    wide = look["fit"] == "wide"
    top, bottom = 10.0, {"short": 42.0, "medium": 66.0, "long": 93.0}[look["length"]]
    spread = {"short": 31.0, "medium": 37.0, "long": 42.0}[look["length"]] if wide else 18.5
    left, sag = 50 - spread, 5.0 if wide else 1.5
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = top + (bottom - top) * (0.70 if wide else 0.62)
    if wide:
        d = f"M34 {top + 4} L{left} {bottom} Q50 {bottom + 2 * sag} {100 - left} {bottom} L66 {top + 4} Z"
    else:
        d = (
            f"M34 {top + 4} Q29.5 {top + 14} 30 {top + 24} L{left + 1} {bottom} "
            f"Q50 {bottom + sag} {99 - left} {bottom} L70 {top + 24} Q70.5 {top + 14} 66 {top + 4} Z"
        )
    canvas.cloth(d, fabric)
    if wide:
        _pleats(canvas, fabric, d, top=top + 6, bottom=bottom, spread=spread)
    else:
        folds(canvas, fabric, d, random, top=top + 8, bottom=bottom, half=18)
        canvas.line(f"M50 {bottom - 9} L50 {bottom + 0.5}", seam(fabric), width=1.0)
    edge = f"M{left + 1} {bottom - 2.4} Q50 {bottom + 2 * sag - 3} {99 - left} {bottom - 2.4}"
    canvas.line(edge, seam(fabric), width=0.5, alpha=0.6)
    if look["closure"] == "buttons":
        placket(canvas, fabric, top=top + 4, bottom=bottom + sag - 0.6, half=3.6)
    _waistband(canvas, fabric, left=33.5, top=top, height=6.0)
    if look["closure"] == "buttons":
        count = {"short": 4, "medium": 6, "long": 8}[look["length"]]
        buttons(canvas, fabric, x=50, top=top + 3.4, bottom=bottom - 2, count=count, radius=2.2)
    elif look["closure"] == "belt":
        belt(canvas, fabric, left=32.6, y=top + 2.6, height=7.0)


def _trousers(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    top, bottom = 7.0, {"medium": 72.0, "long": 94.0}[look["length"]]
    # The outer and the inner edge of the left leg at its hem, and the outer edge at the thigh.
    outer, inner, thigh = {"slim": (33.5, 43.0, 31.5), "regular": (29.0, 45.0, 29.0), "wide": (14.0, 46.5, 23.0)}[
        look["fit"]
    ]
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = top + (bottom - top) * 0.60
    _legs(canvas, fabric, random, top=top, crotch=38, bottom=bottom, waist=34, outer=outer, inner=inner, thigh=thigh)
    _front(canvas, fabric, waist=34.0, top=top, thigh=thigh, belted=look["closure"] == "belt")


def _shorts(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    top, bottom = 14.0, {"short": 46.0, "medium": 67.0}[look["length"]]
    outer, inner, thigh = {"slim": (28.0, 47.0, 25.5), "wide": (13.0, 47.5, 21.0)}[look["fit"]]
    canvas.nearer(1.18)  # the smallest of the garments
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = top + (bottom - top) * 0.60
    _legs(canvas, fabric, random, top=top, crotch=36, bottom=bottom, waist=28.5, outer=outer, inner=inner, thigh=thigh)
    _turn_ups(canvas, fabric, outer=outer, inner=inner, bottom=bottom)
    _front(canvas, fabric, waist=28.5, top=top, thigh=thigh, belted=look["closure"] == "belt")


def _legs(
    canvas: Canvas,
    fabric: Fabric,
    random: Random,
    *,
    top: float,
    crotch: float,
    bottom: float,
    waist: float,
    outer: float,
    inner: float,
    thigh: float,
) -> None:
    back = f"M{waist} {top} Q50 {top - 3} {100 - waist} {top} L{98 - waist} {top + 8} L{waist + 2} {top + 8} Z"
    canvas.cloth(back, fabric, shade=0.4)
    knee = (crotch + bottom) / 2
    leg = (
        f"M{waist} {top + 2} Q{thigh} {top + 14} {thigh} {crotch - 4} "
        f"Q{(thigh + outer) / 2} {knee} {outer} {bottom} Q{(outer + inner) / 2} {bottom + 1.6} {inner} {bottom} "
        f"Q{(48.5 + inner) / 2} {knee} 49.4 {crotch} L50 {top + 3} Z"
    )
    crease = f"M{(waist + 50) / 2} {top + 14} Q{(thigh + 50) / 2} {knee} {(outer + inner) / 2} {bottom - 4}"

    def one() -> None:
        canvas.cloth(leg, fabric)
        canvas.line(crease, seam(fabric), width=1.8, alpha=0.10)
        canvas.line(crease, seam(fabric), width=0.7, alpha=0.30)
        canvas.line(f"M{outer + 0.6} {bottom - 2.8} L{inner - 0.4} {bottom - 2.8}", seam(fabric), width=0.6, alpha=0.6)

    one()
    with canvas.mirrored():
        one()
    smile = "M44 {0} Q48 {1} 50 {1} Q52 {1} 56 {0}".format(crotch - 3, crotch + 1)
    canvas.line(smile, seam(fabric), width=0.8, alpha=0.35)
    canvas.line(f"M50 {top + 4} L50 {crotch}", seam(fabric), width=0.8)


def _turn_ups(canvas: Canvas, fabric: Fabric, *, outer: float, inner: float, bottom: float) -> None:
    top, end = bottom - 4.4, bottom + 0.6
    cuff = f"M{outer} {top} L{inner} {top} L{inner + 0.3} {end} L{outer - 0.8} {end} Z"
    canvas.cloth(cuff, fabric, shade=0.16)
    with canvas.mirrored():
        canvas.cloth(cuff, fabric, shade=0.16)


def _front(canvas: Canvas, fabric: Fabric, *, waist: float, top: float, thigh: float, belted: bool) -> None:
    _waistband(canvas, fabric, left=waist - 0.4, top=top + 0.6, height=5.4)
    pocket = f"M{waist + 6} {top + 6.4} Q{waist + 4} {top + 14} {(waist + thigh) / 2 - 0.6} {top + 15}"
    canvas.line(pocket, seam(fabric), width=0.9)
    with canvas.mirrored():
        canvas.line(pocket, seam(fabric), width=0.9)
    canvas.line(f"M53.6 {top + 6.4} L53.6 {top + 15} Q53 {top + 18.5} 50 {top + 19.5}", seam(fabric), width=0.7)
    if belted:
        belt(canvas, fabric, left=waist - 1.2, y=top + 2.4, height=7.0)


def _waistband(canvas: Canvas, fabric: Fabric, *, left: float, top: float, height: float) -> None:
    canvas.cloth(
        f"M{left} {top} Q50 {top + 2} {100 - left} {top} "
        f"L{100 - left} {top + height} Q50 {top + height + 2} {left} {top + height} Z",
        trim(fabric),
    )


def _pleats(canvas: Canvas, fabric: Fabric, d: str, *, top: float, bottom: float, spread: float) -> None:
    with canvas.within(d):
        for pleat in (-0.72, -0.44, -0.15, 0.15, 0.44, 0.72):
            line = f"M{50 + 15 * pleat:.1f} {top} L{50 + spread * pleat:.1f} {bottom + 8}"
            canvas.line(line, (0, 0, 0), width=2.6, alpha=0.10)
            canvas.line(line, seam(fabric), width=0.8, alpha=0.6)


DRAWINGS: Mapping[str, Drawing] = {"skirt": _skirt, "trousers": _trousers, "shorts": _shorts}
