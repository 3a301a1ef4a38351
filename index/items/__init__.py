"""The items of a gallery and their attributes: columns, filters, facets."""
