"""The small CLIP, trained from random weights."""
