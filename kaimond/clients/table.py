"""What we know about each MCP client; to support another client, add an entry.

The facts come from the clients' own documentation. The time limits are the clients': a call to
us returns after `eval.promote_after` even if its eval goes on, so only the start of a session,
which may install packages, takes longer.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kaimond.clients.client import NAME, Approval, Client

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_LIMIT: Final = 600
"""Seconds that a client should wait for a call: longer than starting a session and installing its
packages takes, yet short enough to notice a server that hangs."""

START_LIMIT: Final = 30
"""Seconds that a client should wait for `kaimon-mcp` to answer; after 20 it answers itself for a
daemon that has not come up."""

_STDIO: Final[Mapping[str, Any]] = MappingProxyType({"type": "stdio", "args": []})
_PLAIN: Final[Mapping[str, Any]] = MappingProxyType({"args": []})
_LOCAL: Final[Mapping[str, Any]] = MappingProxyType({"type": "local"})
_MILLISECONDS: Final[Mapping[str, Any]] = MappingProxyType({"timeout": CALL_LIMIT * 1000})
_OPENCODE: Final[Mapping[str, Any]] = MappingProxyType({"enabled": True, **_MILLISECONDS})

_PASSED: Final = (
    "KAIMON_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "JULIA_DEPOT_PATH",
    "JULIA_LOAD_PATH",
    "JULIA_PKG_SERVER",
    "JULIAUP_CHANNEL",
    "JULIAUP_DEPOT_PATH",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "LD_LIBRARY_PATH",
)
"""Variables that decide which kaimond is ours and what its Julias find. Codex gives a server only a
few others, and an agent may be what starts kaimond."""

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
                defaults=MappingProxyType({**_MILLISECONDS, "alwaysLoad": True}),
                programs=("claude",),
                approval=Approval(
                    ("permissions", "allow"),
                    f"mcp__{NAME}",
                    listed=True,
                    user_file=".claude/settings.json",
                    # The one beside it is shared with all who have the repository.
                    project_file=".claude/settings.local.json",
                    moved_from=".claude",
                ),
                skills=".claude/skills",
                project_skills=".claude/skills",
                skills_moved_from=".claude",
                limits=f"It waits 30 s for a server to start. A call goes on in the background "
                f"after 2 minutes, and `timeout` ends it after {CALL_LIMIT} s. With `alwaysLoad` "
                "the model knows Kaimon's tools at once, not only after a search for them.",
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
                    {
                        "startup_timeout_sec": START_LIMIT,
                        "tool_timeout_sec": CALL_LIMIT,
                        "env_vars": list(_PASSED),
                    }
                ),
                programs=("codex",),
                approval=Approval(("mcp_servers", NAME, "default_tools_approval_mode"), "approve"),
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
                approval_note="Cursor asks at the first call; allow the tool there.",
                skills=".cursor/skills",
                project_skills=".cursor/skills",
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
                approval_note="VS Code asks at the first call; allow the server there.",
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
                approval=Approval(("mcpServers", NAME, "trust"), True),
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
                approval_note="Zed asks at the first call; allow the tool there.",
                limits=f"`timeout` gives a request {CALL_LIMIT} s; without it that would be 60 s.",
                project_note="Zed uses it once you trust the worktree.",
            ),
            Client(
                name="copilot",
                title="GitHub Copilot CLI",
                form="json",
                servers="mcpServers",
                user_file=".copilot/mcp-config.json",
                project_file=".github/mcp.json",
                moved_by="COPILOT_HOME",
                moved_from=".copilot",
                fixed=MappingProxyType({"type": "local", "args": []}),
                defaults=MappingProxyType({"tools": ["*"], **_MILLISECONDS}),
                programs=("copilot",),
                approval_note=f"Copilot CLI asks at the first call, or start it as "
                f"`copilot --allow-tool '{NAME}'`.",
                limits=f"`timeout` gives a call {CALL_LIMIT} s.",
                project_note="Copilot CLI reads it only in a folder that it trusts.",
            ),
            Client(
                name="opencode",
                title="OpenCode",
                form="json",
                servers="mcp",
                user_file=".config/opencode/opencode.json",
                project_file="opencode.json",
                other_files=(
                    "opencode.jsonc",
                    ".opencode/opencode.json",
                    ".opencode/opencode.jsonc",
                ),
                moved_by="XDG_CONFIG_HOME",
                moved_from=".config",
                command_is_list=True,
                fixed=_LOCAL,
                defaults=_OPENCODE,
                programs=("opencode",),
                approval=Approval(("permission", f"{NAME}_*"), "allow"),
                limits=f"`timeout` gives a request {CALL_LIMIT} s; without it that would be 5 s.",
                project_note="Newer versions of OpenCode use it after "
                f"`opencode mcp approve {NAME}`.",
            ),
            Client(
                name="kilo",
                title="Kilo Code",
                form="json",
                servers="mcp",
                user_file=".config/kilo/kilo.json",
                project_file="kilo.json",
                other_files=("kilo.jsonc", ".kilo/kilo.json", ".kilo/kilo.jsonc"),
                moved_by="XDG_CONFIG_HOME",
                moved_from=".config",
                command_is_list=True,
                fixed=_LOCAL,
                defaults=_OPENCODE,
                programs=("kilo", "kilocode"),
                approval=Approval(("permission", f"{NAME}_*"), "allow"),
                limits=f"`timeout` gives a request {CALL_LIMIT} s.",
            ),
            Client(
                name="antigravity",
                title="Google Antigravity",
                form="json",
                servers="mcpServers",
                user_file=".gemini/config/mcp_config.json",
                project_file=".agents/mcp_config.json",
                fixed=_PLAIN,
                programs=("agy", "antigravity"),
                approval_note="Antigravity asks at the first call; allow the tool there.",
                skills="",
                limits="Its file has no key for a time limit.",
            ),
        )
    }
)
