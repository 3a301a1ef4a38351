"""Draw small parts of shoes, bags, hats and homeware: outlines, stitches, metal, zips, buckles."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import cairocffi

from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.fabric import Fabric, trim
from training.catalogue.draw.palette import RGB, toned

GOLD: RGB = (0.83, 0.66, 0.30)
SILVER: RGB = (0.74, 0.76, 0.80)
IVORY: RGB = (0.96, 0.95, 0.92)
CHARCOAL: RGB = (0.17, 0.17, 0.20)
WOOD: RGB = (0.68, 0.49, 0.31)

ROUND = 0.5523  # the control length that makes four cubic curves a circle

Point = tuple[float, float]


def metal(random: Random) -> RGB:
    """Return gold or silver."""
    return random.choice((GOLD, SILVER))


def hem(fabric: Fabric) -> Fabric:
    """Return the trim for the lower part: a colour-block's second colour, else the first."""
    below = fabric.second if fabric.second is not None and fabric.pattern == "colour-block" else fabric.colour
    return trim(replace(fabric, colour=below))


def box(left: float, top: float, right: float, bottom: float, *, corner: float = 0.0) -> str:
    """Return a rectangle's outline, its corners rounded by `corner` units."""
    if corner <= 0:
        return f"M {left} {top} L {right} {top} L {right} {bottom} L {left} {bottom} Z"
    c = corner
    return (
        f"M {left + c} {top} L {right - c} {top} Q {right} {top} {right} {top + c} L {right} {bottom - c} "
        f"Q {right} {bottom} {right - c} {bottom} L {left + c} {bottom} Q {left} {bottom} {left} {bottom - c} "
        f"L {left} {top + c} Q {left} {top} {left + c} {top} Z"
    )


def oval(x: float, y: float, rx: float, ry: float) -> str:
    """Return an ellipse's outline."""
    a, b = rx * ROUND, ry * ROUND
    left, right, top, bottom = x - rx, x + rx, y - ry, y + ry
    return (
        f"M {left} {y} C {left} {y - b} {x - a} {top} {x} {top} C {x + a} {top} {right} {y - b} {right} {y} "
        f"C {right} {y + b} {x + a} {bottom} {x} {bottom} C {x - a} {bottom} {left} {y + b} {left} {y} Z"
    )


def along(start: Point, first: Point, second: Point, end: Point, t: float) -> Point:
    """Return the point at `t` (0 to 1) of a cubic curve."""
    u = 1 - t
    a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
    return (
        a * start[0] + b * first[0] + c * second[0] + d * end[0],
        a * start[1] + b * first[1] + c * second[1] + d * end[1],
    )


def dashes(canvas: Canvas, d: str, colour: RGB, *, width: float, on: float, off: float, alpha: float = 1.0) -> None:
    """Draw a dashed line: zip teeth, ribs, chain links."""
    canvas.context.set_dash([on, off])
    canvas.line(d, colour, width=width, alpha=alpha)
    canvas.context.set_dash([])


def stitches(canvas: Canvas, d: str, colour: RGB) -> None:
    """Draw a seam: fine dashes, half transparent."""
    dashes(canvas, d, colour, width=0.6, on=1.6, off=1.1, alpha=0.6)


def gleam(canvas: Canvas, d: str, colour: RGB, start: Point, end: Point) -> None:
    """Fill an outline as polished metal or glaze, lit from `start`."""
    gradient = cairocffi.LinearGradient(*start, *end)
    light, dark = toned(colour, -0.65), toned(colour, 0.38)
    for offset, stop in ((0.0, colour), (0.25, light), (0.55, colour), (0.9, dark), (1.0, colour)):
        gradient.add_color_stop_rgb(offset, *stop)
    canvas.path(d)
    canvas.context.set_source(gradient)
    canvas.context.fill()
    canvas.line(d, toned(colour, 0.6), width=0.5)


def veil(canvas: Canvas, d: str, start: Point, end: Point, stops: Sequence[tuple[float, float]]) -> None:
    """Lay light or shadow over an outline: at each (offset, strength), white if positive and black if negative."""
    gradient = cairocffi.LinearGradient(*start, *end)
    for offset, strength in stops:
        tone = 1.0 if strength > 0 else 0.0
        gradient.add_color_stop_rgba(offset, tone, tone, tone, abs(strength))
    canvas.path(d)
    canvas.context.set_source(gradient)
    canvas.context.fill()


def rounded(canvas: Canvas, d: str, left: float, right: float) -> None:
    """Shade an outline like an upright cylinder between two x."""
    shades = ((0, -0.24), (0.22, -0.02), (0.3, 0.16), (0.46, 0.02), (0.66, -0.02), (1, -0.3))
    veil(canvas, d, (left, 0), (right, 0), shades)


def zipper(canvas: Canvas, d: str, tape: RGB, colour: RGB, *, width: float) -> None:
    """Draw a zip along a line: a broad tape with metal teeth."""
    canvas.line(d, toned(tape, 0.35), width=width + 0.9)
    canvas.line(d, tape, width=width)
    dashes(canvas, d, toned(colour, -0.3), width=width * 0.5, on=1.1, off=0.9)


def puller(canvas: Canvas, x: float, y: float, colour: RGB, *, length: float = 8.0) -> None:
    """Draw a zip's puller that hangs from (x, y)."""
    gleam(canvas, box(x - 1.7, y - 1.7, x + 1.7, y + 1.7, corner=1), colour, (x - 2, y - 2), (x + 2, y + 2))
    gleam(canvas, box(x - 1.3, y + 1.2, x + 1.3, y + length, corner=1.2), colour, (x - 2, y), (x + 2, y + length))


def buckle(canvas: Canvas, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
    """Draw a frame buckle around (x, y) with its pin."""
    frame = box(x - rx, y - ry, x + rx, y + ry, corner=1.6)
    canvas.line(frame, toned(colour, 0.55), width=3.0)
    canvas.line(frame, colour, width=2.2)
    canvas.line(f"M {x - rx} {y + ry} L {x - rx} {y - ry} L {x + rx} {y - ry}", toned(colour, -0.6), width=0.9)
    canvas.line(f"M {x - rx * 0.2} {y} L {x + rx} {y}", toned(colour, -0.3), width=1.5)


def strap(canvas: Canvas, d: str, colour: RGB, *, width: float) -> None:
    """Draw a leather strap along a line, with darker edges and a soft light in the middle."""
    canvas.line(d, toned(colour, 0.45), width=width + 1.0)
    canvas.line(d, colour, width=width)
    canvas.line(d, toned(colour, -0.3), width=width * 0.3, alpha=0.5)


def chain(canvas: Canvas, d: str, colour: RGB, *, width: float) -> None:
    """Draw a chain along a line: long links, each with a hole."""
    dark = toned(colour, 0.6)
    canvas.line(d, dark, width=1.2)
    dashes(canvas, d, dark, width=width + 1.2, on=2.8, off=6.2)
    dashes(canvas, d, toned(colour, -0.25), width=width, on=2.8, off=6.2)
    dashes(canvas, d, dark, width=width * 0.3, on=2.8, off=6.2)
