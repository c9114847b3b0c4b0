"""Proof from outside that sessions run the source that is on the disk, or words why not."""
