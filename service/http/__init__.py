"""The routes, and what stands before them."""
