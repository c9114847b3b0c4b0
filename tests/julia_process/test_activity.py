"""What a process does, as it can be seen from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from kaimond.julia_process import activity as module
from kaimond.julia_process.activity import Activity, Sample, activity, sample
from tests.support.children import bury
from tests.support.wait import until

CHILD, OTHER = (7, 1.0), (8, 1.0)
NAMES = {CHILD: "gcc", OTHER: "ld"}
THEN = Sample(100.0, 10.0, {}, {}, 0.0, 0, stopped=False)


def later(own: float, children: dict[tuple[int, float], float] | None = None) -> Sample:
    return replace(THEN, at=110.0, own=THEN.own + own, children=children or {}, names=NAMES)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (9.7, "using the CPU (97 %)"),
        (38.0, "using the CPU (380 %)"),
        (2.0, "using the CPU in part (20 %)"),
        (0.01, "waiting (0 % CPU)"),
    ],
)
def test_cpu_time_tells_computing_from_waiting(own: float, words: str) -> None:
    assert activity(THEN, later(own)) == words


def test_a_process_whose_children_compute_waits_for_them() -> None:
    said = activity(THEN, later(0.0, {CHILD: 9.0, OTHER: 1.0}))
    assert said == "waiting for the child process gcc (7), CPU of its children 100 %"
    ended = replace(later(0.0), reaped=5.0)
    assert activity(THEN, ended) == "waiting for child processes, CPU of its children 50 %"


def test_precompilation_is_called_so_also_between_two_packages() -> None:
    at_work = replace(later(0.0, {CHILD: 2.0, OTHER: 8.0}), precompiling=frozenset({CHILD}))
    said = activity(THEN, at_work)
    assert said == "precompiling packages in the child process gcc (7), CPU of its children 100 %"
    starved = replace(at_work, children={CHILD: 0.0})
    assert activity(THEN, starved).startswith("precompiling packages in the child process gcc (7)")
    done = replace(at_work, at=120.0, children={}, precompiling=frozenset(), reaped=15.0)
    assert activity(at_work, done) == "precompiling packages, CPU of its children 50 %"


def test_what_a_child_had_used_before_is_not_counted_again_when_it_ends() -> None:
    before = replace(THEN, children={CHILD: 500.0})
    assert activity(before, replace(later(0.0), reaped=500.0)) == "waiting (0 % CPU)"


def test_a_stopped_process_is_called_stopped() -> None:
    assert "stopped" in activity(THEN, replace(later(0.0), stopped=True))


def _endless() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def test_a_child_that_precompiles_is_known_by_its_arguments() -> None:
    arguments = [sys.executable, "-c", "input()", "--output-incremental=yes", "-"]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE)
    try:
        seen = sample(os.getpid())
        assert seen
        assert {pid for pid, _ in seen.precompiling} == {child.pid}
    finally:
        child.communicate()


async def test_a_real_process_is_seen_computing_then_stopped_then_not_at_all() -> None:
    child = _endless()
    try:
        seen = Activity(child.pid)

        async def says(words: str) -> bool:
            return words in await seen.now()

        await until(lambda: says("using the CPU"))
        os.kill(child.pid, signal.SIGSTOP)
        await until(lambda: says("stopped"))
    finally:
        bury(child.pid)
        child.returncode = 0
    await until(lambda: sample(child.pid) is None)
    assert await Activity(child.pid).now() == ""


async def test_who_asks_while_it_is_looked_is_not_told_what_was_seen_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    stopped = False

    def look(_pid: int) -> Sample:
        nonlocal looks
        looks += 1
        return replace(THEN, at=time.monotonic(), stopped=stopped)

    monkeypatch.setattr(module, "sample", look)
    monkeypatch.setattr(module, "FRESH", module.STRETCH)
    seen = Activity(0)
    assert "waiting" in await seen.now()
    await asyncio.sleep(module.STRETCH)
    stopped, before = True, looks
    first = asyncio.create_task(seen.now())
    await until(lambda: looks > before)
    assert "stopped" in await seen.now()
    assert "stopped" in await first
