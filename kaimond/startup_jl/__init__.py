"""Startup files of Julia that let a person's REPL join: what is written into them, and where.

The file belongs to the user; ours is one block between two marks. `block` works on bytes and
decides, `places` knows where the files are, `edit` reads and writes.
"""
