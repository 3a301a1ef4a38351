"""A gallery on disk, searched and changed."""
