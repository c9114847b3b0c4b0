"""Why a client's configuration is left alone."""

from __future__ import annotations


class EditError(Exception):
    """A configuration cannot be read, or not be changed without a risk; a clause says why."""
