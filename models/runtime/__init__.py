"""ONNX Runtime on a device: the providers, their options and libraries, and one graph ready to run."""
