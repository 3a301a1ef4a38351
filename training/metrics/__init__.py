"""Metrics of retrieval, computed on exact scores and rankings."""
