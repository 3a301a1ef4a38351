"""A composing model for one shop: from its own products to a bundle, if that is better."""
