"""One home for all tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared(julia: dict[str, str]) -> Iterator[Home]:
    """One daemon and one project for all tests of a file, which share a session as agents do."""
    home = Home(julia)
    home.start_daemon()
    home.project()
    yield home
    home.close()
