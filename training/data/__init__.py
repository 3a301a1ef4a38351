"""Training data: images, texts, triplets, batches."""
