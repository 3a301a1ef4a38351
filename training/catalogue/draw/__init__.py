"""Draws products with Cairo."""
