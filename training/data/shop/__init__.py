"""A shop's own products as training data: their attributes, triplets of them, and the frozen towers' features."""
