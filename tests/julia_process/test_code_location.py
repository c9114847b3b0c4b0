"""Where a process computes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from kaimond import platform
from kaimond.julia_process.code_location import Place, look, place
from tests.support.children import bury
from tests.support.wait import wait_until


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", Place.USER),
        ("/memfd:julia-codegen (deleted)", Place.USER),
        ("/opt/julia/lib/julia/sys.so", Place.IMAGE),
        ("/home/ada/.julia/compiled/v1.10/A/x_y.so", Place.IMAGE),
        ("/opt/julia/lib/julia/libLLVM-9jl.so", Place.COMPILER),
        ("/opt/julia/lib/libjulia-codegen.so.1.10", Place.COMPILER),
        ("/lib/libstdc++.so.6", Place.COMPILER),
        ("/opt/julia/lib/libjulia.so.1.5", Place.RUNTIME),
        ("/opt/julia/lib/libjulia-internal.so.1.10", Place.RUNTIME),
        ("/lib/libc.so.6", Place.SYSTEM),
        ("[vdso]", Place.SYSTEM),
        ("/lib/libopenblas64_.so", Place.FOREIGN),
        ("/lib/libcairo.so.2 (deleted)", Place.FOREIGN),
    ],
)
def test_code_is_known_by_the_file_that_it_is_in(path: str, expected: Place) -> None:
    assert place(path) is expected


async def test_looking_leaves_a_process_as_it_was() -> None:
    child = _counting()
    try:
        assert child.stdout
        for _ in range(20):
            assert Place.USER not in await look(child.pid, 3)
        assert child.stdout.readline()
        assert child.stdout.readline()
        assert child.poll() is None
    finally:
        child.kill()
        child.communicate()


def _counting() -> subprocess.Popen[str]:
    code = (
        "import itertools\nfor n in itertools.count():\n  if n % 100000 == 0: print(n, flush=True)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


async def test_a_process_that_has_ended_is_looked_at_in_vain() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])  # noqa: ASYNC220
    bury(child.pid)
    child.returncode = 0
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(platform.executing, child.pid, 3).result() == []


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not tell")
def test_waiting_for_events_is_told_from_other_sleep() -> None:
    for code, expected in (
        ("import select; select.epoll().poll()", True),
        ("import time; time.sleep(1000)", False),
    ):
        child = subprocess.Popen([sys.executable, "-c", code])
        try:
            if not readable(child.pid):
                pytest.skip("this system does not allow to look")
            if expected:
                wait_until(partial(platform.waits_for_events, child.pid))
            else:
                wait_until(partial(sleeps, child.pid))
                assert not platform.waits_for_events(child.pid)
        finally:
            bury(child.pid)
            child.returncode = 0


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not tell")
@pytest.mark.parametrize(
    ("code", "waits"), [("pass", False), ("import time; time.sleep(0.001)", True)]
)
def test_a_thread_that_computes_is_told_from_one_that_waits_in_between(
    code: str,
    waits: bool,
) -> None:
    child = subprocess.Popen([sys.executable, "-c", f"while True: {code}"])
    try:
        wait_until(lambda: waited_meanwhile(child.pid) is waits)
    finally:
        bury(child.pid)
        child.returncode = 0


def waited_meanwhile(pid: int) -> bool | None:
    """Whether a thread has waited while it computed for some milliseconds; None if it ended."""
    before = now = platform.main_thread(pid)
    while before and now and now.computed < before.computed + 0.005:
        now = platform.main_thread(pid)
    return now.waits > before.waits if before and now else None


def readable(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/task/{pid}/syscall").read_text())
    except OSError:
        return False


def sleeps(pid: int) -> bool:
    seen = platform.main_thread(pid)
    return bool(seen and seen.sleeps)
