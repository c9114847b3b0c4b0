"""Starts, watches and ends the Julia processes."""
