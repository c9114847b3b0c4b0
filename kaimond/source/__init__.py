"""Whether what a session runs is what the disk holds."""
