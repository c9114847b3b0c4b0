"""The lock that keeps SIGINTs from a session's own work."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from kaimond.julia_process.signal_lock import SignalLock

if TYPE_CHECKING:
    from pathlib import Path


def held_by_another(path: Path) -> bool:
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def test_without_a_gate_that_can_be_told_no_signal_is_sent(tmp_path: Path) -> None:
    with SignalLock(tmp_path / "k.lock").taken() as may:
        assert not may


def test_while_the_gate_works_no_signal_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "k.lock"
    path.touch()
    gate = os.open(path, os.O_RDWR)
    fcntl.flock(gate, fcntl.LOCK_EX)
    with SignalLock(path).taken() as may:
        assert not may
    os.close(gate)


def test_while_a_signal_is_on_its_way_the_gate_goes_no_further(tmp_path: Path) -> None:
    path = tmp_path / "k.lock"
    path.touch()
    with SignalLock(path).taken() as may:
        assert may
        assert held_by_another(path)
    assert not held_by_another(path)
