"""Models: bundles and what runs them; only `models.nets` imports torch."""
