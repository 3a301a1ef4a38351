"""One search of a gallery: request, ranking, result rules, re-ranking."""
