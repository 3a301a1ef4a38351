"""Draw dresses."""

from collections.abc import Mapping
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.collars import binding, inside, opening
from training.catalogue.draw.fabric import Fabric, seam, trim
from training.catalogue.draw.tailoring import body, folds, hem, sleeve
from training.catalogue.world.world import Product

_REACH = {"short": 13.0, "three-quarter": 27.0, "long": 44.0}
_HEM = {"short": 61.0, "medium": 78.0, "long": 95.0}
_DROP = {"round": 9.0, "v-neck": 11.5, "square": 15.0}
_WAIST = 41.0


def _dress(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    look = product.look
    bottom, kind, arm = _HEM[look["length"]], look["neckline"], look["sleeve"]
    canvas.lower((93 - bottom) * 0.35)
    canvas.divide = 12 + (bottom - 12) * (0.70 if look["fit"] == "wide" else 0.60)
    fallen = kind == "off-shoulder"
    neck, armpit = (38.5 if kind == "square" else 40.5, 8.0), (36.0, 28.0)
    shoulder = (35.5, 9.5) if arm == "sleeveless" else (34.5, 10.5)
    if arm != "sleeveless":
        wide = 12.0 if arm == "short" else 8.5
        start = (33.0, 19.0) if fallen else shoulder
        sleeve(canvas, fabric, shoulder=start, armpit=armpit, reach=_REACH[arm], cuff=wide, lean=0.40)
    if fallen:
        bodice = f"M35 21 L36.5 {_WAIST} L63.5 {_WAIST} L65 21 Z"
        canvas.cloth(bodice, fabric)
        _skirt_part(canvas, fabric, random, wide=look["fit"] == "wide", bottom=bottom)
        _ruffle(canvas, fabric, bare=arm == "sleeveless")
        return
    cut = opening(kind, neck=neck, drop=_DROP[kind])
    hem = (38.0, _WAIST + 1)
    bodice = body(neck=neck, opening=cut, shoulder=shoulder, armpit=armpit, waist=(38.5, 36), hem=hem, sag=0.5)
    inside(canvas, fabric, neck=neck, depth=36)
    canvas.cloth(bodice, fabric)
    _skirt_part(canvas, fabric, random, wide=look["fit"] == "wide", bottom=bottom)
    binding(canvas, fabric, cut, neck=neck, width=1.8)


def _skirt_part(canvas: Canvas, fabric: Fabric, random: Random, *, wide: bool, bottom: float) -> None:
    spread = 20 + (bottom - _WAIST) * 0.42 if wide else 14.0
    left, sag, top = 50 - spread, 5.0 if wide else 1.2, _WAIST
    edge = f"{left} {bottom} Q50 {bottom + sag} {100 - left} {bottom}"
    if wide:
        d = f"M38 {top} Q{left + 4} {bottom - 10} {edge} Q{96 - left} {bottom - 10} 62 {top} Z"
    else:
        d = f"M38 {top} Q34 {top + 9} 35 {top + 14} L{edge} L65 {top + 14} Q66 {top + 9} 62 {top} Z"
    canvas.cloth(d, fabric)
    if wide:
        with canvas.within(d):
            for pleat in (-0.62, -0.22, 0.22, 0.62):
                x, turn, end = (50 + reach * pleat for reach in (10, 12, spread))
                line = f"M{x:.1f} {top} Q{turn:.1f} {top + 12} {end:.1f} {bottom + 6}"
                canvas.line(line, (0, 0, 0), width=2.8, alpha=0.09)
                canvas.line(line, seam(fabric), width=0.7, alpha=0.5)
    else:
        folds(canvas, fabric, d, random, top=top + 2, bottom=bottom, half=13)
    hem(canvas, fabric, hem=(left, bottom), sag=sag)
    canvas.cloth(f"M37.6 {top - 1.5} L62.4 {top - 1.5} L62.4 {top + 1.8} L37.6 {top + 1.8} Z", trim(fabric))


def _ruffle(canvas: Canvas, fabric: Fabric, *, bare: bool) -> None:
    out, drop = (33.0, 31.0) if bare else (26.0, 32.0)
    canvas.cloth(f"M{out + 3} 18 Q50 15 {97 - out} 18 L{97 - out} 24 L{out + 3} 24 Z", fabric, shade=0.42)
    d = (
        f"M{out + 3} 18 Q50 26 {97 - out} 18 Q{101 - out} 25 {100 - out} {drop} "
        f"Q50 {drop + 5} {out} {drop} Q{out - 1} 25 {out + 3} 18 Z"
    )
    canvas.cloth(d, trim(fabric))
    waves = "".join(
        f"M{out + 5 + (90 - 2 * out) * part:.1f} 22 L{out + 3 + (94 - 2 * out) * part:.1f} {drop + 3} "
        for part in (0.1, 0.3, 0.5, 0.7, 0.9)
    )
    with canvas.within(d):
        canvas.line(waves, seam(fabric), width=0.8, alpha=0.5)


DRAWINGS: Mapping[str, Drawing] = {"dress": _dress}
