"""The routes, and the middleware around them."""
