"""The daemon's side of the connection to each Julia process."""
