"""Finds the service manager for ``kaimonctl``, writes its files and runs its commands.

`kaimond.service_manager` decides, without side effects, what is written and run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond import paths, runtime
from kaimond.config import files as config_files
from kaimond.ctl.output import CtlError, ExitCode
from kaimond.service_manager import service_state
from kaimond.service_manager.launchd import Launchd
from kaimond.service_manager.service_plan import MARK, Installation, ServiceState
from kaimond.service_manager.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaimond.service_manager.service_plan import File, Manager, Step

TIMEOUT: Final = 180.0
"""Seconds for one command of the manager; longer than the longest orderly end in the unit."""


class NoManagerError(CtlError):
    """Nothing on this machine starts programs when a user logs in."""


def find() -> Manager:
    """Return this user's service manager.

    Raises:
        NoManagerError: there is none, or this shell uses another daemon than the manager's.
    """
    elsewhere = os.environ.get("KAIMON_RUNTIME_DIR", "")
    if elsewhere:
        raise NoManagerError(
            f"KAIMON_RUNTIME_DIR is set, so this shell means the daemon in {elsewhere}; the "
            "service is the one that every client finds without it. Nothing was changed. Unset it "
            "first, or start that daemon with `kaimond --detach`."
        )
    where = paths.resolve()
    installation = Installation(
        home=Path.home(),
        uid=os.getuid(),
        environment=dict(os.environ),
        error_file=where.state / "log" / "launchd.log",
    )
    if sys.platform == "darwin":
        return Launchd(installation)
    if service_state.systemd_runs(installation.uid) and shutil.which("systemctl"):
        return Systemd(installation)
    raise NoManagerError(
        f"there is no service manager for user {installation.uid} here (systemd's user instance "
        "does not run), so kaimond cannot be a service. Nothing was changed. It starts with the "
        "first agent that needs it; to have it in the background now: kaimond --detach"
    )


def write(manager: Manager) -> dict[Path, bool]:
    """Bring the manager's files up to date; return for each whether it changed.

    Raises:
        CtlError: a file of that name is not ours, or cannot be written.
    """
    files = manager.files()
    for file in files:
        if not ours(file.path):
            raise CtlError(
                f"{file.path} was not written by kaimonctl. Nothing was changed. Move it away, "
                "and run this again."
            )
    try:
        for folder in manager.folders():
            runtime.ensure_private(folder)
    except runtime.UnsafeDirectoryError as error:
        raise CtlError(str(error)) from None
    return {file.path: _write(file, manager) for file in files}


def ours(path: Path) -> bool:
    """Return whether we may replace or remove the file at ``path``; also true if there is none.

    A link was set up by somebody else, wherever it points.
    """
    try:
        return not path.is_symlink() and MARK in path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False


def current(file: File) -> bool:
    """Return whether the file exists with exactly the content that would be written now."""
    try:
        return file.path.read_text(encoding="utf-8") == file.text
    except (OSError, UnicodeDecodeError):
        return False


def _write(file: File, manager: Manager) -> bool:
    if current(file):
        return False
    # Not beside the file, because the directory belongs to the manager.
    lock = paths.resolve().state / "service"
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with config_files.locked(lock):
            config_files.replace(file.path, file.text.encode())
    except OSError as error:
        raise CtlError(
            f"{file.path} cannot be written ({error.strerror or error}), and is as it was. "
            f"{manager.name} was told of nothing. Mend that, and run this again."
        ) from None
    return True


def remove(files: Sequence[File]) -> list[Path]:
    """Remove our files; return those that existed."""
    removed = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            file.path.unlink()
            removed.append(file.path)
    return removed


def carry_out(manager: Manager, steps: Sequence[Step]) -> None:
    """Run commands one after the other.

    Raises:
        CtlError: a necessary command failed; the message has the reason, if the manager gives one.
    """
    for step in steps:
        code, _, said = _run(step.command)
        if code and step.needed:
            raise CtlError(
                f"{manager.name} could not {step.aim}: {said or f'exit code {code}'}"
                f"{_last_words(manager)}"
            )


def state(manager: Manager) -> ServiceState:
    """Return the current state of the service, as the manager reports it."""
    code, output, _ = _run(manager.question())
    return manager.state(code, output)


def _last_words(manager: Manager) -> str:
    _, output, _ = _run(manager.complaint())
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f" Last in its log: {' / '.join(lines)}" if lines else ""


def _run(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command; return its exit code, stdout and stderr."""
    try:
        done = subprocess.run(
            list(command),
            env=service_state.manager_environment(os.environ, os.getuid()) | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except OSError as error:
        return 127, "", str(error)
    except subprocess.TimeoutExpired:
        raise CtlError(
            f"{' '.join(command)} has not ended for {TIMEOUT:.0f} s. What it was to do may or may "
            "not be done; see `kaimonctl service status`.",
            ExitCode.UNKNOWN,
        ) from None
    return done.returncode, done.stdout, " ".join(done.stderr.split())
