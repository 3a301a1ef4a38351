"""Captions and modification texts of the drawn world."""
