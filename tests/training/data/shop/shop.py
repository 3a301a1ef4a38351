"""A small shop of made-up products, and its attributes as plain dictionaries."""

from itertools import product

from training.data.shop.products import ShopProduct


def made(*, split: str = "train") -> list[ShopProduct]:
    """Return every combination of three colours, two kinds, and a collar that dresses alone may have."""
    found = []
    for number, (colour, kind, collar) in enumerate(product(("red", "blue", "green"), ("dress", "mug"), ("", "round"))):
        looks = {"colour": colour, "category": kind} | ({"collar": collar} if collar and kind == "dress" else {})
        found.append(ShopProduct(f"p{number}", f"{number}.png", split, "", looks))  # type: ignore[arg-type]
    return found
