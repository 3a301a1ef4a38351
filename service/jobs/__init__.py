"""Rebuilds in processes of their own, and the swap that follows."""
