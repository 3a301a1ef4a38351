"""Estimates of the machines that a gallery needs, from measurements of this repository and published figures."""
