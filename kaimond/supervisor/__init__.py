"""The operations on all sessions, and what is told of them."""
