"""The drawn catalogue: products with exact attributes, their images, texts and triplets."""
