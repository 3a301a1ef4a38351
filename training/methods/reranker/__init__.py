"""A re-ranker of the first hits."""
