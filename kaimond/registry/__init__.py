"""The one authoritative list of sessions."""
