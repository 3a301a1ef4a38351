"""Builds a snapshot of a gallery and publishes it."""
