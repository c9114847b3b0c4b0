"""The daemon's end of the wire to each Julia process."""
