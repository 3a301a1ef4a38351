"""The drawn world: categories, colours, attributes, and randomly drawn products."""
