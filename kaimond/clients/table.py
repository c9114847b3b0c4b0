"""What we know about each MCP client; to support another client, add an entry.

The facts come from the clients' own documentation. The time limits are the clients': a call to
us returns after `eval.promote_after` even if its eval goes on, so only the start of a session,
which may install packages, takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "kaimon"
"""Our name among a client's servers."""

PROGRAM: Final = "kaimon-mcp"

CALL_LIMIT: Final = 600
"""Seconds that a client should wait for a call: longer than starting a session and installing its
packages takes, yet short enough to notice a server that hangs."""

START_LIMIT: Final = 30
"""Seconds that a client should wait for `kaimon-mcp` to answer; after 20 it answers itself for a
daemon that has not come up."""


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

    @property
    def path(self) -> tuple[str, str]:
        """The path of keys to our entry in the file."""
        return self.servers, NAME

    def user_path(self, environ: Mapping[str, str]) -> Path:
        """Return the client's file for all projects of the user with this environment."""
        home = Path(environ.get("HOME") or Path.home())
        moved = environ.get(self.moved_by, "") if self.moved_by else ""
        if moved.startswith("/"):
            return Path(moved) / Path(self.user_file).relative_to(self.moved_from)
        # macOS creates this directory for every user; no other system has it.
        if self.mac_file and (home / "Library" / "Application Support").is_dir():
            return home / self.mac_file
        return home / self.user_file

    def project_path(self, project: Path) -> Path:
        """Return the client's file for the project in this directory."""
        return project / self.project_file

    def entry(self, command: str) -> dict[str, Any]:
        """Return our whole entry, as written when there is none yet."""
        return {**self.required(command), **self.defaults}

    def required(self, command: str) -> dict[str, Any]:
        """Return the keys of our entry that must have these values."""
        first = {"type": self.fixed["type"]} if "type" in self.fixed else {}
        return {**first, "command": command, **self.fixed}


_STDIO: Final[Mapping[str, Any]] = MappingProxyType({"type": "stdio", "args": []})
_PLAIN: Final[Mapping[str, Any]] = MappingProxyType({"args": []})
_MILLISECONDS: Final[Mapping[str, Any]] = MappingProxyType({"timeout": CALL_LIMIT * 1000})

CLIENTS: Final[Mapping[str, Client]] = MappingProxyType(
    {
        client.name: client
        for client in (
            Client(
                name="claude",
                title="Claude Code",
                form="json",
                servers="mcpServers",
                user_file=".claude.json",
                project_file=".mcp.json",
                moved_by="CLAUDE_CONFIG_DIR",
                fixed=_STDIO,
                defaults=_MILLISECONDS,
                programs=("claude",),
                limits=f"It waits 30 s for a server to start. A call goes on in the background "
                f"after 2 minutes, and `timeout` ends it after {CALL_LIMIT} s.",
                project_note="Claude Code asks once whether to use the project's servers.",
            ),
            Client(
                name="codex",
                title="Codex",
                form="toml",
                servers="mcp_servers",
                user_file=".codex/config.toml",
                project_file=".codex/config.toml",
                moved_by="CODEX_HOME",
                moved_from=".codex",
                defaults=MappingProxyType(
                    {"startup_timeout_sec": START_LIMIT, "tool_timeout_sec": CALL_LIMIT}
                ),
                programs=("codex",),
                limits=f"`startup_timeout_sec` gives a server {START_LIMIT} s to start, "
                f"`tool_timeout_sec` a call {CALL_LIMIT} s.",
                project_note="Codex reads it only in a directory that it trusts.",
            ),
            Client(
                name="cursor",
                title="Cursor",
                form="json",
                servers="mcpServers",
                user_file=".cursor/mcp.json",
                project_file=".cursor/mcp.json",
                fixed=_STDIO,
                programs=("cursor", "cursor-agent"),
                limits="Its file has no key for a time limit.",
            ),
            Client(
                name="vscode",
                title="VS Code",
                form="json",
                servers="servers",
                user_file=".config/Code/User/mcp.json",
                project_file=".vscode/mcp.json",
                moved_by="XDG_CONFIG_HOME",
                moved_from=".config",
                mac_file="Library/Application Support/Code/User/mcp.json",
                fixed=_STDIO,
                programs=("code",),
                limits="Its file has no key for a time limit.",
                project_note="VS Code uses it once you trust the workspace and the server.",
            ),
            Client(
                name="gemini",
                title="Gemini CLI",
                form="json",
                servers="mcpServers",
                user_file=".gemini/settings.json",
                project_file=".gemini/settings.json",
                fixed=_PLAIN,
                defaults=_MILLISECONDS,
                programs=("gemini",),
                limits=f"`timeout` gives a call {CALL_LIMIT} s.",
                project_note="Gemini CLI reads it only in a folder that it trusts.",
            ),
            Client(
                name="zed",
                title="Zed",
                form="json",
                servers="context_servers",
                user_file=".config/zed/settings.json",
                project_file=".zed/settings.json",
                moved_by="XDG_CONFIG_HOME",
                moved_from=".config",
                fixed=_PLAIN,
                defaults=MappingProxyType({"timeout": CALL_LIMIT}),
                programs=("zed", "zeditor"),
                limits=f"`timeout` gives a request {CALL_LIMIT} s; without it that would be 60 s.",
                project_note="Zed uses it once you trust the worktree.",
            ),
        )
    }
)
