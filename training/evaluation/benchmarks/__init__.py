"""Benchmarks, a file each."""
