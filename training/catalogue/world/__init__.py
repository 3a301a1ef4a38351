"""The drawn world: categories, colours, attributes, and products drawn by lot."""
