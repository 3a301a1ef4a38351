"""Readers of public data formats, a file each."""
