"""Replicas: snapshots that are pushed to a place and pulled to other machines, by the digests of their files."""
