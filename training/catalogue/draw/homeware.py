"""Draw homeware: mugs, cushions and table lamps."""

from collections.abc import Mapping
from math import cos, sin, tau
from random import Random

import cairocffi

from training.catalogue.draw.canvas import Canvas, Drawing
from training.catalogue.draw.fabric import Fabric, contrast, trim
from training.catalogue.draw.fittings import GOLD, IVORY, SILVER, WOOD, box, gleam, oval, rounded, stitches, veil
from training.catalogue.draw.palette import RGB, mix, toned
from training.catalogue.world.world import NONE, Product

STEEL = (0.30, 0.31, 0.34)


def mug(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a mug: low or tall; handle round, square or none."""
    handle = product.look["handle"]
    if product.look["height"] == "tall":
        left, right, top, bottom = 24.0, 72.0, 12.0, 93.0
    else:
        left, right, top, bottom = 8.0, 76.0, 34.0, 88.0
    if handle == NONE:
        left, right = left + 7, right + 7
    canvas.divide = (top + bottom) / 2 + 2
    taper = random.uniform(0, 4)
    rim = (right - left) * 0.12
    middle = (left + right) / 2
    high = bottom - top
    glaze = trim(fabric).colour
    if handle == "round":
        ring = oval(right + 2, top + high * 0.48, 15.5, 17)
    else:
        ring = box(right - 12, top + high * 0.48 - 19, right + 18.5, top + high * 0.48 + 19)
    if handle != NONE:
        canvas.context.save()
        canvas.context.set_line_join(cairocffi.LINE_JOIN_MITER)
        canvas.line(ring, toned(glaze, 0.5), width=8.4)
        canvas.line(ring, glaze, width=7.2)
        canvas.line(ring, toned(glaze, -0.5), width=2, alpha=0.6)
        canvas.context.restore()
    low, far = left + taper, right - taper
    body = (
        f"M {left} {top} L {right} {top} L {far} {bottom - 10} Q {far - 0.5} {bottom - 3} {far - 8} {bottom - 1} "
        f"Q {middle} {bottom + rim * 0.8} {low + 8} {bottom - 1} Q {low + 0.5} {bottom - 3} {low} {bottom - 10} Z"
    )
    canvas.cloth(body, fabric)
    rounded(canvas, body, left, right)
    canvas.fill(oval(middle, top, (right - left) / 2 + 0.6, rim), IVORY)
    canvas.line(oval(middle, top, (right - left) / 2 + 0.6, rim), toned(fabric.colour, 0.4), width=0.9)
    inside = oval(middle, top + 0.8, (right - left) / 2 - 2.2, rim - 1.6)
    canvas.fill(inside, random.choice(((0.33, 0.20, 0.12), (0.62, 0.36, 0.15), (0.80, 0.79, 0.77))))
    veil(canvas, inside, (0, top - rim), (0, top + rim), ((0, -0.45), (0.5, -0.05), (1, 0.15)))


def cushion(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a cushion: square, round or rectangular; bare, with tassels or with piping."""
    shape, edge = product.look["shape"], product.look["trim"]
    detail = contrast(fabric)
    canvas.divide = 50
    room = 4.0 if edge == "tassels" else 0.0  # so that the tassels stay inside the image
    if shape == "round":
        x, y, rx, ry = 50.0, 50.0, 41 - room, 40 - room
        outline = oval(x, y, rx, ry)
        turns = [index * tau / 12 for index in range(12)]
        corners = [(x + rx * cos(turn), y + ry * sin(turn), 0.7 * cos(turn), 0.7 * sin(turn)) for turn in turns]
    else:
        half, tall = (41 - room, 40 - room) if shape == "square" else (44 - 1.75 * room, 28 - room / 2)
        left, right, top, bottom = 50 - half, 50 + half, 50 - tall, 50 + tall
        pinch = random.uniform(4, 6)
        outline = (
            f"M {left} {top} Q 50 {top + pinch * 1.6} {right} {top} Q {right - pinch * 1.6} 50 {right} {bottom} "
            f"Q 50 {bottom - pinch * 1.6} {left} {bottom} Q {left + pinch * 1.6} 50 {left} {top} Z"
        )
        corners = [
            (left, top, -0.8, -0.6),
            (right, top, 0.8, -0.6),
            (left, bottom, -0.7, 0.7),
            (right, bottom, 0.7, 0.7),
        ]
    if edge == "tassels":
        for x, y, a, b in corners:
            _tassel(canvas, detail, x, y, a, b)
    canvas.cloth(outline, fabric)
    veil(canvas, outline, (20, 15), (82, 88), ((0, 0.14), (0.35, 0.16), (0.6, 0.0), (1, -0.26)))
    if edge == "piping":
        canvas.line(outline, toned(detail, 0.5), width=6.4)
        canvas.line(outline, detail, width=5.2)
        canvas.line(outline, toned(detail, -0.4), width=1.2, alpha=0.7)
    dark = toned(fabric.colour, 0.5)
    if shape == "round":
        canvas.ellipse(50, 50, 3.4, 3.2, dark)
        canvas.ellipse(49.4, 49.4, 2.4, 2.2, toned(fabric.colour, -0.15))
    else:
        for x, y, _, _ in corners:
            u, v = 50 - x, 50 - y
            crease = f"M {x + u * 0.1} {y + v * 0.12} Q {x + u * 0.2} {y + v * 0.17} {x + u * 0.27} {y + v * 0.3}"
            canvas.line(crease, dark, width=1.2, alpha=0.35)


def lamp(canvas: Canvas, product: Product, fabric: Fabric, random: Random) -> None:
    """Draw a table lamp: the shade, in the fabric, a cone, drum or dome; the base a stick, ball or tripod."""
    brass = random.choice((GOLD, SILVER))
    rim = 61.0
    canvas.divide = 35
    _base(canvas, product.look["base"], brass, random)
    if product.look["shade"] == "cone":
        shade = f"M 36 5 L 64 5 L 95 {rim} Q 50 {rim + 9} 5 {rim} Z"
        canvas.cloth(shade, fabric)
        rounded(canvas, shade, 5, 95)
        span = 45.0
    elif product.look["shade"] == "drum":
        shade = f"M 13 9 Q 50 2 87 9 L 87 {rim} Q 50 {rim + 8} 13 {rim} Z"
        canvas.cloth(shade, fabric)
        rounded(canvas, shade, 13, 87)
        inside = oval(50, 9, 37, 4.4)
        canvas.fill(inside, (1.0, 0.95, 0.80))
        canvas.line(inside, toned(fabric.colour, 0.5), width=0.9)
        span = 37.0
    else:
        shade = f"M 6 {rim} C 6 26 25 7 50 7 C 75 7 94 26 94 {rim} Q 50 {rim + 8} 6 {rim} Z"
        canvas.cloth(shade, fabric)
        rounded(canvas, shade, 6, 94)
        gleam(canvas, oval(50, 6.5, 3.4, 3), brass, (47, 4), (53, 9))
        span = 44.0
    glow = f"M {50 - span} {rim} Q 50 {rim + 8.5} {50 + span} {rim}"
    canvas.line(glow, (1.0, 0.92, 0.68), width=1.8)
    canvas.line(glow, trim(fabric).colour, width=0.7)
    stitches(canvas, f"M {50 - span} {rim - 3} Q 50 {rim + 5.5} {50 + span} {rim - 3}", contrast(fabric))


def _base(canvas: Canvas, base: str, brass: RGB, random: Random) -> None:
    """Draw the base below the shade, in neutral metal, wood or ceramic."""
    if base == "stick":
        foot = "M 28 93 Q 28 88 50 88 Q 72 88 72 93 Q 50 97 28 93 Z"
        gleam(canvas, foot, brass, (28, 88), (72, 96))
        gleam(canvas, box(47.6, 57, 52.4, 90, corner=1), brass, (47, 0), (53, 0))
    elif base == "ball":
        glaze = random.choice((IVORY, (0.62, 0.64, 0.66), STEEL))
        gleam(canvas, box(44, 56, 56, 67, corner=1), brass, (44, 0), (56, 0))
        canvas.fill(oval(50, 80, 20, 15.5), glaze)
        veil(canvas, oval(50, 80, 20, 15.5), (36, 65), (64, 97), ((0, 0.35), (0.3, 0.25), (0.5, 0.0), (1, -0.45)))
        canvas.line(oval(50, 80, 20, 15.5), toned(glaze, 0.5), width=0.8)
        canvas.ellipse(43, 75, 4, 2.6, (1, 1, 1), alpha=0.6)
    else:
        wood = mix(WOOD, (0.3, 0.18, 0.1), random.uniform(0, 0.6))
        for end, shadow in ((50, 0.35), (20, 0.0), (80, 0.0)):
            leg = f"M 48 60 L 52 60 L {end + 2.6} 95 L {end - 2.6} 95 Z"
            gleam(canvas, leg, toned(wood, shadow), (end - 6, 60), (end + 6, 64))
        gleam(canvas, box(42, 65, 58, 70, corner=1.5), brass, (42, 65), (58, 70))


def _tassel(canvas: Canvas, colour: RGB, x: float, y: float, a: float, b: float) -> None:
    """Draw a tassel that hangs from (x, y) towards (a, b)."""
    dark = toned(colour, 0.45)
    for spread, tone in ((-0.5, dark), (0.5, dark), (0.0, colour), (-0.28, colour), (0.28, colour)):
        dx, dy = a - b * spread, b + a * spread
        canvas.line(f"M {x} {y} L {x + 10 * dx} {y + 10 * dy}", tone, width=2.6)
    canvas.ellipse(x + a * 2, y + b * 2, 3.4, 3.4, toned(colour, -0.2))


DRAWINGS: Mapping[str, Drawing] = {"mug": mug, "cushion": cushion, "lamp": lamp}
