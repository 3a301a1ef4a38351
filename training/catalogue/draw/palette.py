"""RGB values of the named colours, and their distances."""

from collections.abc import Mapping

RGB = tuple[float, float, float]  # 0..1

# Far enough apart that mild light never makes one look like another.
NAMED: Mapping[str, RGB] = {
    "white": (0.965, 0.965, 0.955),
    "grey": (0.55, 0.56, 0.575),
    "black": (0.095, 0.095, 0.105),
    "beige": (0.86, 0.76, 0.59),
    "brown": (0.44, 0.265, 0.14),
    "pink": (0.98, 0.60, 0.74),
    "red": (0.86, 0.09, 0.12),
    "burgundy": (0.45, 0.03, 0.17),
    "orange": (0.97, 0.49, 0.07),
    "yellow": (0.99, 0.85, 0.15),
    "green": (0.10, 0.56, 0.27),
    "olive": (0.46, 0.47, 0.17),
    "light blue": (0.60, 0.82, 0.96),
    "blue": (0.10, 0.36, 0.85),
    "navy": (0.08, 0.12, 0.36),
    "purple": (0.50, 0.21, 0.65),
}


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Return the colour on the straight line from `first` (share 0) to `second` (share 1)."""
    (r, g, b), (s, t, u) = first, second
    return (r + (s - r) * share, g + (t - g) * share, b + (u - b) * share)


def toned(colour: RGB, amount: float) -> RGB:
    """Return the colour darkened (amount above 0, up to 1: black) or lightened (below 0, down to -1: white)."""
    return mix(colour, (0.0, 0.0, 0.0), amount) if amount > 0 else mix(colour, (1.0, 1.0, 1.0), -amount)


def luma(colour: RGB) -> float:
    """Return the perceived lightness of the colour, 0 to 1."""
    return 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def distance(first: RGB, second: RGB) -> float:
    """Return how different two colours look: the redmean approximation, from 0 (equal) to about 3."""
    red = (first[0] + second[0]) / 2
    r, g, b = (one - other for one, other in zip(first, second, strict=True))
    return float(((2 + red) * r * r + 4 * g * g + (3 - red) * b * b) ** 0.5)
