"""One Julia process: the process itself, its gate link, what it does and how well it is."""
