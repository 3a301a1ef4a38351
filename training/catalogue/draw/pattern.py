"""Paint a fabric's pattern and texture over a whole sheet."""

import math
from collections.abc import Iterator

import cairocffi

from training.catalogue.draw.fabric import KNIT, LINEN, SMOOTH, TWILL, Fabric
from training.catalogue.draw.palette import luma
from training.catalogue.world.world import PLAIN

# A product lies within 0 to 100 units, so its sheet does too, for any pose.
_LOW, _HIGH = -1.0, 101.0

_STAR = tuple(
    (radius * math.sin(turn * math.pi / 5), -radius * math.cos(turn * math.pi / 5))
    for turn in range(10)
    for radius in ((3.7, 1.6)[turn % 2],)
)
_PETALS = tuple((2.3 * math.sin(turn * math.tau / 5), -2.3 * math.cos(turn * math.tau / 5)) for turn in range(5))


def is_flat(fabric: Fabric) -> bool:
    """Return True if the fabric is one flat colour."""
    return fabric.pattern == PLAIN and fabric.texture == SMOOTH


def paint(context: cairocffi.Context, fabric: Fabric, *, divide: float) -> None:
    """Cover the context, in units, with the fabric; `divide` is the height at which a colour-block changes colour."""
    context.set_source_rgb(*fabric.colour)
    context.paint()
    if fabric.second is not None:
        context.set_source_rgb(*fabric.second)
        _pattern(context, fabric, divide)
    _texture(context, fabric)


def _pattern(context: cairocffi.Context, fabric: Fabric, divide: float) -> None:
    match fabric.pattern:
        case "striped":
            _lines(context, fabric, period=8.6, width=3.3, across=True)
        case "pinstriped":
            _lines(context, fabric, period=7.2, width=1.7, across=False)
        case "checked":
            r, g, b = fabric.second or fabric.colour
            context.set_source_rgba(r, g, b, 0.68)  # so that crossings are darker, as in woven gingham
            _lines(context, fabric, period=10.4, width=4.0, across=True)
            _lines(context, fabric, period=10.4, width=4.0, across=False)
        case "zigzag":
            _zigzags(context, fabric)
        case "dotted":
            for x, y in _places(fabric, across=8.4, down=6.6):
                _dot(context, x, y)
            context.set_line_cap(cairocffi.LINE_CAP_ROUND)
            context.set_line_width(4.5 * fabric.scale)
            context.stroke()
        case "floral":
            _flowers(context, fabric)
        case "starred":
            for x, y in _places(fabric, across=11.0, down=8.4):
                context.new_sub_path()
                for dx, dy in _STAR:
                    context.line_to(x + dx * fabric.scale, y + dy * fabric.scale)
                context.close_path()
            context.fill()
        case "colour-block":
            context.rectangle(_LOW, divide, _HIGH - _LOW, _HIGH - divide)
            context.fill()


def _lines(context: cairocffi.Context, fabric: Fabric, *, period: float, width: float, across: bool) -> None:
    for place in _steps(fabric, period):
        context.move_to(*((_LOW, place) if across else (place, _LOW)))
        context.line_to(*((_HIGH, place) if across else (place, _HIGH)))
    context.set_line_width(width * fabric.scale)
    context.stroke()


def _zigzags(context: cairocffi.Context, fabric: Fabric) -> None:
    half, rise = 4.6 * fabric.scale, 2.9 * fabric.scale
    for y in _steps(fabric, 9.4):
        x, up = _LOW, True
        context.move_to(x, y - rise)
        while x < _HIGH:
            x, up = x + half, not up
            context.line_to(x, y - rise if up else y + rise)
    context.set_line_join(cairocffi.LINE_JOIN_MITER)
    context.set_line_width(2.9 * fabric.scale)
    context.stroke()


def _flowers(context: cairocffi.Context, fabric: Fabric) -> None:
    places = tuple(_places(fabric, across=11.4, down=8.6))
    context.set_line_cap(cairocffi.LINE_CAP_ROUND)
    for x, y in places:
        for dx, dy in _PETALS:
            _dot(context, x + dx * fabric.scale, y + dy * fabric.scale)
    context.set_line_width(3.3 * fabric.scale)
    context.stroke()
    context.set_source_rgb(*fabric.colour)
    for x, y in places:
        _dot(context, x, y)
    context.set_line_width(2.1 * fabric.scale)
    context.stroke()


def _dot(context: cairocffi.Context, x: float, y: float) -> None:
    # A line of no length with round ends is a disc as wide as the line.
    context.move_to(x, y)
    context.close_path()


def _texture(context: cairocffi.Context, fabric: Fabric) -> None:
    if fabric.texture == SMOOTH:
        return
    tone = 1.0 if luma(fabric.colour) < 0.2 else 0.0
    if fabric.texture == KNIT:
        context.set_source_rgba(tone, tone, tone, 0.13)
        _hatch(context, period=2.4, width=0.7, lean=0.0)
    elif fabric.texture == TWILL:
        context.set_source_rgba(tone, tone, tone, 0.06)
        _hatch(context, period=2.2, width=0.8, lean=60.0)
    elif fabric.texture == LINEN:
        context.set_source_rgba(tone, tone, tone, 0.04)
        _hatch(context, period=1.7, width=0.6, lean=0.0)


def _hatch(context: cairocffi.Context, *, period: float, width: float, lean: float) -> None:
    x = _LOW - lean
    while x < _HIGH:
        context.move_to(x + lean, _LOW)
        context.line_to(x, _HIGH)
        x += period
    context.set_line_width(width)
    context.stroke()


def _steps(fabric: Fabric, period: float) -> Iterator[float]:
    """Yield the starts of a pattern's repeats, `period` units apart, over the whole sheet."""
    step = period * fabric.scale
    place = _LOW - fabric.phase * step
    while place < _HIGH:
        yield place
        place += step


def _places(fabric: Fabric, *, across: float, down: float) -> Iterator[tuple[float, float]]:
    """Yield the positions of motifs: rows `down` units apart, every other row moved by half of `across`."""
    for row, y in enumerate(_steps(fabric, down)):
        for x in _steps(fabric, across):
            yield x + (row % 2) * across * fabric.scale / 2, y
