"""The baseline CLIP4Cir."""
