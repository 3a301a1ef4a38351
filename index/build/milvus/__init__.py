"""Builds of galleries in Milvus."""
