"""What a model is, and what runs it; only `models.nets` imports torch."""
