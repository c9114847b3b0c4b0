"""Finds the Julia to start, and makes sure that it is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = (1, 5)
"""The oldest Julia that the gate supports."""

_VERSION: Final = re.compile(r"julia version (\d+)\.(\d+)\.(\S+)")
_ASK_TIMEOUT: Final = 60.0
"""Seconds for `julia --version`; a first call through juliaup may install something."""


class JuliaError(Exception):
    """No Julia can be started; the message says why and what to do."""


@dataclass(frozen=True)
class Julia:
    """A Julia that has told its version.

    Attributes:
        path: of the binary or wrapper.
        version: as it says, for example "1.11.2".
    """

    path: str
    version: str

    @property
    def minor(self) -> str:
        """Major and minor number, as manifests and folders have them: "1.11"."""
        return ".".join(self.version.split(".")[:2])


class Julias:
    """Finds Julias, asking each binary for its version once as long as its file does not change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}

    async def find(self, command: str, environ: Mapping[str, str], *, wanted_by: str) -> Julia:
        """The Julia that ``command`` means.

        Args:
            command: a path, or a name that is looked up in PATH.
            environ: for PATH, and for the Julia that is asked for its version.
            wanted_by: what named the command, for error messages.

        Raises:
            JuliaError: there is none, it does not run, or it is too old.
        """
        path = self._locate(command, environ, wanted_by)
        found = os.stat(path)  # noqa: PTH116 - the same call on every path type
        known = (path, found.st_mtime_ns, found.st_size)
        version = self._known.get(known)
        if version is None:
            version = await self._ask(path, environ, wanted_by)
            self._known[known] = version
        major, minor = (int(part) for part in version.split(".")[:2])
        if (major, minor) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise JuliaError(
                f"{path} is Julia {version}; kaimond needs {oldest} or newer. No session was "
                f"started. Install a newer Julia (https://julialang.org/downloads), or name one in "
                f"{wanted_by}."
            )
        return Julia(path, version)

    @staticmethod
    def _locate(command: str, environ: Mapping[str, str], wanted_by: str) -> str:
        if "/" in command:
            path = Path(command).expanduser()
            if os.access(path, os.X_OK) and path.is_file():
                return str(path)
            raise JuliaError(
                f"{path}, named in {wanted_by}, is not a program that can be run. "
                "No session was started. Correct the path."
            )
        home = environ.get("HOME", "")
        # A service manager's PATH is short; juliaup's own folder is where most Julias are.
        search = os.pathsep.join(
            (environ.get("PATH", os.defpath), f"{home}/.juliaup/bin", "/usr/local/bin")
        )
        found = shutil.which(command, path=search)
        if found:
            return found
        raise JuliaError(
            f"there is no `{command}` on the PATH of kaimond, which is that of whoever started it. "
            "No session was started. Install Julia (https://julialang.org/downloads), or put its "
            'path into kaimond.toml ([julia] command = "/path/to/julia"), and then restart kaimond '
            "with `kaimonctl stop`; the next call starts it again."
        )

    @staticmethod
    async def _ask(path: str, environ: Mapping[str, str], wanted_by: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                "--version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(environ),
                start_new_session=True,
            )
        except OSError as error:
            raise JuliaError(
                f"{path}, named in {wanted_by}, cannot be run: {error.strerror}. "
                "No session was started."
            ) from None
        try:
            async with asyncio.timeout(_ASK_TIMEOUT):
                output, _ = await process.communicate()
        except TimeoutError:
            raise JuliaError(
                f"{path} --version did not answer within {_ASK_TIMEOUT:g} s. "
                "No session was started."
            ) from None
        finally:
            if process.returncode is None:
                # It leads a group of its own; a wrapper's children go with it.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        match = _VERSION.search(output.decode("utf-8", "replace"))
        if not match:
            said = output.decode("utf-8", "replace").strip()[-500:] or "nothing"
            raise JuliaError(
                f"{path}, named in {wanted_by}, is not Julia: `--version` ended with code "
                f"{process.returncode} and said: {said}. No session was started."
            )
        return ".".join(match.groups())
