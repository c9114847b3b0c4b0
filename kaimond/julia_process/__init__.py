"""One Julia process: the process itself, its gate link, its activity and its health."""
