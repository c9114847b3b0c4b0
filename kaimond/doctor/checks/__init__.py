"""The checks, in reporting order: those that others depend on come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from kaimond.doctor.checks import (
    clients,
    configuration,
    daemon,
    directories,
    installation,
    julia,
    machine,
    neighbour,
    service,
)
from kaimond.doctor.finding import Finding
from kaimond.doctor.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

Check: TypeAlias = Callable[[World], Iterable[Finding]]

CHECKS: Final[Mapping[str, Check]] = {
    "python": installation.python,
    "packages": installation.packages,
    "libzmq": installation.libzmq,
    "loading": installation.loading,
    "programs": installation.programs,
    "settings": configuration.settings,
    "julia": julia.configured,
    "julia, gate": julia.precompiled,
    "julia, others": julia.others,
    "runtime": directories.runtime_directory,
    "directories": directories.others,
    "socket": daemon.socket,
    "daemon": daemon.daemon,
    "service": service.service,
    "projects": configuration.projects,
    "clients": clients.clients,
    "disk": machine.disk,
    "open files": machine.open_files,
    "processes": machine.processes,
    "terminals": machine.terminals,
    "neighbour": neighbour.neighbour,
}
"""The checks by name; the name is reported if the check itself fails."""
