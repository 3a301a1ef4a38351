"""Index jobs: each runs in its own process, and a swap follows."""
