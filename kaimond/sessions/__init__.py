"""Session lifecycle: start, restart and end."""
