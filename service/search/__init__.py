"""The way of a query: prepared, batched, encoded, searched."""
