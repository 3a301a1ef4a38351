"""Draw hats: brimmed hats and knitted beanies, from the front."""

from collections.abc import Mapping
from math import cos, pi, sin
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import Fabric, contrast
from training.catalogue.draw.fittings import dashes, hem, oval, rounded, stitches, veil
from training.catalogue.draw.palette import RGB, toned
from training.catalogue.world.world import NONE, Product


def hat(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a hat: brim narrow or wide, crown round or flat, with or without a ribbon in a contrasting colour."""
    wide = product.look["brim"] == "wide"
    side, floor = (29.0, 66.0) if wide else (35.0, 76.0)  # half the crown's width, and the height of the brim
    reach, depth = (48.0, 17.0) if wide else (42.0, 9.5)
    top = floor - (random.uniform(47, 51) if wide else random.uniform(54, 57))
    canvas.divide = (top + floor) / 2 - (6 if product.look["band"] != NONE else 0)
    left, right = 50 - side, 50 + side
    brim = oval(50, floor, reach, depth)
    canvas.cloth(brim, fabric, shade=0.1)
    tones = ((0.0, -0.25), (0.6, 0.05), (0.9, 0.18), (1.0, -0.1))
    veil(canvas, brim, (0, floor - depth), (0, floor + depth), tones)
    canvas.ellipse(50, floor + 1.5, side + 2.5, depth * 0.6, (0, 0, 0), alpha=0.28)
    seam = depth * 0.55
    base = f"L {right} {floor} Q 50 {floor + 2 * seam} {left} {floor} Z"
    if product.look["crown"] == "round":
        crown = (
            f"M {left} {floor} C {left} {top + 18} {left + 11} {top} 50 {top} "
            f"C {right - 11} {top} {right} {top + 18} {right} {floor} {base}"
        )
        canvas.cloth(crown, fabric)
        rounded(canvas, crown, left, right)
    else:
        lid = top + 6
        crown = f"M {left - 1} {lid} Q 50 {lid - 9} {right + 1} {lid} {base}"
        canvas.cloth(crown, fabric)
        rounded(canvas, crown, left, right)
        canvas.cloth(oval(50, lid, side + 1, 6.5), fabric, shade=-0.18)
    if product.look["band"] != NONE:
        _ribbon(canvas, fabric, left=left, right=right, floor=floor, seam=seam)
    else:
        foot = floor - 2.5
        stitches(canvas, f"M {left} {foot} Q 50 {foot + 2 * seam} {right} {foot}", contrast(fabric))
    near, low = reach - 3, floor + depth * 1.1
    rim = f"M {50 - near} {floor + 1} C {55 - near} {low} {45 + near} {low} {50 + near} {floor + 1}"
    stitches(canvas, rim, contrast(fabric))


def beanie(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a knitted cap: with or without a pompom, its edge folded up or not."""
    folded = product.look["cuff"] != NONE
    topped = product.look["pompom"] != NONE
    top = 22.0 if topped else 12.0
    detail = contrast(fabric)
    canvas.divide = (top + (64 if folded else 90)) / 2 + 2
    edge = 90.0 if not folded else 86.0
    if topped:
        _pompom(canvas, detail, random, y=top - 4)
    dome = f"M13 {edge} C9 {edge - 36} 16 {top} 50 {top} C84 {top} 91 {edge - 36} 87 {edge} Q50 {edge + 5} 13 {edge} Z"
    canvas.cloth(dome, fabric)
    rounded(canvas, dome, 10, 90)
    dark = toned(fabric.colour, 0.45)
    for x in (26, 38, 50, 62, 74):
        off = x - 50
        rib = f"M {x} {edge} C {x + off * 0.1} {edge - 36} {50 + off * 0.55} {top + 12} {50 + off * 0.12} {top + 2}"
        canvas.line(rib, dark, width=0.9, alpha=0.35)
    if folded:
        cuff = "M 8 65 Q 50 71 92 65 L 92 88 Q 50 96 8 88 Q 6 76 8 65 Z"
        canvas.fill("M 10 63 Q 50 67 90 63 L 91 68 L 9 68 Z", (0, 0, 0), alpha=0.25)
        canvas.cloth(cuff, hem(fabric), shade=0.08)
        rounded(canvas, cuff, 6, 94)
        ribs, low, high = range(13, 92, 6), 67, 91
    else:
        ribs, low, high = range(17, 87, 5), 85, 91
    for x in ribs:
        bend = 4 * (1 - ((x - 50) / 42) ** 2)
        canvas.line(f"M {x} {low + bend * 0.7} L {x} {high - 4 + bend}", dark, width=1.3, alpha=0.6)


def _ribbon(canvas: Canvas, fabric: Fabric, *, left: float, right: float, floor: float, seam: float) -> None:
    """Draw a broad ribbon around the foot of the crown, with a bow at its side."""
    colour = contrast(fabric)
    high = 13.0
    top, start, end = floor - high, left - 0.6, right + 0.6
    band = f"M{start} {top} Q50 {top + 2 * seam} {end} {top} L{end} {floor} Q50 {floor + 2 * seam} {start} {floor} Z"
    canvas.fill(band, colour)
    rounded(canvas, band, left, right)
    canvas.line(band, toned(colour, 0.5), width=0.6)
    x, y = right - 9, floor - high / 2 + seam * 0.55
    dark = toned(colour, 0.3)
    for wing in (-1, 1):
        loop = f"M {x} {y} L {x + 9 * wing} {y - 7} Q {x + 11 * wing} {y} {x + 9 * wing} {y + 7} Z"
        canvas.fill(loop, toned(colour, -0.12))
        canvas.line(loop, dark, width=0.8)
    canvas.ellipse(x, y, 2.8, 3.6, dark)


def _pompom(canvas: Canvas, colour: RGB, random: Random, *, y: float) -> None:
    """Draw a ball of yarn on top."""
    canvas.ellipse(50, y, 14, 13, toned(colour, 0.25))
    turn = random.uniform(0, pi)
    for step in range(18):
        angle = turn + step * pi / 9
        tone = toned(colour, 0.12 if step % 2 else 0.25)
        canvas.ellipse(50 + 11.5 * cos(angle), y + 10.5 * sin(angle), 3.6, 3.6, tone)
    for step in range(9):
        angle = turn + step * pi / 4.5
        tone = toned(colour, -0.12 if step % 2 else 0.0)
        canvas.ellipse(49 + 6 * cos(angle), y - 1 + 5.5 * sin(angle), 4, 4, tone)
    canvas.ellipse(47, y - 3, 4.5, 4, toned(colour, -0.3))
    dashes(canvas, oval(50, y, 13, 12), toned(colour, -0.25), width=2.2, on=0.8, off=2.3)


DRAWINGS: Mapping[str, Drawing] = {"hat": hat, "beanie": beanie}
