"""Pic2Word, SEARLE and LinCIR: an image as one pseudo-word."""
