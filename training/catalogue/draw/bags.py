"""Draw bags: handbags and backpacks, from the front."""

from collections.abc import Mapping
from random import Random

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import Fabric, contrast, trim
from training.catalogue.draw.fittings import (
    CHARCOAL,
    box,
    chain,
    gleam,
    hem,
    metal,
    oval,
    puller,
    rounded,
    stitches,
    strap,
    zipper,
)
from training.catalogue.draw.palette import RGB, mix, toned
from training.catalogue.world.world import NONE, Product


def handbag(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a handbag: body rectangular, round or a bucket; handle short, long or a chain; closed by flap or zip."""
    shape, handle, closure = (product.look[name] for name in ("shape", "handle", "closure"))
    steel = metal(random)
    leather = mix(trim(fabric).colour, contrast(fabric), 0.15)
    detail = contrast(fabric)
    if shape == "rectangular":
        left, right, top, bottom = 9.0, 91.0, 40.0, 90.0 + random.uniform(-2, 2)
        body = box(left, top, right, bottom, corner=5)
        flap = "M 8 40 L 92 40 L 92 58 Q 91 67 81 67 L 19 67 Q 9 67 8 58 Z"
        zip_line = f"M {left + 7} {top + 9} L {right - 7} {top + 9}"
        pull = (right - 9, top + 9)
    elif shape == "round":
        left, right, top, bottom = 17.0, 83.0, 33.0, 94.0
        body = oval(50, 62, 36, 32)
        flap = "M 13 62 C 13 44 29 29 50 29 C 71 29 87 44 87 62 C 80 66 68 72 50 72 C 32 72 20 66 13 62 Z"
        zip_line = "M 21 53 C 27 42 38 37 50 37 C 62 37 73 42 79 53"
        pull = (78.0, 52.0)
    else:
        left, right, top, bottom = 15.0, 85.0, 38.0, 95.0
        body = "M 13 38 Q 50 33 87 38 L 73 91 Q 50 99 27 91 Z"
        flap = "M 12 38 Q 50 32 88 38 L 83 55 Q 66 68 50 69 Q 34 68 17 55 Z"
        zip_line = "M 17 46 Q 50 41 83 46"
        pull = (80.0, 46.0)
    canvas.divide = top + (bottom - top) * (0.56 if closure == "flap" else 0.5)
    _handle(canvas, handle, leather, steel, left=left, right=right, top=top)
    canvas.cloth(body, fabric)
    rounded(canvas, body, left - 3, right + 3)
    if shape == "rectangular":
        stitches(canvas, box(left + 2.5, top + 2.5, right - 2.5, bottom - 2.5, corner=4), detail)
    elif shape == "round":
        stitches(canvas, oval(50, 62, 33.5, 29.5), detail)
    else:
        base = "M 24.2 80 Q 50 87 75.8 80 L 73 91 Q 50 99 27 91 Z"
        canvas.cloth(base, hem(fabric), shade=0.15)
        stitches(canvas, "M 25 78 Q 50 85 75 78", detail)
    if closure == "flap":
        canvas.line(flap, (0, 0, 0), width=4, alpha=0.15)
        canvas.cloth(flap, fabric, shade=0.12)
        canvas.line(flap, toned(fabric.colour, 0.5), width=1.1)
        y = 68.0
        gleam(canvas, box(42, y - 6, 58, y + 6, corner=2.5), steel, (42, y - 6), (58, y + 6))
        gleam(canvas, oval(50, y, 2.6, 2.6), steel, (53, y + 3), (47, y - 3))
    else:
        zipper(canvas, zip_line, CHARCOAL, steel, width=5)
        puller(canvas, *pull, steel, length=13)


def backpack(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a backpack: rectangular or rounded, with or without a front pocket, closed by flap or zip."""
    angular = product.look["shape"] == "rectangular"
    closure = product.look["closure"]
    steel = metal(random)
    detail = contrast(fabric)
    leather = mix(trim(fabric).colour, (0.2, 0.13, 0.08), 0.35)
    strap(canvas, "M 41 14 C 41 2 59 2 59 14", leather, width=3.6)
    for x, out in ((15, 7), (85, 93)):
        strap(canvas, f"M {x} 32 C {out} 46 {out} 68 {x} 82", leather, width=6)
    if angular:
        body = box(14, 11, 86, 94, corner=4)
        flap = "M 12 13 Q 12 9 16 9 L 84 9 Q 88 9 88 13 L 88 45 L 12 45 Z"
        zip_line = "M 21 40 L 21 19 L 79 19 L 79 40"
    else:
        body = "M 13 50 C 13 22 30 9 50 9 C 70 9 87 22 87 50 L 87 74 C 87 88 77 95 62 95 L 38 95 C 23 95 13 88 13 74 Z"
        flap = "M 11 47 C 11 20 30 7 50 7 C 70 7 89 20 89 47 C 78 54 64 57 50 57 C 36 57 22 54 11 47 Z"
        zip_line = "M 21 50 C 21 30 34 18 50 18 C 66 18 79 30 79 50"
    canvas.divide = 54
    canvas.cloth(body, fabric)
    rounded(canvas, body, 12, 88)
    if product.look["pockets"] != NONE:
        _front_pocket(canvas, fabric, steel, angular=angular)
    if closure == "flap":
        canvas.context.save()
        canvas.context.translate(0, 2)
        canvas.fill(flap, (0, 0, 0), alpha=0.28)
        canvas.context.restore()
        canvas.cloth(flap, fabric, shade=0.12)
        canvas.line(flap, toned(fabric.colour, 0.5), width=1.2)
        for x in (33, 67):
            strap(canvas, f"M {x} 31 L {x} 59", mix(leather, detail, 0.2), width=6)
            gleam(canvas, box(x - 5, 42, x + 5, 51, corner=1.5), steel, (x - 5, 42), (x + 5, 51))
            canvas.fill(box(x - 2.4, 44.6, x + 2.4, 48.4, corner=0.8), CHARCOAL)
    else:
        zipper(canvas, zip_line, CHARCOAL, steel, width=4.6)
        puller(canvas, 79, 39 if angular else 48, steel, length=11)


def _handle(canvas: Canvas, handle: str, leather: RGB, steel: RGB, *, left: float, right: float, top: float) -> None:
    """Draw the handle behind the bag: a short arch, a long strap or a chain, and the rings that hold it."""
    if handle == "short":
        path, feet = f"M 35 {top + 4} C 34 {top - 24} 66 {top - 24} 65 {top + 4}", (35.0, 65.0)
        strap(canvas, path, leather, width=6.5)
    else:
        path = f"M {left + 5} {top + 6} C {left - 6} -9 {right + 6} -9 {right - 5} {top + 6}"
        feet = (left + 5, right - 5)
        if handle == "long":
            strap(canvas, path, leather, width=4.4)
        else:
            chain(canvas, path, steel, width=3.6)
    for x in feet:
        canvas.line(oval(x, top - 1, 2.8, 3.4), toned(steel, 0.3), width=1.5)


def _front_pocket(canvas: Canvas, fabric: Fabric, steel: RGB, *, angular: bool) -> None:
    """Draw a big pocket low on the front, with its own zip."""
    pocket = (
        box(24, 62, 76, 90, corner=2.5)
        if angular
        else "M 23 66 Q 50 58 77 66 L 77 76 C 77 86 70 90 60 90 L 40 90 C 30 90 23 86 23 76 Z"
    )
    canvas.context.save()
    canvas.context.translate(0, 1.6)
    canvas.fill(pocket, (0, 0, 0), alpha=0.3)
    canvas.context.restore()
    canvas.cloth(pocket, hem(fabric), shade=0.1)  # plain, so that it is visible on any pattern
    canvas.line(pocket, toned(fabric.colour, 0.55), width=1.6)
    stitches(canvas, "M 27 86 L 73 86", contrast(fabric))
    line = "M 28 68 L 72 68" if angular else "M 28 70 Q 50 63 72 70"
    canvas.line(line, CHARCOAL, width=2.6)
    canvas.line(line, steel, width=0.9)
    puller(canvas, 71, 68 if angular else 69, steel, length=8)


DRAWINGS: Mapping[str, Drawing] = {"handbag": handbag, "backpack": backpack}
