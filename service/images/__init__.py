"""Images for browsers, and images that callers name by URL."""
