"""The authoritative list of sessions."""
