"""Finds the Julia to start, and makes sure that it is one.

It may be named by a path, a program's name or a juliaup channel. In each case the result is the
real binary, never juliaup's launcher.
"""

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

from kaimond.errors import KaimonError
from kaimond.toolchain import juliaup
from kaimond.toolchain.juliaup import Chosen, JuliaupError

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = (1, 5)
"""The oldest Julia that the gate supports."""

_VERSION: Final = re.compile(r"julia version (\d+)\.(\d+)\.(\S+)")
_CHANNEL: Final = re.compile(r"(?:julia +)?\+(\S+)|(\d\S*)")
"""The ways to write a juliaup channel: as on the command line, or as a version."""

_USUAL: Final = ("/usr/local/bin", "/opt/homebrew/bin")

_ASK_TIMEOUT: Final = 60.0
"""Seconds for `julia --version`, which reads little, but maybe from a slow disk."""


class JuliaError(KaimonError):
    """An error about a Julia that cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class Julia:
    """A Julia that has reported its version.

    Attributes:
        path: the path of the binary or wrapper.
        version: as it reports it, for example "1.11.2".
        args: arguments before all flags, as a channel made with `juliaup link` can have.
    """

    path: str
    version: str
    args: tuple[str, ...] = ()

    @property
    def minor(self) -> str:
        """The major and minor number, as in manifests and folders: "1.11"."""
        return ".".join(self.version.split(".")[:2])


class Julias:
    """A finder of Julias that asks each binary for its version once while its file is unchanged."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}

    async def find(
        self,
        command: str,
        environ: Mapping[str, str],
        *,
        wanted_by: str,
        project: Path | None = None,
    ) -> Julia:
        """Return the Julia that ``command`` means.

        Args:
            command: a path, a name that is looked up in PATH, or a juliaup channel: "+lts", "1.10".
            environ: for PATH and juliaup, and for the Julia that is asked for its version.
            wanted_by: what named the command, for error messages.
            project: the directory that the Julia is for; juliaup can have a channel for it.

        Raises:
            JuliaError: there is none, it does not run, or it is too old.
        """
        try:
            chosen = locate(command, environ, wanted_by, project)
        except JuliaupError as error:
            raise JuliaError(f"No session was started: {error}") from None
        path = chosen.path
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
        return Julia(path, version, chosen.args)

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
                # It leads its own process group; a wrapper's children end with it.
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


def locate(
    command: str, environ: Mapping[str, str], wanted_by: str, project: Path | None = None
) -> Chosen:
    """Return the binary that ``command`` means; for the arguments see `Julias.find`.

    Raises:
        JuliaError: there is none.
        JuliaupError: it is for juliaup to provide, and juliaup does not have it.
    """
    channel = _CHANNEL.fullmatch(command.strip())
    if channel:
        return _of_channel(channel[1] or channel[2], environ, wanted_by)
    if "/" in command:
        path = Path(os.path.expanduser(command))  # noqa: PTH111 - never raises
        if not (os.access(path, os.X_OK) and path.is_file()):
            raise JuliaError(
                f"{path}, named in {wanted_by}, is not a program that can be run. "
                "No session was started. Correct the path."
            )
        return _behind_launcher(str(path), environ, project)
    home = environ.get("HOME", "")
    # A service manager's PATH is short; most Julias are in these folders.
    search = (environ.get("PATH", os.defpath), f"{home}/.juliaup/bin", *_USUAL)
    found = shutil.which(command, path=os.pathsep.join(search))
    if found:
        return _behind_launcher(found, environ, project)
    known = juliaup.load(environ) if command == "julia" else None
    if known and known.default:
        return known.find(*known.channel_for(project, environ))
    raise JuliaError(
        f"there is no `{command}` on the PATH of kaimond, which is that of whoever started it, nor "
        f"in {home}/.juliaup/bin. No session was started. Install Julia "
        "(https://julialang.org/downloads), or put its path into kaimond.toml "
        '([julia] command = "/path/to/julia"), and then restart kaimond with `kaimonctl stop`; '
        "the next call starts it again."
    )


def _of_channel(channel: str, environ: Mapping[str, str], wanted_by: str) -> Chosen:
    known = juliaup.load(environ)
    if known is None:
        raise JuliaError(
            f"{wanted_by} asks for the juliaup channel `{channel}`, but there is no juliaup: "
            f"{juliaup.folder(environ)} has no juliaup.json. No session was started. Install "
            f"juliaup (https://julialang.org/downloads) and then: juliaup add {channel}. "
            f"Or name a path in {wanted_by}."
        )
    return known.find(channel, wanted_by)


def _behind_launcher(path: str, environ: Mapping[str, str], project: Path | None) -> Chosen:
    """Return the program itself or, if it is juliaup's launcher, what that would start."""
    if not juliaup.is_launcher(path):
        return Chosen(path)
    known = juliaup.load(environ)
    if known is None or not known.channels:
        raise JuliaError(
            f"{path} is juliaup's, and juliaup has no Julia yet. No session was started. "
            "Install one with: juliaup add release"
        )
    return known.find(*known.channel_for(project, environ))
