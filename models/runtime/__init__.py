"""Sessions: one exported graph, runnable on one machine."""
