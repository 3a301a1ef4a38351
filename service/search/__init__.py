"""The path of a query: prepared, batched, encoded, searched."""
