"""The server log: written by the daemon, read by `kaimonctl log` and the `server_log` tool.

Only the standard library is imported at load time, so that `kaimonctl` stays small and quick.
"""
