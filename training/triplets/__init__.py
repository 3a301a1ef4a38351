"""Triplets from images alone (InstructCIR, arXiv:2504.00812): pairs, captions, reformulation texts, a filter."""
