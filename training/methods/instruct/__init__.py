"""InstructCIR: the reformulation network and its combiner."""
