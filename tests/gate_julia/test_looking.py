"""Who may look at what a session executes: its ancestors, and the daemon that it is told of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond import platform

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess

pytestmark = pytest.mark.julia

RULE = Path("/proc/sys/kernel/yama/ptrace_scope")
ANCESTORS_ONLY = "1"

LOOKER = (
    "import sys\n"
    "from kaimond import platform\n"
    "for line in sys.stdin: print(len(platform.executing(int(line), 1)), flush=True)"
)


def test_a_ping_that_names_no_process_is_answered(gate: GateProcess) -> None:
    for text in ("", "0", "1", "-1", "nobody", "99999999999999999999", "4194304"):
        assert gate.ask("ping", ("daemon", text), answer="pong").text("state") == "idle"


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has this rule")
def test_a_daemon_that_is_no_ancestor_may_look_once_the_session_was_told_of_it(
    fresh: GateProcess,
) -> None:
    if not RULE.exists() or RULE.read_text().strip() != ANCESTORS_ONLY or os.geteuid() == 0:
        pytest.skip("whoever runs this may look at every process")
    assert platform.executing(fresh.pid, 1)
    with subprocess.Popen(
        [sys.executable, "-c", LOOKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert looks(other, fresh.pid) == 0
        fresh.ask("ping", ("daemon", str(other.pid)), answer="pong")
        assert looks(other, fresh.pid) == 1
        other.communicate()


def looks(other: subprocess.Popen[str], pid: int) -> int:
    """How often another process succeeds when it tries once to look at this one."""
    assert other.stdin
    assert other.stdout
    print(pid, file=other.stdin, flush=True)
    return int(other.stdout.readline())
