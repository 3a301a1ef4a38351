"""Tables and product feeds as records of typed attributes."""
