"""Checks whether sessions run the source that is on the disk."""
