"""Where the line editor of a terminal comes from: a cache, or the source that the gate has read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gate_julia.gate_process import GateProcess
from tests.gate_julia.test_terminal import Terminal, value
from tests.support import precompiled

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.julia, pytest.mark.timeout(300)]

LOADED = 'join(sort([id.name for id in keys(Base.loaded_modules) if id.name in ({})]), " ")'
PATHS = "LOAD_PATH, DEPOT_PATH"


def loaded(gate: GateProcess, *names: str) -> str:
    """Those of the packages that are loaded."""
    listed = "".join(f'"{name}", ' for name in names)
    return value(gate, LOADED.format(listed))


@pytest.fixture
def cache(julia_program: Path) -> Path:
    """The cache of this Julia; skips the test if it has none."""
    variables = precompiled.variables(julia_program)
    if not variables:
        pytest.skip("this Julia keeps no machine code")
    return Path(variables["KAIMON_CACHE"])


@pytest.mark.smoke
def test_it_is_precompiled_and_loaded_when_somebody_attaches(
    cache: Path, julia_program: Path
) -> None:
    with GateProcess(julia_program) as gate:
        gate.ready()
        assert cache.is_dir()
        assert loaded(gate, "KaimonTerminal") == '""'
        before = value(gate, PATHS)
        with Terminal(gate) as terminal:
            assert loaded(gate, "KaimonTerminal") == '"KaimonTerminal"'
            assert value(gate, PATHS) == before
            assert terminal.enter("6 * 7").endswith("42")
        assert "kaimon:" not in gate.log


def test_a_session_to_which_nobody_attaches_goes_without_the_line_editor(
    fresh: GateProcess,
) -> None:
    if value(fresh, 'VERSION < v"1.11-"') == "true":
        pytest.skip("it is part of the system image")
    assert loaded(fresh, "REPL") == '""'


def gone(cache: Path) -> None:
    shutil.rmtree(cache)


def without_the_terminal(cache: Path) -> None:
    (folder,) = cache.glob("compiled/*/KaimonTerminal")
    shutil.rmtree(folder)


def cut_short(cache: Path) -> None:
    for file in cache.glob("compiled/*/KaimonTerminal/*"):
        os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [gone, without_the_terminal, cut_short])
def test_a_cache_that_is_missing_or_broken_costs_time_only(
    cache: Path, julia_program: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    copy = tmp_path / "cache"
    # With the times that Julia looks at.
    shutil.copytree(cache, copy)
    spoil(copy)
    with GateProcess(julia_program, environment={"KAIMON_CACHE": str(copy)}) as gate:
        gate.ready()
        before = value(gate, PATHS)
        with Terminal(gate) as terminal:
            assert loaded(gate, "KaimonTerminal") == '""'
            assert value(gate, PATHS) == before
            assert terminal.enter("6 * 7").endswith("42")
