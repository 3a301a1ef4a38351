"""Drawing of products with Cairo."""
