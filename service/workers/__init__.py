"""Thread pools with permits, and the batcher."""
