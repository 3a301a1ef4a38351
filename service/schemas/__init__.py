"""The bodies of requests and responses, exactly as they are sent."""
