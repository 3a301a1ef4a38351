"""Attributes as numbers: each product's own values, and nothing for those of other categories."""

from training.catalogue.world import attributes, sample


def test_codes_name_the_values_that_the_image_shows() -> None:
    products = [sample.product(number, split="val", seed=5) for number in range(300)]
    codes = attributes.codes(products)
    assert codes.shape == (300, len(attributes.VALUES))
    for product, row in zip(products, codes.tolist(), strict=True):
        read = {
            name: values[code]
            for (name, values), code in zip(attributes.VALUES.items(), row, strict=True)
            if code != attributes.ABSENT
        }
        assert read == product.facts()


def test_no_products_have_no_codes() -> None:
    assert attributes.codes([]).shape == (0, len(attributes.VALUES))
