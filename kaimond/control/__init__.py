"""The control socket's server side."""
