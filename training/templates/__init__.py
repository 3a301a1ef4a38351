"""Captions and difference texts, written from templates without a language model."""
