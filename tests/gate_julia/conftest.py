"""One session for all tests that leave it as they found it, and fresh ones for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import GateProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shared(julia_program: Path) -> Iterator[GateProcess]:
    """A session that the tests of one file share; each leaves it idle."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        yield gate


@pytest.fixture
def gate(shared: GateProcess) -> GateProcess:
    """The shared session, known to be idle and alive before the test."""
    assert shared.ping().text("state") == "idle"
    return shared


@pytest.fixture
def fresh(julia_program: Path) -> Iterator[GateProcess]:
    """A session of the test's own."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        yield gate
