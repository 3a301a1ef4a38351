"""Parts of a stage that several methods share."""
