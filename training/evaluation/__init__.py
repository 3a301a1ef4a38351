"""Metrics, protocols and reports; everything is ranked exactly, without FAISS."""
