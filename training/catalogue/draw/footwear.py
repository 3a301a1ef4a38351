"""Draw shoes: sneakers, boots and heels, each as one shoe from the side with its toe to the right."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import Fabric, contrast, trim
from training.catalogue.draw.fittings import (
    CHARCOAL,
    IVORY,
    Point,
    along,
    box,
    buckle,
    dashes,
    metal,
    oval,
    puller,
    stitches,
    strap,
    veil,
    zipper,
)
from training.catalogue.draw.palette import RGB, mix, toned
from training.catalogue.world.world import NONE, Product

Curve = tuple[Point, Point, Point, Point]


def sneakers(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a sneaker: its top low or high, closed by laces, velcro or elastic."""
    high = product.look["top"] == "high"
    canvas.divide = 42 if high else 51
    closure = product.look["closure"]
    detail = contrast(fabric)
    sole = random.choice((IVORY, (0.90, 0.90, 0.91)))
    ground = random.uniform(72.5, 74.5)
    if high:
        instep: Curve = ((53, 8), (52, 24), (60, 38), (76, 42))
        collar = "C 26 13 34 12 40 6 Q 47 2 53 8" if closure != "slip-on" else "C 26 7 40 6 53 8"
        back = "C 5 60 10 36 8 13 Q 9 6 17 8"
    else:
        instep = ((53, 18), (58, 31), (66, 38), (77, 41))
        collar = "C 24 38 33 36 39 23 Q 44 11 53 18" if closure != "slip-on" else "C 25 41 40 31 53 18"
        back = "C 5 60 8 44 8 30 Q 11 22 18 26"
    bottom = ground + 13
    upper = f"M 9 {ground} {back} {collar} {_to(instep)} C 91 45 96 58 95 {ground} Z"
    canvas.cloth(upper, fabric)
    toe = f"M 95 {ground} C 96 58 91 45 79 41.4 C 74 51 74 63 78 {ground} Z"
    if random.random() < 0.4:
        canvas.fill(toe, sole)
    veil(canvas, toe, (80, 41), (92, ground), ((0, 0.22), (0.6, -0.02), (1, -0.16)))
    stitches(canvas, f"M 78 42 C 73 51 73 63 77 {ground}", detail)
    heel = f"M 9 {ground} C 6 64 7 58 8 52 C 18 52 24 60 24 {ground} Z"
    canvas.fill(heel, (0, 0, 0), alpha=0.18)
    stitches(canvas, f"M 8 52 C 18 52 24 60 24 {ground}", detail)
    if closure == "laces":
        _laces(canvas, instep, detail, rows=6 if high else 4, bow=True)
    elif closure == "velcro":
        _velcro(canvas, instep, detail, (0.16, 0.47, 0.8) if high else (0.18, 0.66))
    else:
        _elastic(canvas, detail, high=high)
    start, tread = ground - 1, ground + 8
    canvas.fill(f"M 5 {start} L 96 {start} Q 99 {tread} 92 {bottom} L 12 {bottom} Q 3 {tread} 5 {start} Z", sole)
    rubber = f"M 5 {tread} L 97 {tread} Q 96 {bottom} 92 {bottom} L 12 {bottom} Q 6 {bottom} 5 {tread} Z"
    canvas.fill(rubber, (0.55, 0.55, 0.58), alpha=0.55)
    canvas.line(f"M 5 {ground - 1} L 96 {ground - 1}", toned(sole, 0.45), width=0.7)
    canvas.line(f"M 6 {ground + 4} L 96.5 {ground + 4}", trim(fabric).colour, width=1.4)


def boots(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a boot: shaft to the ankle, calf or knee; heel flat, low or high; closed by zip, laces or buckle."""
    shaft, heel, closure = (product.look[name] for name in ("shaft", "heel", "closure"))
    steel = metal(random)
    seat = {"flat": 88.0, "low": 82.0, "high": 71.0}[heel]
    ankle = seat - 28
    top = {"ankle": ankle - 5, "calf": ankle * 0.5, "knee": 4.0}[shaft]
    wide = {"ankle": 1.0, "calf": 3.0, "knee": 6.0}[shaft] + random.uniform(-1, 1)
    sole = mix(trim(fabric).colour, (0.1, 0.07, 0.05), 0.7)
    canvas.context.save()
    # Stretched, so that a small boot fills the image too.
    wide_by, tall_by = (1.0, 1.0) if shaft != "ankle" else (1.05, 1.07) if heel == "high" else (1.05, 1.15)
    _centre(canvas, top, 94, divide=(top + 92) / 2, wide=wide_by, tall=tall_by)
    instep: Curve = ((51, ankle), (53, ankle + 12), (66, 63), (79, 66))
    back, front, narrowing = 15 - wide, 52 + wide, top + (ankle - top) * 0.4
    upper = (
        f"M {back} {top} Q 34 {top + 4} {front} {top} C {front} {narrowing} 51 {ankle - 6} 51 {ankle} "
        f"{_to(instep)} C 91 68 95 78 94 90 L 64 90 C 50 88 44 {seat} 32 {seat} L 15 {seat} "
        f"C 13 {seat - 8} 18 {ankle + 6} 18 {ankle} C 18 {ankle - 8} {back} {narrowing} {back} {top} Z"
    )
    canvas.cloth(upper, fabric)
    veil(canvas, upper, (12, 0), (56, 0), ((0, -0.2), (0.3, 0.12), (0.6, 0.0), (1, -0.12)))
    inside = f"M {back} {top} Q 34 {top + 4} {front} {top} Q 34 {top - 4} {back} {top} Z"
    canvas.fill(inside, toned(fabric.colour, 0.6))
    stitches(canvas, f"M 15 {seat - 14} C 30 {seat - 16} 44 {seat - 6} 66 88", contrast(fabric))
    _boot_sole(canvas, heel, seat, sole)
    middle = (ankle + top) / 2
    if closure == "zip":
        zipper(canvas, f"M 33 {top + 3} L 33 {seat - 9}", CHARCOAL, steel, width=4.6)
        puller(canvas, 33, top + 5, steel, length=9)
    elif closure == "laces":
        shin: Curve = ((front, top + 3), (front, middle), (51, ankle - 6), (51, ankle + 2))
        detail = contrast(fabric)
        _laces(canvas, instep, detail, rows=4, bow=False)
        _laces(canvas, shin, detail, rows={"ankle": 2, "calf": 4, "knee": 6}[shaft], bow=True)
    else:
        leather = mix(contrast(fabric), (0.35, 0.2, 0.1), 0.25)
        heights = [ankle + 5.0] if shaft == "ankle" else [ankle + 5.0, top + 9.0]
        for y in heights:
            spread = wide if y < ankle else 0.0
            strap(canvas, f"M {16.5 - spread * 0.6} {y} Q 34 {y + 3} {51 + spread * 0.6} {y}", leather, width=6.5)
            buckle(canvas, 36, y + 1.2, 5.5, 5.2, steel)
    canvas.context.restore()


def heels(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a pump: heel low or high, toe round, pointed or open, with or without an ankle strap."""
    toe = product.look["toe"]
    seat = {"low": 76.0, "high": 56.0}[product.look["heel"]] + random.uniform(-1, 1)
    strapped = product.look["closure"] != NONE
    leather = trim(fabric)
    throat = seat * 0.35 + 34
    canvas.context.save()
    low = product.look["heel"] == "low"
    _centre(canvas, seat - (45 if strapped else 29), 92, divide=throat + 8, wide=1, tall=1.14 if low else 1)
    front = {
        "round": f"C 64 {throat - 7} 93 54 91 84 Q 91 89 86 89",
        "pointed": f"C 66 {throat + 1} 77 79 97 86.5 L 97 89",
        "open": f"C 66 {throat - 3} 76 {throat + 2} 83 70 L 76 88",
    }[toe]
    if strapped:
        canvas.line(oval(25, seat - 40, 19, 6), toned(leather.colour, 0.5), width=5.2)
    if toe == "open":
        canvas.fill("M 70 80 Q 84 84 97 86 L 97 90 L 64 90 Z", (0.93, 0.85, 0.74))
        canvas.ellipse(79.5, 79, 5.5, 9, toned(fabric.colour, 0.72))
    far = f"M 10 {seat - 28} C 24 {seat - 30} 40 {throat - 10} 57 {throat - 2} L 48 {throat + 12} Z"
    canvas.fill(far, mix((0.93, 0.85, 0.74), fabric.colour, 0.25))
    topline = (
        f"M 9 {seat - 29} C 17 {seat - 27} 22 {seat - 17} 32 {seat - 9} C 40 {seat - 3} 52 {throat + 6} 57 {throat - 2}"
    )
    upper = (
        f"{topline} {front} L 64 89 C 50 88 42 {seat + 8} 29 {seat + 4} "
        f"L 10 {seat + 3} C 5 {seat - 8} 7 {seat - 20} 9 {seat - 29} Z"
    )
    if low:
        post = f"M8 {seat + 1} L32 {seat + 4} C29 {seat + 8} 28 84 28 91 L12 91 C12 84 10 {seat + 8} 8 {seat + 1} Z"
    else:
        edge = f"C23 {seat + 10} 19 78 17 91 L12.5 91 C12.5 76 10 {seat + 10} 8 {seat + 1}"
        post = f"M8 {seat + 1} L31 {seat + 4} {edge} Z"
    canvas.cloth(post, leather, shade=0.1)
    canvas.cloth(upper, fabric)
    veil(canvas, upper, (40, throat - 4), (50, 92), ((0, 0.2), (0.4, 0.0), (1, -0.2)))
    tip = {"round": 90, "pointed": 97, "open": 97}[toe]
    canvas.line(f"M 10 {seat + 3} L 29 {seat + 4} C 42 {seat + 8} 50 88 64 89.5 L {tip} 89.5", CHARCOAL, width=2.2)
    canvas.fill(box(12, 89.5, 28 if low else 17, 92), CHARCOAL)
    canvas.line(topline, toned(fabric.colour, 0.5), width=1.2)
    if strapped:
        ring = f"M 6 {seat - 40} C 6 {seat - 32} 44 {seat - 32} 44 {seat - 40}"
        canvas.line(f"M 9 {seat - 24} L 7.5 {seat - 38}", toned(leather.colour, 0.45), width=6)
        canvas.line(f"M 9 {seat - 24} L 7.5 {seat - 38}", leather.colour, width=5)
        strap(canvas, ring, leather.colour, width=5)
        buckle(canvas, 29, seat - 34.5, 4, 3.8, metal(random))
    canvas.context.restore()


def _centre(canvas: Canvas, top: float, bottom: float, *, divide: float, wide: float, tall: float) -> None:
    """Stretch the part between two heights and move it to the centre; a colour-block changes at `divide`."""
    context = canvas.context
    context.translate(50, 50)
    context.scale(wide, tall)
    context.translate(-50, -(top + bottom) / 2)
    canvas.divide = 50 + (divide - (top + bottom) / 2) * tall


def _to(curve: Curve) -> str:
    """Return the rest of a path along a curve whose start has been reached."""
    _, first, second, end = curve
    return f"C {first[0]} {first[1]} {second[0]} {second[1]} {end[0]} {end[1]}"


def _inward(curve: Curve, t: float, depth: float) -> tuple[Point, Point]:
    """Return a point of a curve's edge, and the one `depth` units inside the shoe, to its lower left."""
    x, y = along(*curve, t)
    ahead, behind = along(*curve, min(1.0, t + 0.02)), along(*curve, max(0.0, t - 0.02))
    dx, dy = ahead[0] - behind[0], ahead[1] - behind[1]
    length = (dx * dx + dy * dy) ** 0.5
    return (x, y), (x - depth * dy / length, y + depth * dx / length)


def _laces(canvas: Canvas, curve: Curve, colour: RGB, *, rows: int, bow: bool) -> None:
    """Draw crossed laces over a dark tongue along the edge, eyelets below; with `bow`, a bow on top."""
    steps = [0.06 + 0.86 * row / (rows - 1) for row in range(rows)]
    pairs = [_inward(curve, t, 11) for t in steps]
    edge = " L ".join(f"{a[0]} {a[1]}" for a, _ in pairs)
    inner = " L ".join(f"{b[0]} {b[1]}" for _, b in reversed(pairs))
    canvas.fill(f"M {edge} L {inner} Z", mix(colour, (0.5, 0.5, 0.5), 0.75), alpha=0.9)
    dark = toned(colour, 0.55)
    for (a, b), (c, d) in pairwise(pairs):
        for start, end in ((a, d), (b, c)):
            path = f"M {start[0]} {start[1]} L {end[0]} {end[1]}"
            canvas.line(path, dark, width=3.2)
            canvas.line(path, colour, width=2.4)
    for _, (x, y) in pairs:
        canvas.ellipse(x, y, 1.9, 1.9, dark)
        canvas.ellipse(x, y, 1.1, 1.1, IVORY)
    if not bow:
        return
    x, y = pairs[0][1]
    for path in (
        f"M {x} {y} C {x - 14} {y - 8} {x - 14} {y + 8} {x} {y}",
        f"M {x} {y} C {x - 3} {y + 13} {x + 9} {y + 10} {x} {y}",
    ):
        canvas.line(path, dark, width=2.6)
        canvas.line(path, colour, width=1.8)


def _velcro(canvas: Canvas, curve: Curve, colour: RGB, places: tuple[float, ...]) -> None:
    """Draw broad straps from the edge down the side."""
    for t in places:
        (x, y), _ = _inward(curve, t, 1)
        path = f"M {x + 0.5} {y + 1} C {x - 8} {y + 2} {x - 16} {y + 8} {x - 22} {y + 17}"
        strap(canvas, path, colour, width=9)
        stitches(canvas, f"M {x - 12} {y + 2} L {x - 5} {y + 9}", mix(colour, (0.5, 0.5, 0.5), 0.8))
        canvas.fill(oval(x - 22, y + 17, 5, 5), colour)
        canvas.line(oval(x - 22, y + 17, 3.2, 3.2), mix(colour, (0.5, 0.5, 0.5), 0.6), width=0.7)


def _elastic(canvas: Canvas, colour: RGB, *, high: bool) -> None:
    """Draw a ribbed elastic wedge in the side, and a loop to pull the heel on."""
    wedge = (
        "M 24 8.5 L 47 7 C 45 26 42 36 37 46 C 30 36 26 24 24 8.5 Z"
        if high
        else "M 29 36 L 52 20 C 55 35 54 49 47 58 C 38 53 32 46 29 36 Z"
    )
    canvas.fill(wedge, colour)
    canvas.context.save()
    canvas.path(wedge)
    canvas.context.clip()
    ribs = (23, 27, 31, 35, 39, 43, 47, 51)
    for x in ribs:
        canvas.line(f"M {x} 4 L {x + 2} 64", mix(colour, (0.5, 0.5, 0.5), 0.6), width=1.3)
    canvas.context.restore()
    canvas.line(wedge, toned(colour, 0.5), width=0.9)
    y = 14 if high else 31
    dashes(canvas, f"M 9 {y} C 1 {y - 12} 4 {y - 18} 13 {y - 6}", colour, width=2.6, on=90, off=1)


def _boot_sole(canvas: Canvas, heel: str, seat: float, colour: RGB) -> None:
    """Draw the sole from heel to toe, and a heel as high as the seat leaves room."""
    canvas.line(f"M 14 {seat + 0.5} L 32 {seat + 0.5} C 44 {seat + 0.5} 50 89 64 91 L 94 91", colour, width=3.4)
    if heel == "flat":
        canvas.line(f"M 14 {seat + 2} L 94 92", colour, width=4.5)
        return
    block = (
        f"M 14 {seat} L 35 {seat} L 33 93 L 15 93 Z"
        if heel == "low"
        else f"M 14 {seat} L 38 {seat + 1} C 30 {seat + 6} 27 84 26 93 L 16 93 C 16 84 15 {seat + 8} 14 {seat} Z"
    )
    canvas.fill(block, colour)
    veil(canvas, block, (14, 0), (34, 0), ((0, -0.1), (0.35, 0.25), (1, -0.2)))


DRAWINGS: Mapping[str, Drawing] = {"sneakers": sneakers, "boots": boots, "heels": heels}
