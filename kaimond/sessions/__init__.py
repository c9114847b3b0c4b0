"""A session from its start through restarts to its end."""
