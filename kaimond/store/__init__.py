"""The database of sessions, evals and the request journal; one daemon is its only writer."""
