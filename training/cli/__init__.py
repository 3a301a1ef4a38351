"""Sub-commands of the training command line, one file each."""
