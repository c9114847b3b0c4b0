"""The user's configuration: kaimond.toml, projects.json, launch options and preferences.

Only the standard library is imported here, so that `kaimonctl` stays small and quick.
"""
