"""The commands of ``kaimonctl``, one file each; `kaimond.ctl.command_line` finds them by name."""
