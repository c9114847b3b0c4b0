"""The commands of ``kaimonctl``, one file each; `kaimond.ctl.command_line` imports them by name."""
