"""systemd and launchd: the files they are given, their commands, what they answer. Pure data."""
