"""systemd and launchd: the files for them, their commands, their answers. Pure data."""
