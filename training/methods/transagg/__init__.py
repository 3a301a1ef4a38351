"""The baseline TransAgg."""
