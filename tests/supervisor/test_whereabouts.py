"""Where a process computes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kaimond import platform
from kaimond.supervisor.whereabouts import in_compiler, in_user_code, look
from tests.support.children import bury

JIT, MEMFD = "", "/memfd:julia-codegen (deleted)"
SYSTEM, PACKAGE = "/opt/julia/lib/julia/sys.so", "/home/ada/.julia/compiled/v1.10/A/x_y.so"
LLVM, CODEGEN = "/opt/julia/lib/julia/libLLVM-9jl.so", "/opt/julia/lib/libjulia-codegen.so.1.10"
RUNTIME, LIBC = "/opt/julia/lib/libjulia.so.1.5", "/lib/libc.so.6"


@pytest.mark.parametrize("seen", [[JIT], [JIT, JIT], [JIT, SYSTEM], [MEMFD, PACKAGE]])
def test_compiled_code_of_the_user_is_told_from_everything_else(seen: list[str]) -> None:
    assert in_user_code(seen)
    for other in (LLVM, CODEGEN, RUNTIME, LIBC, "/lib/liberty.so (deleted)"):
        assert not in_user_code([*seen, other])


@pytest.mark.parametrize("seen", [[], [SYSTEM], [SYSTEM, PACKAGE]])
def test_nothing_seen_and_code_of_base_alone_are_not_the_users(seen: list[str]) -> None:
    """Type inference is code of Base."""
    assert not in_user_code(seen)


def test_the_compiler_is_known_by_its_libraries() -> None:
    assert in_compiler([SYSTEM, LLVM])
    assert in_compiler([CODEGEN])
    assert not in_compiler([SYSTEM, JIT, RUNTIME, LIBC])


async def test_looking_leaves_a_process_as_it_was() -> None:
    child = _counting()
    try:
        assert child.stdout
        for _ in range(20):
            seen = await look(child.pid, 3)
            assert all("python" in path or ".so" in path for path in seen)
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
