"""Everything that is decided before a Julia is started for a project."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond.config import julia_options, project_path, projects, repo_options
from kaimond.config.julia_options import LaunchError
from kaimond.config.project_path import PathRefusedError
from kaimond.config.repo_options import UnapprovedError
from kaimond.errors import ErrorKind, SessionError
from kaimond.gate.gate_version import require_installed
from kaimond.gate.libzmq import LibzmqNotFoundError, libzmq_path
from kaimond.runtime import (
    SocketPathTooLongError,
    UnsafeDirectoryError,
    check_socket_path,
    ensure_private,
)
from kaimond.toolchain import gate_cache, manifest
from kaimond.toolchain.environment_variables import session_environment
from kaimond.toolchain.find_julia import Julia, JuliaError, Julias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kaimond.config.preferences import Preferences
    from kaimond.config.projects import ProjectEntry, Projects
    from kaimond.config.settings import Settings
    from kaimond.paths import Paths
    from kaimond.toolchain.gate_cache import GateCache

BOOT: Final = gate_cache.GATE / "boot.jl"
"""The program that every managed Julia runs."""

_DEFAULT: Final = "kaimond.toml ([julia] command)"
"""Where the Julia is named if the project names none, for messages."""


@dataclass(frozen=True)
class Plan:
    """How a project's Julia is started; the same for every generation of a session.

    Attributes:
        project: the resolved directory, in which the process also starts.
        julia: the binary.
        flags: flags of the Julia binary, before the program.
        environment: the variables, without those that differ from start to start.
        instantiate: why the environment must be instantiated first; empty if it need not be.
        cache: the precompiled gate; None if this Julia can have none.
    """

    project: Path
    julia: Julia
    flags: tuple[str, ...]
    environment: Mapping[str, str]
    instantiate: tuple[str, ...]
    cache: GateCache | None = None

    def command(self) -> list[str]:
        """Return the argument vector."""
        julia = (self.julia.path, *self.julia.args)
        return [*julia, *self.flags, f"--project={self.project}", str(BOOT)]

    def digest(self) -> str:
        """Return a digest that is equal for plans that start the same thing."""
        parts = (self.command(), self.julia.version, sorted(self.environment.items()))
        whole = json.dumps([*parts, bool(self.instantiate)])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


class NotAllowedError(SessionError):
    """An error about a project that agents may not start sessions in.

    Attributes:
        project: its directory.
        original: the allowed project of which it is another git worktree; None if there is none.
        can_be_allowed: whether its user can still decide, and has not denied it.
    """

    def __init__(self, listed: Projects, project: Path) -> None:
        refusal = listed.refusal(project)
        super().__init__(ErrorKind.NOT_ALLOWED, f"No session was started: {refusal}")
        self.project = project
        entry = listed.worktree_of(project)
        self.original = entry.path if entry else None
        self.can_be_allowed = (
            listed.readable and not listed.denies(project) and not project_path.is_too_wide(project)
        )


class Planner:
    """A maker of plans from the configuration as it is at that moment, so edits count at once."""

    def __init__(self, paths: Paths, settings: Settings, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._settings = settings
        self._environ = environ
        self._julias = Julias()

    def project(self, text: str) -> ProjectEntry:
        """Return the allowed project in exactly the directory that a path names.

        Raises:
            NotAllowedError: it is not an allowed one.
            SessionError: it is not a project.
        """
        try:
            path = project_path.resolve_project(text)
        except PathRefusedError as error:
            raise SessionError(ErrorKind.BAD_PATH, f"{error} No session was started.") from None
        listed = projects.load(self._paths.projects_file)
        entry = listed.allowed(path)
        if entry is None:
            raise NotAllowedError(listed, path)
        return entry

    def project_at(self, text: str) -> ProjectEntry:
        """Return the allowed project that a path names or lies in.

        Raises:
            NotAllowedError: it is not allowed.
            SessionError: there is no project.
        """
        listed = projects.load(self._paths.projects_file)
        try:
            path = project_path.resolve(text)
            directory = path.parent if path.is_file() else project_path.resolve_directory(text)
            if project_path.is_project(directory) and (entry := listed.allowed(directory)):
                return entry
            entry = listed.leading_to(directory)
            if entry:
                return entry
            nearest = project_path.nearest_project(directory)
            raise NotAllowedError(listed, nearest or project_path.resolve_project(str(directory)))
        except PathRefusedError as error:
            raise SessionError(ErrorKind.BAD_PATH, f"{error} No session was started.") from None
        except OSError as error:
            told = f"{text} cannot be looked into ({error.strerror}). No session was started."
            raise SessionError(ErrorKind.BAD_PATH, told) from None

    def unapproved(self, entry: ProjectEntry) -> UnapprovedError | None:
        """Return why the repository's launch options wait for the user; None if they do not."""
        try:
            repo_options.combined(
                entry.path, entry.launch or julia_options.DEFAULT, entry.repo_launch
            )
        except UnapprovedError as error:
            return error
        except LaunchError:
            # Nothing that the user could approve; the start reports it.
            pass
        return None

    async def usual_cache(self) -> tuple[GateCache | None, Mapping[str, str]]:
        """Return the gate cache and environment of a project without launch options of its own.

        Raises:
            SessionError: there is no Julia.
        """
        environment = self._environment()
        try:
            julia = await self._julias.find(
                self._settings.julia.command, environment, wanted_by=_DEFAULT
            )
        except JuliaError as error:
            raise SessionError(ErrorKind.NO_JULIA, str(error)) from None
        return self._cache(julia, julia_options.DEFAULT.flags(Path.cwd()), environment), environment

    def _environment(self) -> dict[str, str]:
        return session_environment(self._environ, self._settings.environment.pass_, {})

    def _cache(
        self, julia: Julia, flags: Sequence[str], environment: Mapping[str, str]
    ) -> GateCache | None:
        return gate_cache.cache_for(self._paths.gate_caches, julia, flags, environment)

    def _preferences(self, project: Path) -> Preferences:
        return projects.load(self._paths.projects_file).preferences(project)

    async def plan(self, entry: ProjectEntry) -> Plan:
        """Return how the project's Julia is to be started.

        Raises:
            SessionError: something that it needs is missing or misconfigured.
        """
        if entry.launch is None:
            what = "; ".join(str(problem) for problem in entry.problems)
            raise SessionError(ErrorKind.LAUNCH, f"{what} No session was started.")
        require_installed()
        environment = self._environment()
        wanted_by = f"the launch_config of {entry.path}" if entry.launch.julia_bin else _DEFAULT
        try:
            options = repo_options.combined(entry.path, entry.launch, entry.repo_launch)
            if options.julia_bin and not entry.launch.julia_bin:
                wanted_by = str(entry.path / repo_options.FILE)
            check_socket_path(self._paths.session_socket("00000000"))
            for directory in (self._paths.sockets, self._paths.spool, self._paths.session_logs):
                ensure_private(directory)
            library = libzmq_path()
            julia = await self._julias.find(
                options.julia(self._settings.julia.command),
                environment,
                wanted_by=wanted_by,
                project=entry.path,
            )
            flags = tuple(options.flags(entry.path))
        except (JuliaError, LibzmqNotFoundError) as error:
            raise SessionError(ErrorKind.NO_JULIA, str(error)) from None
        except (LaunchError, SocketPathTooLongError, UnsafeDirectoryError) as error:
            raise SessionError(ErrorKind.LAUNCH, str(error)) from None
        # Hundreds of packages are hundreds of files: a third of a second, or more on a slow disk.
        checked = await asyncio.to_thread(manifest.check, entry.path, environment, julia.version)
        cache = self._cache(julia, flags, environment)
        if cache:
            environment["KAIMON_CACHE"] = str(cache.path)
        return Plan(
            project=entry.path,
            julia=julia,
            flags=flags,
            environment={
                **environment,
                "KAIMON_LIBZMQ": library,
                "KAIMON_REVISE": str(self._preferences(entry.path).revise),
            },
            instantiate=() if checked.ok else checked.problems or ("not sure",),
            cache=cache,
        )
