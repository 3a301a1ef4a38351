"""Writes and reads bundles: ONNX graphs, parity, weights."""
