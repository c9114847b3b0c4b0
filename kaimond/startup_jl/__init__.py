"""Julia startup files that let a person's REPL join: their content and location.

The file belongs to the user; our part is one block between two marks. `block` has the pure
functions on bytes, `places` finds the files, `edit` reads and writes them.
"""
