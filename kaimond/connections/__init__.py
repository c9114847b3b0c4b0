"""Connections to the control socket: who is at the other end, and lines in both directions."""
