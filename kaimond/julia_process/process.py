"""Owns one Julia process: the only place that signals it or waits for it.

A process is identified by its pid *and* its start time, because pids are reused. Its end is an
event from the kernel (pidfd or kqueue), for our children and for processes that an earlier daemon
started alike; nothing here polls.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

import psutil

from kaimond import platform
from kaimond.errors import KaimonError
from kaimond.registry.record import UNKNOWN, ExitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_CLOCK_STEP: Final = 0.02
"""Tolerance in seconds, as the kernel counts start times in hundredths."""


class ProcessGoneError(KaimonError):
    """The process no longer exists.

    Attributes:
        status: how it ended, as far as known.
    """

    def __init__(self, pid: int, status: ExitStatus = UNKNOWN) -> None:
        super().__init__(f"process {pid} is gone")
        self.status = status


class SessionProcess:
    """A running process. Create it with `spawn` or `adopt`, never directly.

    Attributes:
        pid: the process's pid.
        start: token that distinguishes it from other processes with this pid.
        exited: future that is done once the process is proved to be gone.
    """

    def __init__(self, pid: int, start: str, *, is_child: bool) -> None:
        self.pid = pid
        self.start = start
        self.exited: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        # From here until `_gone` reaps it, the pid of a child cannot be reused.
        self._watch = -1
        try:
            self._watch = platform.open_exit_watch(pid)
        except ProcessLookupError:
            if not is_child:
                raise
            # macOS cannot watch a process that has already ended.
            asyncio.get_running_loop().call_soon(self._gone)
        else:
            asyncio.get_running_loop().add_reader(self._watch, self._gone)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> SessionProcess:
        """Start ``command`` in its own process session, without a terminal, writing to ``log``.

        The process must outlive the daemon, so they share no controlling terminal, no process group
        and no pipe that could break.

        Raises:
            OSError: the process cannot be started.
        """
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            child = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)
        try:
            start = platform.process_start(child.pid)
            assert start is not None, "a child that was not waited for has an entry"
            process = cls(child.pid, start, is_child=True)
        except BaseException:
            # Nobody else knows of this process, so nobody else would ever end it.
            child.kill()
            child.wait()
            raise
        # From here on the process is waited for by pid, as after an upgrade in place. Without this,
        # Popen would warn about a child that is still running.
        child.returncode = 0
        return process

    @classmethod
    def adopt(cls, pid: int, start: str) -> SessionProcess:
        """Take charge of a process that an earlier daemon started.

        Raises:
            ProcessGoneError: it has ended; its pid may belong to another process by now.
            OSError: the system does not provide the information.
        """
        if pid <= 0:
            raise ProcessGoneError(pid)
        try:
            process = cls(pid, start, is_child=False)
        except ProcessLookupError:
            raise ProcessGoneError(pid, _reaped(pid, start)) from None
        # The watch is now on whatever has this pid, which makes the comparison reliable.
        if platform.process_start(pid) != start or platform.is_zombie(pid):
            process.release()
            raise ProcessGoneError(pid, _reaped(pid, start))
        return process

    @property
    def running(self) -> bool:
        """Whether the process exists now; if it does not, its end is handled at once."""
        if self.exited.done():
            return False
        if self._watch < 0 or not platform.has_ended(self._watch):
            return True
        self._gone()
        return False

    def _gone(self) -> None:
        if self.exited.done():
            return
        self.release()
        self.exited.set_result(self._reap())

    def _reap(self) -> ExitStatus:
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            # It was started by an earlier daemon that is gone.
            return UNKNOWN
        return _exit_status(status)

    def release(self) -> None:
        """Stop watching; the process is left alone."""
        if self._watch >= 0:
            asyncio.get_running_loop().remove_reader(self._watch)
            os.close(self._watch)
            self._watch = -1

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone, if it still exists."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def descendants(self) -> list[psutil.Process]:
        """Return all descendants; psutil never signals another process that reuses a pid."""
        try:
            found: list[psutil.Process] = psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []
        return found

    async def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the end; return whether the process has ended."""
        await asyncio.wait([self.exited], timeout=timeout)
        return self.exited.done()


def _reaped(pid: int, start: str) -> ExitStatus:
    """Return how a process ended, if it is our child and ended during an upgrade in place."""
    if platform.process_start(pid) != start:
        # The pid has been reused, maybe by another session, whose exit must not be reaped here.
        return UNKNOWN
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return UNKNOWN
    return _exit_status(status) if found else UNKNOWN


def _exit_status(status: int) -> ExitStatus:
    code = os.waitstatus_to_exitcode(status)
    return ExitStatus(code=code) if code >= 0 else ExitStatus(signal=-code)


def started_since(processes: Sequence[psutil.Process], when: float) -> list[psutil.Process]:
    """Return the processes that started at ``when`` (seconds since the epoch) or later."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.create_time() >= when - _CLOCK_STEP:
                found.append(process)
    return found


async def end_descendants(processes: Sequence[psutil.Process], grace: float) -> None:
    """End leftover processes with SIGTERM, and after ``grace`` seconds with SIGKILL."""
    remaining = [process for process in processes if _signalled(process, signal.SIGTERM)]
    if remaining:
        _, stubborn = await asyncio.to_thread(psutil.wait_procs, remaining, grace)
        for process in stubborn:
            _signalled(process, signal.SIGKILL)


def _signalled(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        process.send_signal(number)
    except psutil.Error:
        return False
    return True
