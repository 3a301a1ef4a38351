"""The training loop and what every method needs of it."""
