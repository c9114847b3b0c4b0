"""Interrupting what a session evaluates without breaking the session."""
