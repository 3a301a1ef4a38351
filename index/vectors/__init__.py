"""The vectors of a snapshot: exact scores, FAISS shards, ranking and recall."""
