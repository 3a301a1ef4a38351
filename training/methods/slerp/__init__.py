"""The baseline slerp."""
