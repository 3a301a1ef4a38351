"""Data of a run: from a section of its config to a dataset, drawn or of files."""
