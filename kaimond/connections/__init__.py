"""Connections to the control socket: the client's identity, and lines in both directions."""
