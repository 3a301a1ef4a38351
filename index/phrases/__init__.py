"""Phrases of a text that state facts about attributes: "under 50", "from Fjord", "in stock", "in size M"."""
