"""The two-stage method: mapping, then composing."""
