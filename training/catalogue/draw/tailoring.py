"""Draw parts of garments: sleeves, bodies, hems, folds, buttons, zips, pockets, belts.

Parts are drawn for the left half (x below 50) and mirrored, or across the whole front.
"""

import math
from dataclasses import replace
from random import Random

from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.fabric import Fabric, contrast, patch, seam, trim
from training.catalogue.draw.palette import RGB, luma, toned

STEEL: RGB = (0.80, 0.81, 0.84)
BRASS: RGB = (0.84, 0.66, 0.28)

Point = tuple[float, float]


def sleeve(
    canvas: Canvas,
    fabric: Fabric,
    *,
    shoulder: Point,
    armpit: Point,
    reach: float,
    cuff: float,
    lean: float = 0.36,
    rib: float = 0.0,
) -> None:
    """Draw both sleeves: from the shoulder point and the armpit `reach` units down the arm, `cuff` wide at the end.

    `lean` is how far an arm goes outwards for each unit down; `rib` the length of a knitted or buttoned cuff.
    """
    length = math.hypot(lean, 1.0)
    along, across = (-lean / length, 1 / length), (-1 / length, -lean / length)  # down the arm; outwards of it
    (sx, sy), (ax, ay) = shoulder, armpit
    mx, my = (sx + ax) / 2 - 1.5, sy + 7.0  # the start of the arm
    ex, ey = mx + along[0] * reach, my + along[1] * reach  # where it ends
    ox, oy = ex + across[0] * cuff / 2, ey + across[1] * cuff / 2
    ix, iy = ex - across[0] * cuff / 2, ey - across[1] * cuff / 2
    d = (
        f"M{sx + 2:.1f} {sy:.1f} Q{sx - 5:.1f} {sy + 2.5:.1f} {(sx + ox) / 2 - 3:.1f} {(sy + oy) / 2 - 1:.1f} "
        f"L{ox:.1f} {oy:.1f} L{ix:.1f} {iy:.1f} L{ax + 1.5:.1f} {ay + 1:.1f} Z"
    )
    fold = (
        f"M{ax - 1:.1f} {ay - 3:.1f} Q{(ax + ex) / 2:.1f} {(ay + ey) / 2 - 6:.1f} "
        f"{ex + along[0] * -6 + 1:.1f} {ey - along[1] * 8:.1f}"
    )
    for side in ("left", "right"):
        if side == "left":
            _one_sleeve(canvas, fabric, d, fold, (ox, oy), (ix, iy), along, rib)
        else:
            with canvas.mirrored():
                _one_sleeve(canvas, fabric, d, fold, (ox, oy), (ix, iy), along, rib)


def body(
    *, neck: Point, opening: str, shoulder: Point, armpit: Point, waist: Point, hem: Point, sag: float = 2.0
) -> str:
    """Return a front's outline, left points given; `opening` is the path from the right neck point to the left one."""
    (nx, ny), (sx, sy), (ax, ay), (wx, wy), (hx, hy) = neck, shoulder, armpit, waist, hem
    return (
        f"M{nx} {ny} L{sx} {sy} Q{ax + 1.5} {(sy + ay) / 2 + 2} {ax} {ay} Q{wx} {wy} {hx} {hy} "
        f"Q50 {hy + sag} {100 - hx} {hy} Q{100 - wx} {wy} {100 - ax} {ay} "
        f"Q{100 - ax - 1.5} {(sy + ay) / 2 + 2} {100 - sx} {sy} L{100 - nx} {ny} {opening} Z"
    )


def folds(canvas: Canvas, fabric: Fabric, d: str, random: Random, *, top: float, bottom: float, half: float) -> None:
    """Draw soft creases within the outline d, from height `top` to `bottom`, up to `half` units from the middle."""
    dark = luma(fabric.colour) < 0.2
    tone, strength = ((1.0, 1.0, 1.0), 0.6) if dark else (toned(fabric.colour, 0.55), 1.0)
    side = random.choice((-1, 1))
    tall = bottom - top
    with canvas.within(d):
        for number, (start, bend) in enumerate(((0.78, 0.55), (0.52, 0.66), (-0.70, -0.45), (-0.35, -0.60))):
            x, u = 50 + side * half * start, 50 + side * half * bend
            y, v = top + tall * (0.12 + 0.16 * (number % 2)), bottom - tall * (0.02 + 0.13 * number)
            crease = f"M{x:.1f} {y:.1f} Q{u:.1f} {(y + v) / 2:.1f} {(x + u) / 2 + side * 2:.1f} {v:.1f}"
            canvas.line(crease, tone, width=2.6, alpha=0.07 * strength)
            canvas.line(crease, tone, width=1.0, alpha=0.12 * strength)


def hem(canvas: Canvas, fabric: Fabric, *, hem: Point, sag: float = 2.0, up: float = 2.6) -> None:
    """Draw the stitched line above a hem."""
    x, y = hem
    canvas.line(f"M{x + 0.6} {y - up} Q50 {y + sag - up} {99.4 - x} {y - up}", seam(fabric), width=0.55, alpha=0.6)


def ribbing(canvas: Canvas, fabric: Fabric, *, top: Point, bottom: Point, sag: float = 2.0) -> None:
    """Draw a knitted band across the whole front, from the left point `top` to the left point `bottom`."""
    (tx, ty), (bx, by) = top, bottom
    d = f"M{tx} {ty} Q50 {ty + sag} {100 - tx} {ty} L{100 - bx} {by} Q50 {by + sag} {bx} {by} Z"
    if fabric.pattern == "colour-block" and fabric.second is not None:  # the band lies in the lower part
        fabric = replace(fabric, colour=fabric.second)
    canvas.cloth(d, trim(fabric))
    across = (tx + (100 - 2 * tx) * part / 14 for part in range(1, 14))
    ribs = "".join(f"M{x:.1f} {ty} L{x:.1f} {by + sag} " for x in across)
    with canvas.within(d):
        canvas.line(ribs, seam(trim(fabric)), width=0.6, alpha=0.55)


def buttons(canvas: Canvas, fabric: Fabric, *, x: float, top: float, bottom: float, count: int, radius: float) -> None:
    """Draw a row of buttons down the front."""
    colour = contrast(fabric)
    rim = toned(colour, 0.45 if luma(colour) > 0.5 else -0.4)
    for number in range(count):
        y = top + (bottom - top) * number / (count - 1)
        canvas.ellipse(x + 0.2, y + 0.5, radius + 0.4, radius + 0.4, (0, 0, 0), alpha=0.25)
        canvas.ellipse(x, y, radius, radius, rim)
        canvas.ellipse(x, y, radius * 0.82, radius * 0.82, colour)
        canvas.ellipse(x - radius * 0.28, y, radius * 0.17, radius * 0.17, rim)
        canvas.ellipse(x + radius * 0.28, y, radius * 0.17, radius * 0.17, rim)


def placket(canvas: Canvas, fabric: Fabric, *, top: float, bottom: float, half: float) -> None:
    """Draw the strip down the middle that carries the buttons."""
    cloth = patch(fabric)
    d = f"M{50 - half} {top} L{50 + half} {top} L{50 + half} {bottom} L{50 - half} {bottom} Z"
    canvas.cloth(d, cloth, shade=-0.10 if luma(fabric.colour) < 0.2 else 0.07)


def zipper(canvas: Canvas, fabric: Fabric, *, top: float, bottom: float) -> None:
    """Draw a broad metal zip down the middle, with teeth and a puller."""
    dark = (0.20, 0.20, 0.22) if luma(fabric.colour) > 0.3 else (0.62, 0.63, 0.66)
    canvas.line(f"M50 {top} L50 {bottom}", dark, width=4.4)
    canvas.line(f"M50 {top} L50 {bottom}", STEEL, width=2.2)
    teeth = "".join(f"M48.9 {y:.1f} L51.1 {y:.1f} " for y in _marks(top + 1, bottom, 1.7))
    canvas.line(teeth, (0.35, 0.35, 0.38), width=0.5)
    canvas.fill(f"M48.4 {top} L51.6 {top} L52 {top + 4} L51 {top + 9} L49 {top + 9} L48 {top + 4} Z", (0.3, 0.3, 0.33))
    canvas.fill(f"M49 {top + 0.6} L51 {top + 0.6} L51 {top + 8} L49 {top + 8} Z", STEEL)


def chest_pocket(canvas: Canvas, fabric: Fabric, *, x: float, y: float, width: float = 12.5) -> None:
    """Draw a big patch pocket with a flap, its upper left corner at (x, y)."""
    cloth = patch(fabric)
    w, edge = width, contrast(fabric)
    outline = f"M{x} {y} L{x + w} {y} L{x + w} {y + w * 0.95} L{x + w / 2} {y + w * 1.15} L{x} {y + w * 0.95} Z"
    canvas.cloth(outline, cloth, shade=0.10)
    left, right = x - 0.8, x + w + 0.8
    flap = f"M{left} {y - 1} L{right} {y - 1} L{right} {y + 3.2} L{x + w / 2} {y + 5.6} L{left} {y + 3.2} Z"
    canvas.cloth(flap, cloth, shade=-0.12 if luma(fabric.colour) < 0.2 else 0.26)
    pocket = f"M{x} {y + 4} L{x} {y + w * 0.95} L{x + w / 2} {y + w * 1.15} L{x + w} {y + w * 0.95} L{x + w} {y + 4}"
    canvas.line(pocket, edge, width=0.9, alpha=0.75)
    canvas.ellipse(x + w / 2, y + 3.4, 1.0, 1.0, edge)


def side_pockets(canvas: Canvas, fabric: Fabric, *, x: float, y: float, width: float, height: float) -> None:
    """Draw two big patch pockets low on both sides; (x, y) is the upper left corner of the left one."""
    cloth = patch(fabric)
    w, h, edge = width, height, contrast(fabric)
    outline = (
        f"M{x} {y} L{x + w} {y} L{x + w} {y + h - 3} Q{x + w} {y + h} {x + w - 3} {y + h} "
        f"L{x + 3} {y + h} Q{x} {y + h} {x} {y + h - 3} Z"
    )
    band = f"M{x - 0.8} {y - 0.6} L{x + w + 0.8} {y - 0.6} L{x + w + 0.8} {y + 4} L{x - 0.8} {y + 4} Z"

    def one() -> None:
        canvas.cloth(outline, cloth, shade=0.10)
        canvas.line(outline, edge, width=0.9, alpha=0.7)
        canvas.cloth(band, cloth, shade=-0.14 if luma(fabric.colour) < 0.2 else 0.28)

    one()
    with canvas.mirrored():
        one()


def belt(canvas: Canvas, fabric: Fabric, *, left: float, y: float, height: float) -> None:
    """Draw a belt in a contrasting tone with a big buckle, across the front at height y."""
    colour, half = contrast(fabric), height / 2
    edge = toned(colour, 0.4 if luma(colour) > 0.5 else -0.3)
    d = (
        f"M{left} {y - half} Q50 {y - half + 1.6} {100 - left} {y - half} "
        f"L{100 - left} {y + half} Q50 {y + half + 1.6} {left} {y + half} Z"
    )
    canvas.fill(d, colour)
    canvas.line(d, edge, width=0.6)
    y, w, metal = y + 0.8, height * 0.75, BRASS if luma(colour) < 0.5 else (0.62, 0.44, 0.14)
    buckle = f"M{50 - w} {y - half - 1} L{50 + w} {y - half - 1} L{50 + w} {y + half + 1} L{50 - w} {y + half + 1} Z"
    canvas.line(buckle, toned(metal, 0.5), width=2.4)
    canvas.line(buckle, metal, width=1.6)
    canvas.line(f"M50 {y} L{50 + w} {y}", metal, width=1.2)


def _one_sleeve(
    canvas: Canvas, fabric: Fabric, d: str, fold: str, outer: Point, inner: Point, along: Point, rib: float
) -> None:
    canvas.cloth(d, fabric, shade=0.05)
    canvas.line(fold, seam(fabric), width=1.4, alpha=0.16)
    (ox, oy), (ix, iy), (ux, uy) = outer, inner, along
    if not rib:
        hem = f"M{ox - ux * 2.4:.1f} {oy - uy * 2.4:.1f} L{ix - ux * 2.4:.1f} {iy - uy * 2.4:.1f}"
        canvas.line(hem, seam(fabric), width=0.55, alpha=0.6)
        return
    px, py, qx, qy = ox - ux * rib, oy - uy * rib, ix - ux * rib, iy - uy * rib
    cloth = trim(fabric)
    canvas.cloth(f"M{px - 0.6:.1f} {py:.1f} L{ox:.1f} {oy:.1f} L{ix:.1f} {iy:.1f} L{qx + 0.6:.1f} {qy:.1f} Z", cloth)
    ribs = ""
    for part in (0.25, 0.5, 0.75):
        start = f"{px + (qx - px) * part:.1f} {py + (qy - py) * part:.1f}"
        ribs += f"M{start} L{ox + (ix - ox) * part:.1f} {oy + (iy - oy) * part:.1f} "
    canvas.line(ribs, seam(cloth), width=0.6, alpha=0.6)


def _marks(first: float, last: float, step: float) -> list[float]:
    return [first + step * number for number in range(int((last - first) / step) + 1)]
