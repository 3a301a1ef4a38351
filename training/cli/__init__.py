"""The sub-commands of the training command line, a file each."""
