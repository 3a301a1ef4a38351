"""Fabric of a product: its colours, its pattern and its texture."""

from dataclasses import dataclass, replace
from random import Random

from training.catalogue.draw.palette import NAMED, RGB, distance, luma, mix, toned
from training.catalogue.world.world import PLAIN, Product

SMOOTH = "smooth"
KNIT = "knit"
TWILL = "twill"
LINEN = "linen"

# Usual textures of a category; all others are smooth.
_TEXTURES: dict[str, tuple[str, ...]] = {
    "t-shirt": (SMOOTH, LINEN),
    "shirt": (SMOOTH, LINEN),
    "sweater": (KNIT,),
    "beanie": (KNIT,),
    "jacket": (SMOOTH, TWILL),
    "coat": (SMOOTH, TWILL),
    "skirt": (SMOOTH, TWILL),
    "trousers": (SMOOTH, TWILL),
    "shorts": (SMOOTH, TWILL),
    "backpack": (SMOOTH, TWILL),
    "cushion": (SMOOTH, LINEN),
}

_DARK: RGB = (0.15, 0.13, 0.13)
_CREAM: RGB = (0.98, 0.95, 0.86)
_BRASS: RGB = (0.83, 0.60, 0.18)


@dataclass(frozen=True, slots=True)
class Fabric:
    """Cloth: `second` is the pattern's colour; `scale` and `phase` size the pattern and move its start."""

    colour: RGB
    second: RGB | None
    pattern: str  # one of world.PATTERNS
    scale: float  # 1 is the usual size of the pattern
    phase: float  # 0..1, the part of one repeat by which the pattern is moved
    texture: str  # smooth, knit, twill or linen: fine and faint, never an attribute


def fabric(product: Product, random: Random) -> Fabric:
    """Draw the product's cloth, its colours slightly varied around the named ones."""
    second = product.look.get("second_colour")
    return Fabric(
        colour=_near(NAMED[product.look["colour"]], random),
        second=None if second is None else _near(NAMED[second], random),
        pattern=product.look["pattern"],
        scale=random.uniform(0.92, 1.12),
        phase=random.random(),
        texture=random.choice(_TEXTURES.get(product.category, (SMOOTH,))),
    )


def contrast(fabric: Fabric) -> RGB:
    """Return a colour for details (buttons, zips, buckles) that stands out from both colours of the fabric."""
    grounds = [fabric.colour] if fabric.second is None else [fabric.colour, fabric.second]
    if len(grounds) == 1:
        return _CREAM if luma(fabric.colour) < 0.5 else _DARK
    return max((_DARK, _CREAM, _BRASS), key=lambda detail: min(distance(detail, ground) for ground in grounds))


def trim(fabric: Fabric) -> Fabric:
    """Return a plain fabric of the same colour, slightly darker (lighter if it is dark): ribbing, bands, soles."""
    dark = luma(fabric.colour) < 0.28
    colour = mix(fabric.colour, (1.0, 1.0, 1.0), 0.14) if dark else toned(fabric.colour, 0.14)
    return replace(fabric, colour=colour, second=None, pattern=PLAIN, texture=SMOOTH)


def patch(fabric: Fabric) -> Fabric:
    """Return the fabric of pockets and plackets: plain on an all-over pattern, which would hide them otherwise."""
    return fabric if fabric.pattern in (PLAIN, "colour-block") else trim(fabric)


def seam(fabric: Fabric) -> RGB:
    """Return the colour of seams, folds and outlines: darker than the fabric, or lighter if darker is not visible."""
    return toned(fabric.colour, -0.30 if luma(fabric.colour) < 0.16 else 0.45)


def _near(colour: RGB, random: Random) -> RGB:
    # One step for all three channels (lightness) and a smaller one for each (hue).
    step = random.uniform(-0.022, 0.022)
    r, g, b = (min(1.0, max(0.0, channel + step + random.uniform(-0.012, 0.012))) for channel in colour)
    return (r, g, b)
