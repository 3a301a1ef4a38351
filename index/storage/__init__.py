"""A gallery on disk: snapshots, the journal of changes, and one view of both."""
