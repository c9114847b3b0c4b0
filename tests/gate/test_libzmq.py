"""The libzmq that Julia shall load."""

from __future__ import annotations

import ctypes
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
import zmq

from kaimond.gate import libzmq
from tests.support.home import CHECKOUT, PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.home import Home

SOURCES = CHECKOUT / "kaimond" / "julia" / "Kaimon" / "src"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    libzmq.libzmq_path.cache_clear()
    yield
    libzmq.libzmq_path.cache_clear()


def test_it_is_the_library_that_pyzmq_uses() -> None:
    library = ctypes.CDLL(libzmq.libzmq_path())
    numbers = [ctypes.c_int() for _ in range(3)]
    library.zmq_version(*(ctypes.byref(number) for number in numbers))
    assert tuple(number.value for number in numbers) == zmq.zmq_version_info()


def test_it_is_found_beside_pyzmq_when_the_system_does_not_tell_what_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "zmq").mkdir()
    (tmp_path / "pyzmq.libs").mkdir()
    (tmp_path / "pyzmq.libs" / "libzmq-1234.so.5").touch()
    monkeypatch.setattr(libzmq, "_loaded", list)
    monkeypatch.setattr(zmq, "__file__", str(tmp_path / "zmq" / "__init__.py"))
    assert libzmq.libzmq_path() == str(tmp_path / "pyzmq.libs" / "libzmq-1234.so.5")


def test_if_there_is_none_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(libzmq, "_loaded", list)
    monkeypatch.setattr(zmq, "__file__", str(tmp_path / "zmq" / "__init__.py"))
    with pytest.raises(libzmq.LibzmqNotFoundError) as caught:
        libzmq.libzmq_path()
    assert "No session can be started" in str(caught.value)
    assert "pip install --force-reinstall pyzmq" in str(caught.value)


def test_what_the_gate_tells_a_person_to_type_starts_a_daemon_that_tells_where_it_is(
    home: Home,
) -> None:
    told = [
        re.findall(pattern, (SOURCES / name).read_text(encoding="utf-8"))
        for name, pattern in (
            ("serving.jl", r"Start kaimond once \(`([^`]+)`\), which tells where"),
            ("gate.jl", r"no daemon has come yet; `([^`]+)` starts one"),
        )
    ]
    assert told[0] == told[1]
    ((command,), _) = told
    program, *arguments = shlex.split(command)
    done = subprocess.run([PROGRAMS / program, *arguments], env=home.env, check=False, timeout=100)
    assert done.returncode == 0
    assert (home.paths.state / "libzmq").read_text().strip() == libzmq.libzmq_path()
