"""HTTP, and nothing that could live lower."""
