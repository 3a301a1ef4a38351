"""The drawn world: products with exact attributes, their pictures, words and triplets."""
