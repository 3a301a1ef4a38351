"""Canvas: curves, cloth and light on a square image of 100 by 100 units."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from random import Random

import cairocffi

from training.catalogue.draw.fabric import Fabric, seam
from training.catalogue.draw.palette import RGB as RGB
from training.catalogue.draw.pattern import is_flat, paint
from training.catalogue.world.world import Product

_TOKEN = re.compile(r"[MLCQZ]|-?\d*\.?\d+")
_NUMBERS = {"M": 2, "L": 2, "C": 6, "Q": 4, "Z": 0}

Step = tuple[str, tuple[float, ...]]
Drawing = Callable[["Canvas", Product, Fabric, Random], None]  # of one category


class Canvas:
    """Image of 100×100 units, y down, drawn at any size in pixels.

    It starts transparent and holds the product alone: `scene` adds the background and the shadow. `divide` is the
    height (y) at which a colour-block changes its colour; a drawing sets it before its first cloth.
    """

    def __init__(self, *, size: int, pose: cairocffi.Matrix, light: float) -> None:
        """`pose` maps units of the product to units of the image; `light` is its direction: -1 left to 1 right."""
        self.size = size
        self.light = light
        self.divide = 58.0
        self.surface = cairocffi.ImageSurface(cairocffi.FORMAT_ARGB32, size, size)
        self.context = cairocffi.Context(self.surface)
        self.context.scale(size / 100, size / 100)
        self.context.transform(pose)
        self.context.set_line_cap(cairocffi.LINE_CAP_ROUND)
        self.context.set_line_join(cairocffi.LINE_JOIN_ROUND)
        self._pose = self.context.get_matrix()
        self._sheets: dict[Fabric, cairocffi.ImageSurface] = {}

    def path(self, d: str) -> None:
        """Start a new path from SVG-like data: absolute M, L, C, Q and Z only. Raises ValueError for anything else."""
        context = self.context
        context.new_path()
        for letter, numbers in _steps(d):
            if letter == "C":
                context.curve_to(*numbers)
            elif letter == "L":
                context.line_to(*numbers)
            elif letter == "M":
                context.move_to(*numbers)
            else:
                context.close_path()

    def cloth(self, d: str, fabric: Fabric, *, shade: float = 0.0) -> None:
        """Fill d with the fabric under soft light, with a thin outline; shade above 0 darkens, below 0 lightens."""
        context = self.context
        self.path(d)
        self._set_cloth(fabric)
        context.fill_preserve()
        if shade:
            context.set_source_rgba(*((0, 0, 0, shade) if shade > 0 else (1, 1, 1, -shade)))
            context.fill_preserve()
        context.set_source(self._light(context.path_extents()))
        context.fill_preserve()
        context.set_source_rgba(*seam(fabric), 0.85)
        context.set_line_width(0.7)
        context.stroke()

    def fill(self, d: str, colour: RGB, *, alpha: float = 1.0) -> None:
        """Fill d with one flat colour."""
        self.path(d)
        self.context.set_source_rgba(*colour, alpha)
        self.context.fill()

    def line(self, d: str, colour: RGB, *, width: float, alpha: float = 1.0) -> None:
        """Stroke d, `width` units wide, with round ends."""
        self.path(d)
        self.context.set_source_rgba(*colour, alpha)
        self.context.set_line_width(width)
        self.context.stroke()

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: RGB, *, alpha: float = 1.0) -> None:
        """Fill the upright ellipse around (x, y)."""
        context = self.context
        context.new_path()
        context.save()
        context.translate(x, y)
        context.scale(rx, ry)
        context.arc(0, 0, 1, 0, 6.283185307179586)
        context.restore()
        context.set_source_rgba(*colour, alpha)
        context.fill()

    def nearer(self, times: float) -> None:
        """Enlarge all that is drawn from now on about the centre, pattern too; called before the first cloth."""
        self.context.translate(50, 50)
        self.context.scale(times, times)
        self.context.translate(-50, -50)
        self._pose = self.context.get_matrix()

    def lower(self, units: float) -> None:
        """Move all that is drawn from now on downwards, pattern and `divide` too; called before the first cloth."""
        self.context.translate(0, units)
        self._pose = self.context.get_matrix()

    @contextmanager
    def mirrored(self) -> Iterator[None]:
        """Mirror all that is drawn inside the block at the centre (x = 50): the other sleeve, the other leg."""
        context, matrix, light = self.context, self.context.get_matrix(), self.light
        context.translate(100, 0)
        context.scale(-1, 1)
        self.light = -light
        try:
            yield
        finally:
            context.set_matrix(matrix)
            self.light = light

    @contextmanager
    def within(self, d: str) -> Iterator[None]:
        """Clip all that is drawn inside the block to d: folds, stitches and shadows that must not leave the cloth."""
        self.context.save()
        self.path(d)
        self.context.clip()
        try:
            yield
        finally:
            self.context.restore()

    def _set_cloth(self, fabric: Fabric) -> None:
        if is_flat(fabric):
            self.context.set_source_rgb(*fabric.colour)
            return
        sheet = self._sheets.get(fabric)
        if sheet is None:
            sheet = self._sheets[fabric] = self._sheet(fabric)
        # The sheet lies in pixels, so that one pattern continues through every part of the product.
        matrix = self.context.get_matrix()
        self.context.identity_matrix()
        self.context.set_source_surface(sheet)
        self.context.set_matrix(matrix)

    def _sheet(self, fabric: Fabric) -> cairocffi.ImageSurface:
        sheet = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, self.size, self.size)
        context = cairocffi.Context(sheet)
        context.set_matrix(self._pose)
        paint(context, fabric, divide=self.divide)
        return sheet

    def _light(self, extents: tuple[float, float, float, float]) -> cairocffi.LinearGradient:
        left, top, right, bottom = extents
        x, reach = (left + right) / 2, (right - left) / 2 * self.light
        gradient = cairocffi.LinearGradient(x + reach, top, x - reach, bottom)
        gradient.add_color_stop_rgba(0.0, 1, 1, 1, 0.16)
        gradient.add_color_stop_rgba(0.45, 1, 1, 1, 0.0)
        gradient.add_color_stop_rgba(0.55, 0, 0, 0, 0.0)
        gradient.add_color_stop_rgba(1.0, 0, 0, 0, 0.15)
        return gradient


@lru_cache(maxsize=8192)
def _steps(d: str) -> tuple[Step, ...]:
    tokens = _TOKEN.findall(d)
    if tokens[:1] != ["M"] or "".join(tokens) != re.sub(r"[\s,]", "", d):
        raise ValueError(f"path data {d!r} is not an M followed by absolute M, L, C, Q and Z")
    steps: list[Step] = []
    x = y = 0.0
    letter, place = "", 0
    while place < len(tokens):
        if tokens[place] in _NUMBERS:
            letter, place = tokens[place], place + 1
        count = _NUMBERS[letter]
        numbers = tuple(map(float, tokens[place : place + count]))
        if len(numbers) != count:
            raise ValueError(f"path data {d!r} ends within a {letter}")
        place += count
        if letter == "Q":  # as the equal cubic curve
            a, b, u, v = numbers
            numbers = (x + (a - x) * 2 / 3, y + (b - y) * 2 / 3, u + (a - u) * 2 / 3, v + (b - v) * 2 / 3, u, v)
        steps.append(("C" if letter == "Q" else letter, numbers))
        if numbers:
            x, y = numbers[-2:]
        elif place < len(tokens) and tokens[place] not in _NUMBERS:
            raise ValueError(f"path data {d!r} has numbers after Z")
    return tuple(steps)
