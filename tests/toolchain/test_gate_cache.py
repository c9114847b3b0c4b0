"""Where the precompiled gate is, who makes it, and what comes of a failure."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond.toolchain import gate_cache
from kaimond.toolchain.find_julia import Julia
from kaimond.toolchain.gate_cache import GateCache, GateCaches, PrecompileError, cache_for
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp") as path:
        yield Path(path)


def program(folder: Path, text: str, name: str = "julia") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def lives(pid: int) -> bool:
    # Who is not waited for by anybody stays as a zombie.
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def key(folder: Path, version: str, *flags: str, **environ: str) -> Path | None:
    julia = Julia(program(folder, ""), version)
    os.utime(julia.path, (1, 1))
    cache = cache_for(folder / "gate", julia, flags, environ)
    return cache.path if cache else None


def test_a_julia_whose_caches_hold_no_machine_code_has_none(folder: Path) -> None:
    assert key(folder, "1.8.5") is None
    assert key(folder, "1.9.0") is not None
    assert key(folder, "1.12.1-rc1") is not None


@pytest.mark.parametrize("flag", ["--pkgimages=no", "--compiled-modules=no", "--code-coverage"])
def test_sessions_whose_flags_rule_out_caches_have_none(folder: Path, flag: str) -> None:
    assert key(folder, "1.12.0", "--threads=2", flag) is None


def test_sessions_that_compile_alike_share_one_whatever_their_threads_are(folder: Path) -> None:
    plain = key(folder, "1.12.0")
    assert key(folder, "1.12.0", "--threads=4,1", "-t", "3", "--heap-size-hint=1G") == plain
    assert key(folder, "1.12.0", "-O3") != plain
    assert key(folder, "1.12.0", "--check-bounds=yes") != plain
    assert key(folder, "1.12.0", JULIA_CPU_TARGET="generic") != plain


def test_another_build_of_julia_at_the_same_place_has_another(folder: Path) -> None:
    before = key(folder, "1.12.0")
    julia = Julia(str(folder / "julia"), "1.12.0")
    os.utime(julia.path, (2, 2))
    after = cache_for(folder / "gate", julia, (), {})
    assert after
    assert after.path != before


async def test_a_cache_is_put_in_its_place_whole_and_replaces_an_older_one(folder: Path) -> None:
    julia = program(folder, 'echo made by "$1" "$2" > "$4"/mark')
    cache = GateCache(folder / "gate" / "key", (julia, "-O2"))
    cache.path.mkdir(parents=True)
    (cache.path / "old").touch()
    await gate_cache.make(cache, dict(os.environ))
    assert [path.name for path in cache.path.iterdir()] == ["mark"]
    assert (cache.path / "mark").read_text() == "made by -O2 --startup-file=no\n"
    assert [path.name for path in cache.path.parent.iterdir()] == ["key"]
    assert cache.path.stat().st_mode & 0o777 == 0o700


async def test_one_that_cannot_be_made_leaves_the_older_one_and_says_what_julia_said(
    folder: Path,
) -> None:
    cache = GateCache(folder / "gate" / "key", (program(folder, "echo no room; exit 3"),))
    cache.path.mkdir(parents=True)
    with pytest.raises(PrecompileError, match="code 3 and said: no room"):
        await gate_cache.make(cache, dict(os.environ))
    assert [path.name for path in cache.path.parent.iterdir()] == ["key"]


async def test_a_home_that_cannot_be_written_to_is_an_error_of_its_own(folder: Path) -> None:
    (folder / "gate").write_text("in the way")
    cache = GateCache(folder / "gate" / "key", (program(folder, ""),))
    with pytest.raises(PrecompileError):
        await gate_cache.make(cache, dict(os.environ))


async def test_what_makes_it_ends_with_whoever_waits_and_leaves_nothing(folder: Path) -> None:
    julia = program(folder, f"sleep 1000 & echo $! > {folder}/pid; wait")
    cache = GateCache(folder / "gate" / "key", (julia,))
    making = asyncio.create_task(gate_cache.make(cache, dict(os.environ)))
    pid_file = folder / "pid"
    await until(lambda: pid_file.exists() and pid_file.read_text().strip())
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    child = int(pid_file.read_text())
    await until(lambda: not lives(child))
    assert list(cache.path.parent.iterdir()) == []


async def test_those_that_no_session_has_loaded_for_a_month_are_removed(folder: Path) -> None:
    cache = GateCache(folder / "gate" / "key", (program(folder, ""),))
    long_ago = time.time() - 31 * 86_400
    for name in ("unused", "used"):
        (cache.path.parent / name).mkdir(parents=True)
    (cache.path.parent / "used" / "x.ji").touch()
    for name in ("unused", "used"):
        os.utime(cache.path.parent / name, (long_ago, long_ago))
    await gate_cache.make(cache, dict(os.environ))
    assert sorted(path.name for path in cache.path.parent.iterdir()) == ["key", "used"]


async def test_a_cache_that_cannot_be_made_is_tried_once_and_told_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    julia = program(folder, f"echo tried >> {folder}/tries; exit 1")
    cache = GateCache(folder / "gate" / "key", (julia,))
    caches = GateCaches()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await caches.make_missed(cache, dict(os.environ))
    assert (folder / "tries").read_text() == "tried\n"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"could not be precompiled for {julia}" in caplog.text
