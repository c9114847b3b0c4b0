"""Collects information for diagnosing a fault, as texts that can be shown to others."""

from __future__ import annotations

import json
import platform
import sys
from collections import deque
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from kaimond import __version__
from kaimond.config import files
from kaimond.doctor import examine, masking
from kaimond.doctor.finding import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kaimond.doctor.world import World

LOG_LINES: Final = 2000
SESSION_LINES: Final = 200
SESSIONS: Final = 5
"""The number of sessions whose output is included, newest first."""

_LONGEST_LINE: Final = 4096


class Report:
    """The parts of a report, each created on demand.

    Args:
        world: the environment to report on.
        session_output: whether to include the output of sessions, which may hold any data.
        show_home: whether to leave paths as they are.
    """

    def __init__(
        self, world: World, *, session_output: bool = False, show_home: bool = False
    ) -> None:
        self._world = world
        self._show_home = show_home
        self._secrets = masking.secrets(world.environ)
        self._session_output = session_output

    def parts(self) -> Iterator[tuple[str, str]]:
        """Yield the name and text of each part; the text of a failed part says why it failed."""
        paths = self._world.paths
        makers: list[tuple[str, Callable[[], str]]] = [
            ("versions.txt", self._versions),
            ("doctor.txt", self._doctor),
            ("status.json", self._status),
            ("environment.txt", self._environment),
        ]
        makers += [
            (f"config/{file.name}", lambda file=file: _content(file))  # type: ignore[misc]
            for file in self._configuration()
        ]
        start_log = paths.runtime / "start.log"
        makers += [
            ("log/server.log", lambda: _tail(paths.server_log, LOG_LINES)),
            ("log/start.log", lambda: _tail(start_log, LOG_LINES)),
        ]
        if self._session_output:
            makers += [
                (f"log/sessions/{file.name}", lambda file=file: _tail(file, SESSION_LINES))  # type: ignore[misc]
                for file in self._session_logs()
            ]
        for name, make in makers:
            yield name, self._shown(make)

    def _shown(self, make: Callable[[], str]) -> str:
        try:
            text = make()
        except Exception as error:  # noqa: BLE001 - one part that is broken must not cost the rest
            text = f"(could not be collected: {type(error).__name__}: {error})"
        text = masking.mask(text, self._secrets)
        if not self._show_home:
            user = self._world.environ.get("USER", "")
            text = masking.hide_home(text, str(self._world.home), user)
        return text if text.endswith("\n") else f"{text}\n"

    def _versions(self) -> str:
        lines = [
            f"kaimond {__version__}",
            f"Python {platform.python_version()} ({sys.executable})",
            f"system {platform.platform()}",
        ]
        theirs = self._world.contact.version
        lines.append(f"daemon {json.dumps(dict(theirs))}" if theirs else "daemon: none answers")
        packages = {each.metadata["Name"]: each.version for each in metadata.distributions()}
        lines += [f"{name} {version}" for name, version in sorted(packages.items())]
        return "\n".join(lines)

    def _doctor(self) -> str:
        lines = []
        for finding in examine(self._world):
            lines.append(f"{finding.level:4}  {finding.check}: {finding.text}")
            if finding.level is not Level.OK:
                lines.append(f"      -> {finding.cure}")
        return "\n".join(lines)

    def _status(self) -> str:
        contact = self._world.contact
        facts: dict[str, Any] = {"state": str(contact.state), "words": contact.words}
        return json.dumps({**facts, "status": dict(contact.status)}, indent=2)

    def _environment(self) -> str:
        """Return the names of all variables, with values only for our own."""
        ours = (
            "KAIMON_",
            "XDG_",
            "JULIA",
            "LANG",
            "LC_",
            "PATH",
            "TERM",
            "NO_COLOR",
            "VIRTUAL_ENV",
        )
        lines = [
            f"{name}={value}" if name.startswith(ours) else f"{name} is set"
            for name, value in sorted(self._world.environ.items())
        ]
        return "\n".join(lines)

    def _configuration(self) -> list[Path]:
        paths = self._world.paths
        candidates = [paths.settings_file, paths.projects_file]
        if paths.settings_overlay.is_dir():
            candidates += sorted(paths.settings_overlay.glob("*.toml"))
        return [file for file in candidates if file.exists()]

    def _session_logs(self) -> list[Path]:
        folder = self._world.paths.session_logs
        logs = list(folder.glob("*.log")) if folder.is_dir() else []
        return sorted(logs, key=lambda file: file.stat().st_mtime, reverse=True)[:SESSIONS]


def _content(file: Path) -> str:
    return files.read(file).decode(errors="backslashreplace")


def _tail(file: Path, lines: int) -> str:
    """Return the last lines of a file, long ones truncated."""
    if not file.exists():
        return f"({file} does not exist)"
    with file.open("rb") as stream:
        # The limit keeps a line without an end from being read whole.
        kept = deque(iter(lambda: stream.readline(_LONGEST_LINE), b""), maxlen=lines)
    return b"".join(kept).decode(errors="backslashreplace")
