"""Evaluation: protocols, results and reports; everything is ranked exactly, without FAISS."""
