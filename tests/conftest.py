"""Fixtures for tests that run real programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import find_or_fetch
import private_depot
import pytest

from tests.support.home import CHECKOUT, Home

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def julia(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that let a daemon find the tests' Julia and a depot that needs no network."""
    found: Path = find_or_fetch.find(os.environ, CHECKOUT).path
    depot = private_depot.create(tmp_path_factory.mktemp("depot"), found)
    # juliaup's launcher looks for its Julias in the home directory, which is another one here.
    juliaup = os.environ.get("JULIAUP_DEPOT_PATH", str(Path.home() / ".julia"))
    return {
        **depot,
        "PATH": f"{found.parent}:{os.environ['PATH']}",
        "JULIAUP_DEPOT_PATH": juliaup,
    }


@pytest.fixture
def home(julia: dict[str, str]) -> Iterator[Home]:
    """A home without a running daemon; closing it checks that nothing is left behind."""
    made = Home(julia)
    # On a busy machine Julia may take longer than the usual 5 s to start; the restart in place is
    # given up then, and that is another test.
    made.paths.settings_file.parent.mkdir(mode=0o700, parents=True)
    made.paths.settings_file.write_text("[session]\nrestart_timeout = 60\n")
    yield made
    made.close()


@pytest.fixture
def daemon_home(home: Home) -> Home:
    """A home with a running daemon."""
    home.start_daemon()
    return home
