"""What a run may be told: the sections of its config, a file for each method."""
