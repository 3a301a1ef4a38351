"""Scene of a product's image: its pose, the background, the shadow and the light."""

import math
from dataclasses import dataclass
from random import Random

import cairocffi

from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.palette import NAMED, RGB, distance, toned

# Usual grounds of product photographs: papers, soft room colours, wood. All are pale or muted, so that no ground is
# taken for the product's colour.
_GROUNDS: tuple[RGB, ...] = (
    (0.93, 0.93, 0.93),
    (0.86, 0.87, 0.88),
    (0.94, 0.92, 0.88),
    (0.88, 0.84, 0.80),
    (0.82, 0.87, 0.85),
    (0.92, 0.86, 0.85),
    (0.81, 0.85, 0.90),
    (0.88, 0.86, 0.92),
    (0.75, 0.76, 0.78),
    (0.72, 0.75, 0.72),
)
_WOODS: tuple[RGB, ...] = ((0.80, 0.70, 0.58), (0.71, 0.62, 0.53), (0.86, 0.80, 0.72))
_APART = 0.36  # the least `distance` of a ground from the product's colour


@dataclass(frozen=True, slots=True)
class Scene:
    """Properties of an image that can vary without changing the product."""

    pose: cairocffi.Matrix
    light: float  # its direction: -1 left to 1 right
    ground: RGB
    wooden: bool
    grain: float  # 0..1, position of the joints between the boards of a wooden ground
    falloff: float  # how much darker the ground is away from the light
    exposure: float  # above 0 lightens the whole image, below 0 darkens it


def scene(colour: str, random: Random) -> Scene:
    """Draw a scene for a product of the named colour, on a ground that it stands out from."""
    wooden = random.random() < 0.16
    grounds = [ground for ground in (_WOODS if wooden else _GROUNDS) if distance(ground, NAMED[colour]) > _APART]
    if not grounds:
        wooden, grounds = False, list(_GROUNDS[-2:])
    return Scene(
        pose=_pose(random),
        light=random.uniform(-0.9, 0.9),
        ground=toned(random.choice(grounds), random.uniform(-0.12, 0.04)),
        wooden=wooden,
        grain=random.random(),
        falloff=random.uniform(0.03, 0.14),
        exposure=random.uniform(-0.06, 0.06),
    )


def compose(canvas: Canvas, scene: Scene) -> cairocffi.ImageSurface:
    """Return the finished image: background, shadow, canvas, vignette and exposure; opaque, as large as the canvas."""
    size = canvas.size
    image = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, size, size)
    context = cairocffi.Context(image)
    context.scale(size / 100, size / 100)
    _background(context, scene)
    # Two blurs of the product's own outline: close and dark, wide and faint.
    _shadow(context, canvas, cells=40, shift=(-0.9 * scene.light, 1.1), alpha=0.26)
    _shadow(context, canvas, cells=14, shift=(-2.6 * scene.light, 3.2), alpha=0.24)
    context.identity_matrix()
    context.set_source_surface(canvas.surface)
    context.paint()
    level = 1.0 if scene.exposure > 0 else 0.0
    context.set_source_rgba(level, level, level, abs(scene.exposure))
    context.paint()
    return image


def _pose(random: Random) -> cairocffi.Matrix:
    scale = random.uniform(0.80, 0.96)
    room = 1.0 + (1.0 - scale) * 24.0
    pose = cairocffi.Matrix()
    pose.translate(50 + random.uniform(-room, room) * 0.6, 50 + random.uniform(-room, room) * 0.5)
    pose.rotate(math.radians(random.uniform(-6.0, 6.0)))
    pose.scale(scale if random.random() < 0.5 else -scale, scale)
    pose.translate(-50, -50)
    return pose


def _background(context: cairocffi.Context, scene: Scene) -> None:
    context.set_source_rgb(*scene.ground)
    context.paint()
    if scene.wooden:
        _boards(context, scene)
    x = 50 + 45 * scene.light
    light = cairocffi.RadialGradient(x, 20, 10, x, 40, 115)
    light.add_color_stop_rgba(0.0, 1, 1, 1, scene.falloff)
    light.add_color_stop_rgba(0.5, 0, 0, 0, 0.0)
    light.add_color_stop_rgba(1.0, 0, 0, 0, scene.falloff * 1.6)
    context.set_source(light)
    context.paint()


def _boards(context: cairocffi.Context, scene: Scene) -> None:
    context.set_source_rgba(*toned(scene.ground, 0.45), 0.35)
    context.set_line_width(0.6)
    for board in range(5):
        y = (board + scene.grain) * 22 - 6
        context.move_to(0, y)
        context.line_to(100, y)
    context.stroke()
    context.set_source_rgba(*toned(scene.ground, 0.4), 0.12)
    context.set_line_width(0.5)
    for vein in range(14):
        y = (vein * 7.7 + scene.grain * 31) % 104 - 2
        bend = 2.2 * math.sin(vein * 2.4 + scene.grain * 6)
        context.move_to(0, y)
        context.curve_to(35, y + bend, 60, y - bend, 100, y + bend / 2)
    context.stroke()


def _shadow(
    context: cairocffi.Context, canvas: Canvas, *, cells: int, shift: tuple[float, float], alpha: float
) -> None:
    # The outline is reduced to a few cells and enlarged again; the filters of both steps blur it.
    small = cairocffi.ImageSurface(cairocffi.FORMAT_A8, cells, cells)
    shrink = cairocffi.Context(small)
    shrink.scale(cells / canvas.size, cells / canvas.size)
    shrink.set_source_surface(canvas.surface)
    shrink.get_source().set_filter(cairocffi.FILTER_GOOD)
    shrink.paint()
    context.save()
    context.translate(*shift)
    context.scale(100 / cells, 100 / cells)
    mask = cairocffi.SurfacePattern(small)
    mask.set_filter(cairocffi.FILTER_BILINEAR)
    context.set_source_rgba(0.10, 0.08, 0.10, alpha)
    context.mask(mask)
    context.restore()
