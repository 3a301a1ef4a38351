"""Draw the neck of a garment: openings, bindings, collars, lapels, hoods."""

from training.catalogue.draw.canvas import Canvas
from training.catalogue.draw.fabric import Fabric, contrast, seam, trim
from training.catalogue.draw.palette import luma, toned

Point = tuple[float, float]


def inside(canvas: Canvas, fabric: Fabric, *, neck: Point, depth: float) -> None:
    """Draw the dark inside of the back, seen through the neck opening; drawn before the front."""
    x, y = neck
    canvas.cloth(f"M{x} {y} Q50 {y + 3.5} {100 - x} {y} L{100 - x - 1} {depth} L{x + 1} {depth} Z", fabric, shade=0.42)
    canvas.ellipse(50, y + 4.6, 2.4, 1.3, (0.97, 0.96, 0.93), alpha=0.9)  # the label


def opening(kind: str, *, neck: Point, drop: float) -> str:
    """Return a neckline from the right neck point to the left one: round, v-neck or square, `drop` units deep."""
    x, y = neck
    match kind:
        case "v-neck":
            return f"L50 {y + drop * 2.15} L{x} {y}"
        case "square":
            return f"L{99 - x} {y + drop} L{x + 1} {y + drop} L{x} {y}"
        case _:
            return f"C{99 - x} {y + drop * 1.3} {x + 1} {y + drop * 1.3} {x} {y}"


def binding(canvas: Canvas, fabric: Fabric, d: str, *, neck: Point, width: float) -> None:
    """Draw the ribbed band along a neckline (the path from `opening`)."""
    x, y = neck
    line = f"M{100 - x} {y} {d}"
    canvas.line(line, seam(fabric), width=width + 1.0)
    canvas.line(line, trim(fabric).colour, width=width)


def pointed_collar(canvas: Canvas, fabric: Fabric, *, neck: Point, point: Point, meet: float) -> None:
    """Draw two folded leaves that end in points; they meet in the middle at height `meet`."""
    (nx, ny), (px, py) = neck, point
    back = (
        f"M{nx} {ny - 3} Q50 {ny - 6.5} {100 - nx} {ny - 3} L{100 - nx - 2} {ny + 3} Q50 {ny + 1} {nx + 2} {ny + 3} Z"
    )
    canvas.cloth(back, fabric, shade=0.20)
    leaf = (
        f"M{nx + 1} {ny - 3.4} Q{nx - 3} {ny - 1} {nx - 3} {ny + 3} "
        f"L{px} {py} L50 {meet} Q{nx + 5} {ny + 4} {nx + 1} {ny - 3.4} Z"
    )

    def one() -> None:
        _cast(canvas, leaf)
        canvas.cloth(leaf, fabric, shade=-0.12)
        canvas.line(f"M{nx - 2.4} {ny + 3} L{px} {py} L50 {meet}", seam(fabric), width=1.0)

    one()
    with canvas.mirrored():
        one()


def band_collar(canvas: Canvas, fabric: Fabric, *, neck: Point, height: float) -> None:
    """Draw a standing band around the neck, in the trim's tone, without points."""
    (x, y), h, cloth = neck, height, trim(fabric)
    back = f"M{x + 0.5} {y - h} Q50 {y - h - 3.5} {99.5 - x} {y - h} L{99.5 - x} {y} L{x + 0.5} {y} Z"
    canvas.cloth(back, cloth, shade=0.40)
    front = (
        f"M{x + 0.5} {y - h} Q50 {y + 4.5} {99.5 - x} {y - h} L{100.5 - x} {y + 1} Q50 {y + 6 + h} {x - 0.5} {y + 1} Z"
    )
    canvas.cloth(front, cloth, shade=0.06)
    canvas.line(f"M50 {y + 0.8} L50 {y + 3.6 + h / 2}", seam(cloth), width=0.9)


def lapels(canvas: Canvas, fabric: Fabric, *, neck: Point, spread: float, meet: float) -> None:
    """Draw broad notched lapels around a deep V, down to height `meet`, with a light lining inside."""
    x, y = neck
    lining = contrast(fabric)
    canvas.fill(f"M{x} {y} Q50 {y + 3} {100 - x} {y} L50 {meet} Z", toned(fabric.colour, 0.62))
    canvas.line(f"M{x + 3} {y + 1.6} Q50 {y + 4.4} {97 - x} {y + 1.6}", lining, width=0.8, alpha=0.5)
    notch = y + (meet - y) * 0.42
    lapel = f"M{x + 0.5} {y - 1} L{x - 2.5} {notch - 4} L{x - spread} {notch + 1} L50 {meet} L{x + 3.5} {y + 7} Z"
    collar = (
        f"M{x + 1} {y - 3} L{x - 4} {y + 2} L{x - spread + 0.5} {notch - 5} L{x - 1} {notch - 1.6} L{x + 4} {y + 6} Z"
    )

    def one() -> None:
        _cast(canvas, lapel)
        canvas.cloth(lapel, fabric, shade=-0.16)
        canvas.line(lapel, seam(fabric), width=1.1)
        canvas.cloth(collar, fabric, shade=0.22 if luma(fabric.colour) > 0.2 else -0.22)

    one()
    with canvas.mirrored():
        one()


def hood(canvas: Canvas, fabric: Fabric, *, neck: Point, top: float, half: float) -> None:
    """Draw a big hood above the shoulders, its dark opening to the front."""
    (x, y), h = neck, half
    outer = (
        f"M{x - 3} {y + 7} C{50 - h - 5} {y - 2} {50 - h} {top} 50 {top} "
        f"C{50 + h} {top} {50 + h + 5} {y - 2} {103 - x} {y + 7} Q50 {y + 16} {x - 3} {y + 7} Z"
    )
    _cast(canvas, outer)
    canvas.cloth(outer, fabric, shade=-0.06)
    i = h * 0.66
    hole = (
        f"M50 {y + 10} C{50 - i - 3} {y + 6} {50 - i - 1} {top + 5.5} 50 {top + 5.5} "
        f"C{50 + i + 1} {top + 5.5} {50 + i + 3} {y + 6} 50 {y + 10} Z"
    )
    canvas.cloth(hole, fabric, shade=0.52)
    canvas.line(hole, seam(fabric), width=1.2)


def _cast(canvas: Canvas, d: str) -> None:
    # Soft shadow below a part that lies on top.
    context = canvas.context
    context.save()
    context.translate(0, 1.3)
    canvas.fill(d, (0, 0, 0), alpha=0.22)
    context.restore()
