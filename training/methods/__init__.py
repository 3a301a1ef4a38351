"""Methods: config, stages, run and exported graphs of each in one place."""
