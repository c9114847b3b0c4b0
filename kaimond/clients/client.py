"""What is to be known about one MCP client: its files, their form, and what is written there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "kaimon"
"""Our name among a client's servers."""

PROGRAM: Final = "kaimon-mcp"


@dataclass(frozen=True, slots=True)
class Approval:
    """Where a client notes that it need not ask before it calls our tools.

    Attributes:
        path: the path of keys to the note, below the outermost value.
        value: what is written there; in a list, one of its members.
        listed: whether the path leads to a list that gets ``value`` as a member.
        user_file: the file for all projects, relative to the home directory; "" for the file that
            holds the servers.
        project_file: the file for one project, relative to its directory; "" likewise.
        moved_from: directory below home that the client's `moved_by` replaces in ``user_file``.
    """

    path: tuple[str, ...]
    value: Any
    listed: bool = False
    user_file: str = ""
    project_file: str = ""
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """One MCP client.

    Attributes:
        name: the name on the command line.
        title: the name that people use.
        form: the format of its file; ``json`` includes comments.
        servers: the key in its file that holds the servers by name.
        user_file: its file for all projects, relative to the home directory.
        project_file: its file for one project, relative to the project's directory.
        limits: how it treats slow servers, in sentences.
        moved_by: variable naming the directory that replaces `moved_from` in ``user_file``.
        moved_from: directory below home that ``moved_by`` replaces; "" for home itself.
        mac_file: ``user_file`` on macOS, if different.
        fixed: keys of our entry besides ``command`` that are always set.
        defaults: keys of our entry that are set unless the user has set them.
        programs: names of its programs, used to tell whether it is installed.
        project_note: what users must know about the project's file.
        other_files: names that its files may have instead, if one of those is there already;
            relative to the directory of the file.
        command_is_list: whether ``command`` is a list with the program's arguments in it.
        approval: where it notes that our tools are approved; None if it has no file for that.
        approval_note: how users approve our tools if ``approval`` is None.
        skills: directory of the user's skills, relative to the home directory; "" if we do not know
            of one.
        project_skills: directory of a project's skills, relative to the project's directory.
        skills_moved_from: directory below home that ``moved_by`` replaces in ``skills``.
    """

    name: str
    title: str
    form: Literal["json", "toml"]
    servers: str
    user_file: str
    project_file: str
    limits: str
    moved_by: str = ""
    moved_from: str = ""
    mac_file: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    programs: tuple[str, ...] = ()
    project_note: str = ""
    other_files: tuple[str, ...] = ()
    command_is_list: bool = False
    approval: Approval | None = None
    approval_note: str = ""
    skills: str = ".agents/skills"
    project_skills: str = ".agents/skills"
    skills_moved_from: str | None = None

    @property
    def path(self) -> tuple[str, str]:
        """The path of keys to our entry in the file."""
        return self.servers, NAME

    def user_path(self, environ: Mapping[str, str]) -> Path:
        """Return the client's file for all projects of the user with this environment."""
        home = _home(environ)
        # macOS creates this directory for every user; no other system has it.
        if self.mac_file and (home / "Library" / "Application Support").is_dir():
            return home / self.mac_file
        return self._existing(self._moved(environ, self.user_file, self.moved_from))

    def project_path(self, project: Path) -> Path:
        """Return the client's file for the project in this directory."""
        return self._existing(project / self.project_file)

    def approval_path(self, environ: Mapping[str, str], project: Path | None) -> Path:
        """Return the file that holds the approval, for a project or for all of them."""
        assert self.approval
        if not self.approval.user_file:
            return self.project_path(project) if project else self.user_path(environ)
        if project:
            return project / self.approval.project_file
        return self._moved(environ, self.approval.user_file, self.approval.moved_from)

    def skills_path(self, environ: Mapping[str, str], project: Path | None) -> Path | None:
        """Return the directory of the user's skills, or of a project's; None if it is unknown."""
        if project:
            return project / self.project_skills
        if not self.skills:
            return None
        return self._moved(environ, self.skills, self.skills_moved_from)

    def _moved(self, environ: Mapping[str, str], file: str, moved_from: str | None) -> Path:
        moved = environ.get(self.moved_by, "") if self.moved_by else ""
        if moved.startswith("/") and moved_from is not None:
            return Path(moved) / Path(file).relative_to(moved_from)
        return _home(environ) / file

    def _existing(self, path: Path) -> Path:
        """Return the file under the first of its names that is there; else under the usual one."""
        names = (path, *(path.parent / name for name in self.other_files))
        return next((each for each in names if each.exists()), path)

    def entry(self, command: str) -> dict[str, Any]:
        """Return our whole entry, as written when there is none yet."""
        return {**self.required(command), **self.defaults}

    def required(self, command: str) -> dict[str, Any]:
        """Return the keys of our entry that must have these values."""
        first = {"type": self.fixed["type"]} if "type" in self.fixed else {}
        return {**first, "command": [command] if self.command_is_list else command, **self.fixed}


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
