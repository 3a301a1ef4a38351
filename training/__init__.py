"""Makes bundles: data, stages, evaluation, export."""
