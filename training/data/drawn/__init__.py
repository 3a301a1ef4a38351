"""The drawn world as training data."""
